import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';

const SCRIPT = join(import.meta.dirname, '../../scripts/run-tests.ts');

const PASSES = `import { test } from 'node:test'; test('fine', () => {});`;
const HANGS = `import { test } from 'node:test'; test('fine', () => {}); setInterval(() => {}, 1000);`;

/** Runs the runner on a project of these test files; gives its code, its output and the last line of that. */
function runTests(
  t: TestContext,
  files: Record<string, string>,
  ...args: string[]
): { code: number | null; stdout: string; last: string | undefined } {
  const root = mkdtempSync(join(tmpdir(), 'run-tests-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'test', path)), { recursive: true });
    writeFileSync(join(root, 'test', path), text);
  }
  // With this set the inner runner would take itself for a part of the outer one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, '--root', root, ...args], {
    encoding: 'utf8',
    env,
    timeout: 60_000,
  });
  return { code: status, stdout, last: stdout.trimEnd().split('\n').at(-1) };
}

it('counts tests, subtests and skipped ones, and ends with the line that says so', (t) => {
  const { code, last } = runTests(t, {
    'a.test.ts': `import { describe, it, test } from 'node:test';
      test('one', async (t) => { await t.test('inside', () => {}); });
      test('later', { todo: true }, () => { throw new Error('not yet'); });
      describe('suite', () => { it('two', () => {}); it.skip('three', () => {}); });`,
    'deep/er/b.test.ts': PASSES,
    'c.ts': 'throw new Error("no test file")',
  });
  assert.equal(last, '4 passed, 0 failed, 2 skipped');
  assert.equal(code, 0);
});

it('names a failed test by file, line and suite, and shows its error and what the file wrote', (t) => {
  const { code, stdout, last } = runTests(t, {
    'a.test.ts': `import { describe, it } from 'node:test'; import assert from 'node:assert/strict';
describe('suite', () => {
  it('bad', () => { console.log('a clue'); assert.equal('this', 'that'); });
});`,
    'b.test.ts': PASSES,
  });
  assert.match(stdout, /test\/a\.test\.ts:3 suite > bad/);
  assert.match(stdout, /'this' !== 'that'/);
  assert.match(stdout, /a clue/);
  assert.equal(last, '1 passed, 1 failed');
  assert.equal(code, 1);
});

it('fails a file that breaks off, hangs, or registers no test', (t) => {
  const { code, stdout, last } = runTests(
    t,
    {
      'exits.test.ts': `import { test } from 'node:test'; test('fine', () => { process.exit(3); });`,
      'hangs.test.ts': HANGS,
      'none.test.ts': 'console.log("nothing");',
      'throws.test.ts': 'throw new Error("at import");',
    },
    '--file-timeout',
    '2',
  );
  assert.match(stdout, /✖ test\/exits\.test\.ts\n +ended with 3 outside of its tests/);
  assert.match(stdout, /✖ test\/hangs\.test\.ts\n +did not end within 2 s/);
  assert.match(stdout, /✖ test\/none\.test\.ts\n +registers no test/);
  assert.match(stdout, /✖ test\/throws\.test\.ts\n +ended with 1 outside of its tests(.|\n)*at import/);
  assert.equal(last, '1 passed, 4 failed');
  assert.equal(code, 1);
});

it('runs the files that match its arguments, and fails when there is none', (t) => {
  const files = { 'render/a.test.ts': PASSES, 'nginx/b.test.ts': 'throw new Error("not asked for");' };
  const one = runTests(t, files, './test/render');
  assert.equal(one.last, '1 passed, 0 failed');
  assert.equal(one.code, 0);
  const none = runTests(t, files, 'test/nowhere');
  assert.equal(none.last, '0 passed, 0 failed');
  assert.equal(none.code, 1);
});
