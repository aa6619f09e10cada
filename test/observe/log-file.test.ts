import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { GatewayError } from '../../src/errors.ts';
import { createLogger } from '../../src/observe/log.ts';
import { type LogFileOptions, openLogFile, pruneBackups } from '../../src/observe/log-file.ts';
import { collector } from './log-support.ts';

const folder = mkdtempSync(join(tmpdir(), 'cng-log-'));
after(() => rm(folder, { recursive: true }));

const dayMs = 86_400_000;
let made = 0;

async function newFolder(): Promise<string> {
  made += 1;
  const path = join(folder, String(made));
  await mkdir(path);
  return path;
}

function optionsFor(path: string, changes: Partial<LogFileOptions> = {}): LogFileOptions {
  return { path, maxBytes: 262_144, maxBackups: 1000, maxAgeMs: dayMs, onProblem: assert.fail, ...changes };
}

/** The numbers of all lines in all files of a log. */
async function numbersIn(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(directory)) {
    const text = await readFile(join(directory, name), 'utf8');
    assert.ok(text === '' || text.endsWith('\n'), `${name} ends within a line`);
    for (const line of text.split('\n').slice(0, -1)) {
      numbers.push((JSON.parse(line) as { n: number }).n);
    }
  }
  return numbers.sort((a, b) => a - b);
}

test('50,000 lines over many rotations are all there, each once, and no file exceeds its size', async () => {
  const directory = await newFolder();
  const logger = createLogger({
    level: 'info',
    destination: collector().stream,
    filePath: join(directory, 'gateway.log'),
    maxSizeMb: 0.25,
    maxBackups: 1000,
  });
  const total = 50_000;

  for (let n = 0; n < total; n += 1) {
    logger.info('A line', { n, object: 'Ingress/shop/front', padding: 'x'.repeat(n % 90) });
    if (n % 5_000 === 0) {
      // Lets rotations happen between the lines, not only after the last.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await logger.close();

  assert.deepEqual(
    await numbersIn(directory),
    Array.from({ length: total }, (_, n) => n),
  );
  const sizes = await Promise.all(
    (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size),
  );
  assert.ok(sizes.length > 10, `${sizes.length} files`);
  assert.ok(Math.max(...sizes) <= 262_144, `the largest has ${Math.max(...sizes)} bytes`);
});

test('no more old files stay than max_backups says, the newest first', async () => {
  const directory = await newFolder();
  const file = openLogFile(optionsFor(join(directory, 'a.log'), { maxBytes: 1000, maxBackups: 2 }));
  for (let n = 0; n < 100; n += 1) {
    file.stream.write(`${JSON.stringify({ n, padding: 'x'.repeat(200) })}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }

  await file.close();

  // On a loaded machine the last rotation may still have been merged with the one before: fewer is right too.
  const names = (await readdir(directory)).sort();
  assert.deepEqual(names, ['a.log', 'a.log.1', 'a.log.2'].slice(0, names.length));
  const numbers = await numbersIn(directory);
  assert.equal(numbers.at(-1), 99);
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, index) => 100 - numbers.length + index),
  );
});

test('max_backups 0 keeps no old file', async () => {
  const directory = await newFolder();
  const file = openLogFile(optionsFor(join(directory, 'a.log'), { maxBytes: 400, maxBackups: 0 }));
  for (let n = 0; n < 20; n += 1) {
    file.stream.write(`${JSON.stringify({ n, padding: 'x'.repeat(100) })}\n`);
  }

  await file.close();

  assert.deepEqual(await readdir(directory), ['a.log']);
});

test('at start, old files beyond number or age go, and nothing else does', async () => {
  const directory = await newFolder();
  const path = join(directory, 'a.log');
  const others = ['a.log.20260101', 'a.log.gz', 'a.log.0', 'b.log.1', 'a.log.1.gz', 'xa.log.9'];
  for (const name of ['a.log', 'a.log.1', 'a.log.2', 'a.log.3', 'a.log.7', ...others]) {
    await writeFile(join(directory, name), '');
  }
  const longAgo = new Date(Date.now() - 3 * dayMs);
  for (const name of ['a.log', 'a.log.2', ...others]) {
    await utimes(join(directory, name), longAgo, longAgo);
  }

  await openLogFile(optionsFor(path, { maxBackups: 3, maxAgeMs: 2 * dayMs })).close();

  assert.deepEqual((await readdir(directory)).sort(), ['a.log', 'a.log.1', 'a.log.3', ...others].sort());
});

test('pruning a folder that does not exist does nothing', async () => {
  await pruneBackups({ path: join(folder, 'none', 'a.log'), maxBackups: 1, maxAgeMs: 1 });
});

test('a log goes on behind the lines of the run before, in a folder that is made', async () => {
  const directory = join(await newFolder(), 'deep', 'er');
  for (let n = 0; n < 3; n += 1) {
    const file = openLogFile(optionsFor(join(directory, 'a.log')));
    file.stream.write(`${JSON.stringify({ n })}\n`);
    await file.close();
  }

  assert.deepEqual(await numbersIn(directory), [0, 1, 2]);
  assert.equal((await stat(join(directory, 'a.log'))).mode & 0o777, 0o640);
});

test('a file that cannot be written is reported once, tried again, and loses nothing', async () => {
  const directory = join(await newFolder(), 'logs');
  await writeFile(directory, 'in the way');
  const problems: GatewayError[] = [];
  const recovery = Promise.withResolvers<number>();
  const file = openLogFile(
    optionsFor(join(directory, 'a.log'), {
      retryMs: 10,
      onProblem: (error) => problems.push(error),
      onRecovery: recovery.resolve,
    }),
  );
  for (let n = 0; n < 100; n += 1) {
    file.stream.write(`${JSON.stringify({ n })}\n`);
  }
  while (problems.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  await rm(directory);
  await mkdir(directory);
  const dropped = await recovery.promise;
  await file.close();

  assert.equal(dropped, 0);
  assert.deepEqual(
    await numbersIn(directory),
    Array.from({ length: 100 }, (_, n) => n),
  );
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['CNG_LOG_FILE_FAILED'],
  );
  assert.match(problems[0]?.message ?? '', /a\.log cannot be written: .*(ENOTDIR|EEXIST)/u);
});

test('a rotation that fails neither loses nor doubles the line that caused it', async () => {
  const directory = await newFolder();
  const path = join(directory, 'a.log');
  // A folder with something in it where the old file should go: the rename fails.
  await mkdir(join(directory, 'a.log.1', 'full'), { recursive: true });
  const problems: string[] = [];
  const recovery = Promise.withResolvers<number>();
  const file = openLogFile(
    optionsFor(path, {
      maxBytes: 1000,
      maxBackups: 1,
      retryMs: 10,
      onProblem: (error) => problems.push(error.message),
      onRecovery: recovery.resolve,
    }),
  );
  for (let n = 0; n < 3; n += 1) {
    file.stream.write(`${JSON.stringify({ n, padding: 'x'.repeat(600) })}\n`);
  }
  while (problems.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  await rm(join(directory, 'a.log.1'), { recursive: true });
  await recovery.promise;
  await file.close();

  const numbers = await numbersIn(directory);
  assert.deepEqual(numbers, [...new Set(numbers)], 'a line stands twice');
  assert.equal(numbers.at(-1), 2);
  assert.equal(problems.length, 1);
});

test('closing while the file cannot be written ends, and says how many lines are missing', async () => {
  const directory = join(await newFolder(), 'logs');
  await writeFile(directory, 'in the way');
  const problems: string[] = [];
  const file = openLogFile(
    optionsFor(join(directory, 'a.log'), { onProblem: (error) => problems.push(error.message) }),
  );
  file.stream.write('{"n":1}\n');
  file.stream.write('{"n":2}\n');

  await file.close();

  assert.match(problems.at(-1) ?? '', /2 lines were not written/u);
});
