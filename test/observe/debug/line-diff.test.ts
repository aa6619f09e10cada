import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { diffLines, unifiedDiff, type LineDiff } from '../../../src/observe/debug/line-diff.ts';
import { temporaryDirectory } from '../../support/temp-dir.ts';

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** The later text, from the earlier one and a difference. */
function patched(before: readonly string[], { hunks }: LineDiff): string[] {
  const after: string[] = [];
  let at = 0;
  for (const { lines } of hunks) {
    const first = lines.find((line) => line.before !== null)?.before ?? null;
    // A hunk that only adds stands behind nothing: at the beginning of an empty text.
    const until = first === null ? at : first - 1;
    after.push(...before.slice(at, until));
    at = until;
    for (const { sign, text } of lines) {
      if (sign !== '+') {
        assert.equal(before[at], text);
        at += 1;
      }
      if (sign !== '-') {
        after.push(text);
      }
    }
  }
  return [...after, ...before.slice(at)];
}

test('a difference makes the later text of the earlier one, whatever they are', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '{', '}', ''), { maxLength: 30 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const diff = diffLines(textOf(before), textOf(after), 60_000);
      assert.deepEqual(patched(before, diff), after);
      const shown = diff.hunks.flatMap((hunk) => hunk.lines);
      assert.equal(diff.added, shown.filter(({ sign }) => sign === '+').length);
      assert.equal(diff.removed, shown.filter(({ sign }) => sign === '-').length);
      for (const { sign, before: left, after: right, text } of shown) {
        assert.equal(left === null, sign === '+');
        assert.equal(right === null, sign === '-');
        assert.equal(left === null ? text : before[left - 1], text);
        assert.equal(right === null ? text : after[right - 1], text);
      }
    }),
    { numRuns: 500 },
  );
});

test('equal texts have none, and an empty one is added or removed whole', () => {
  assert.deepEqual(diffLines('a\nb\n', 'a\nb\n'), { hunks: [], added: 0, removed: 0, isCoarse: false });
  assert.deepEqual([...unifiedDiff(diffLines('a\n', 'a\n'), ['x', 'y'])], []);
  assert.equal(diffLines('', 'a\nb\n').added, 2);
  assert.equal(diffLines('a\nb\n', '').removed, 2);
});

test('the unified form is what patch(1) takes', async (t) => {
  if (spawnSync('patch', ['--version']).error !== undefined) {
    t.skip('there is no patch(1) here');
    return;
  }
  const folder = await temporaryDirectory(t);
  const file = path.join(folder, 'a');
  const before = textOf(Array.from({ length: 60 }, (_, index) => `line ${index % 7} ${index}`));
  const after = before
    .replace('line 3 10\n', 'x\ny\n')
    .replace('line 5 40\n', '')
    .replace('line 0 0\n', 'first\nline 0 0\n');
  await writeFile(file, before);
  await writeFile(path.join(folder, 'd'), [...unifiedDiff(diffLines(before, after), ['a', 'a'])].join(''));
  const { status, stderr } = spawnSync('patch', [file, path.join(folder, 'd')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.equal(await readFile(file, 'utf8'), after);
});

test('a change in each of thousands of blocks is found line by line', () => {
  function all(seconds: number): string {
    return Array.from(
      { length: 3000 },
      (_, index) => `server {\n  server_name a${index};\n  location / {\n    read ${seconds};\n  }\n}\n`,
    ).join('');
  }
  const { added, removed, isCoarse, hunks } = diffLines(all(60), all(61), 60_000);
  assert.deepEqual([added, removed, isCoarse, hunks.length], [3000, 3000, false, 1]);
});

test('texts with nothing to hold on to are compared in bounded time, and it is said so', () => {
  const before = Array.from({ length: 60_000 }, (_, index) => String((index * 7919) % 101));
  const after = before.toReversed();
  const diff = diffLines(textOf(before), textOf(after), 50);
  assert.equal(diff.isCoarse, true);
  assert.deepEqual(patched(before, diff), after);
});
