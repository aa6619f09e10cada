import { globSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { inspect, parseArgs } from 'node:util';

interface Options {
  /** Folder whose `test/` is run. */
  readonly root: string;
  /** Paths or parts of paths; a file that holds one of them runs. None: all files run. */
  readonly filters: readonly string[];
  /** Files at a time, each in a process of its own: nginx and its clients share the cores with them. */
  readonly concurrency: number;
  /** Milliseconds after which a file that has not ended is killed and failed. */
  readonly fileTimeout: number;
}

interface FileResult {
  readonly path: string;
  passed: number;
  failed: number;
  /** Those marked todo too, whatever came of them. */
  skipped: number;
  /** What to print of a failure: a heading and the error below it. */
  readonly failures: { title: string; text: string }[];
  /** What the file wrote, kept for the case that it fails. */
  output: string;
}

/** Enough to see what happened last; a test that logs without end must not fill the terminal. */
const OUTPUT_LIMIT = 20_000;

/**
 * Runs the test files and prints a line per file, each failure, and `N passed, N failed` as the last line.
 *
 * A file fails as well when it does not end in time, when it ends before its tests do, and when it registers
 * no test. Returns the exit code: 0 only if something ran and nothing failed.
 */
async function runTests(options: Options): Promise<number> {
  const files = testFiles(options.root, options.filters);
  if (files.length === 0) {
    console.error(
      options.filters.length === 0
        ? `no *.test.ts in ${join(options.root, 'test')}`
        : `no test file matches ${options.filters.join(' ')}`,
    );
  }
  const results: FileResult[] = [];
  const queue = files.values();
  async function work(): Promise<void> {
    for (const path of queue) {
      const started = performance.now();
      const result = await runFile(path, options);
      results.push(result);
      report(result, performance.now() - started);
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return summarize(results);
}

function testFiles(root: string, filters: readonly string[]): string[] {
  const wanted = filters.map((filter) => (isAbsolute(filter) ? relative(root, filter) : filter));
  return globSync('test/**/*.test.ts', { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part.replace(/^\.\//, ''))))
    .sort();
}

async function runFile(path: string, options: Options): Promise<FileResult> {
  const file = join(options.root, path);
  const result: FileResult = { path, passed: 0, failed: 0, skipped: 0, failures: [], output: '' };
  const timeout = AbortSignal.timeout(options.fileTimeout);
  // Each file has a `run` of its own: a limit given to `run` counts for the whole of it, not for each file.
  const events = run({
    files: [file],
    cwd: options.root,
    isolation: 'process',
    concurrency: 1,
    signal: timeout,
  });
  const names: string[] = [];
  for await (const { type, data } of events) {
    switch (type) {
      case 'test:start':
        names.length = data.nesting;
        names.push(data.name);
        break;
      case 'test:stdout':
      case 'test:stderr':
        result.output = (result.output + data.message).slice(-OUTPUT_LIMIT);
        break;
      case 'test:pass':
        if (data.name === file) fail(result, path, 'registers no test');
        else if (data.skip !== undefined || data.todo !== undefined) result.skipped++;
        else if (data.details.type !== 'suite') result.passed++;
        break;
      case 'test:fail': {
        const error = data.details.error as Error & { failureType?: string };
        if (data.todo !== undefined) {
          result.skipped++;
        } else if (data.name === file) {
          fail(result, path, fileFailure(error, timeout, options.fileTimeout));
        } else if (error.failureType === 'subtestsFailed') {
          // Its subtests are told with their errors; a test counts beside them, a suite is only their folder.
          if (data.details.type !== 'suite') result.failed++;
        } else {
          const place = data.line === undefined ? path : `${path}:${data.line}`;
          const name = [...names.slice(0, data.nesting), data.name].join(' > ');
          fail(result, `${place} ${name}`, inspect(error.cause ?? error, { depth: 6 }));
        }
        break;
      }
      default:
        break;
    }
  }
  return result;
}

function fail(result: FileResult, title: string, text: string): void {
  result.failed++;
  result.failures.push({ title, text });
}

/** A failure of the file itself, and not of a test in it. */
function fileFailure(
  error: Error & { exitCode?: number | string },
  timeout: AbortSignal,
  limit: number,
): string {
  if (timeout.aborted) {
    return `did not end within ${limit / 1000} s and was killed: a test waits for ever, or something keeps the process alive after the last one`;
  }
  return `ended with ${error.exitCode ?? 'a signal'} outside of its tests; its output is below`;
}

function report(result: FileResult, duration: number): void {
  const seconds = `${(duration / 1000).toFixed(1)} s`;
  console.log(`${result.failed === 0 ? 'ok  ' : 'FAIL'} ${result.path} (${counts(result)}; ${seconds})`);
  for (const { title, text } of result.failures) {
    console.log(indent(`✖ ${title}\n${indent(text)}`));
  }
  if (result.failed > 0 && result.output.trim() !== '') {
    console.log(indent(`output of ${result.path}:\n${indent(result.output.trimEnd())}`));
  }
}

function summarize(results: readonly FileResult[]): number {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) {
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
  }
  if (total.failed > 0) {
    console.log('\nfailed:');
    for (const { failures } of results) for (const { title } of failures) console.log(`  ${title}`);
  }
  console.log(`\n${counts(total)}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

function counts(of: { passed: number; failed: number; skipped: number }): string {
  const parts = [`${of.passed} passed`, `${of.failed} failed`];
  if (of.skipped > 0) parts.push(`${of.skipped} skipped`);
  return parts.join(', ');
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ');
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: join(import.meta.dirname, '..') },
    concurrency: { type: 'string', default: '2' },
    'file-timeout': { type: 'string', default: '300' },
  },
});
// Hundreds of processes compile the same sources: what one has compiled the next ones read.
process.env['NODE_COMPILE_CACHE'] ??= resolve(import.meta.dirname, '../.cache/compiled');
process.exitCode = await runTests({
  root: resolve(values.root),
  filters: positionals.map((path) => (path.startsWith('..') ? resolve(path) : path)),
  concurrency: Number(values.concurrency),
  fileTimeout: Number(values['file-timeout']) * 1000,
});
