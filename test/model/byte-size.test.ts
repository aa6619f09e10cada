import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytes, parseBytes } from '../../src/model/byte-size.ts';
import { refused } from '../../src/model/token.ts';

describe('sizes', () => {
  const cases: readonly [string, number | null][] = [
    ['0', 0],
    ['1024', 1024],
    ['8k', 8192],
    ['8K', 8192],
    [' 1m ', 1_048_576],
    ['1g', 1_073_741_824],
    ['7b', 7],
    ['', null],
    ['k', null],
    ['1.5k', null],
    ['-1', null],
    ['8k;', null],
    ['8kb', null],
    ['1e3', null],
    ['9999999999g', null],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${JSON.stringify(text)} as ${expected ?? 'no size'}`, () => {
      const parsed = parseBytes(text, 0, 2 ** 50);

      assert.equal(refused(parsed) ? null : parsed.value, expected);
    });
  }

  it('prints what nginx reads everywhere: no g, and the largest unit that is exact', () => {
    assert.deepEqual(
      [0, 1, 1500, 2048, 1_048_576, 2_147_483_648].map((count) => bytes(count).text),
      ['0', '1', '1500', '2k', '1m', '2048m'],
    );
  });

  it('names the bounds that a size has to keep', () => {
    assert.deepEqual(parseBytes('64m', 1024, 16_777_216), {
      error: '"64m" is out of range: write a size from 1k to 16m',
    });
  });
});
