import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { originsOfLine } from '../../src/model/candidate.ts';
import type { OriginRange } from '../../src/model/candidate.ts';
import { parseObjectKey } from '../../src/model/object-ref.ts';
import { comment, countLines, linesOf, numberedLines } from '../../src/observe/debug-text.ts';

/** Line numbers that `linesOf` has marked. */
function marked(ranges: readonly OriginRange[], object: string, lineCount: number): number[] {
  return [...(linesOf({ ranges }, object, lineCount) ?? [])].flatMap((one, i) => (one === 1 ? [i + 1] : []));
}

test('nested ranges: a foreign Ingress inside is left out, what it encloses of ours is ours again', () => {
  const ranges = [
    { first: 1, last: 9, object: 'Ingress/a/a' },
    { first: 3, last: 7, object: 'Ingress/a/b' },
    { first: 5, last: 5, object: 'Ingress/a/a' },
    { first: 6, last: 6, object: 'Secret/a/s' },
  ];
  assert.deepEqual(marked(ranges, 'Ingress/a/a', 9), [1, 2, 5, 8, 9]);
  assert.deepEqual(marked(ranges, 'Ingress/a/b', 9), [3, 4, 6, 7]);
  assert.deepEqual(marked(ranges, 'Secret/a/s', 9), [6]);
  assert.equal(linesOf({ ranges }, 'Ingress/a/c', 9), null);
});

test('the lines of an object are those whose innermost origin of its kind it is', () => {
  const objects = ['Ingress/a/a', 'Ingress/a/b', 'Secret/a/s'];
  const range = fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.nat(6), fc.constantFrom(...objects))
    .map(([first, length, object]) => ({ first, last: Math.min(12, first + length), object }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 6 }), (some) => {
      const ranges: OriginRange[] = [];
      for (const one of some) {
        // Ranges nest or are apart, and no two begin or end together.
        const fits = ranges.every(
          (other) =>
            one.first > other.last ||
            one.last < other.first ||
            (one.first > other.first && one.last < other.last) ||
            (one.first < other.first && one.last > other.last),
        );
        if (fits) {
          ranges.push(one);
        }
      }
      ranges.sort((a, b) => a.first - b.first);
      for (const object of objects) {
        const kind = parseObjectKey(object)?.kind;
        const expected = Array.from({ length: 12 }, (_, i) => i + 1).filter(
          (line) =>
            originsOfLine({ ranges }, line).find((key) => parseObjectKey(key)?.kind === kind) === object,
        );
        assert.deepEqual(marked(ranges, object, 12), expected);
      }
    }),
    { numRuns: 300 },
  );
});

test('lines are counted and numbered alike, with and without a last line break', () => {
  assert.deepEqual(['', '\n', 'a', 'a\n', 'a\n\n', 'a\nb'].map(countLines), [0, 1, 1, 1, 2, 2]);
  assert.deepEqual(
    [...numberedLines('a\n\nb', { first: 1, last: 3 }, null, 2)],
    ['        1 | a\n', '>>>     2 | \n', '        3 | b\n'],
  );
});

test('a comment stays a comment, whatever stands in it', () => {
  assert.equal(comment('a\r\nb\rc\nd\u{0}\u{1b}[31m\u{85}'), '# a\n# b\n# c\n# d  [31m \n');
  assert.equal(comment('\n}'), '# \n# }\n');
});
