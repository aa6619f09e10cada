import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readOrigins } from '../../src/model/origin.ts';

/** Whether an origin is let in by a list. */
function lets(list: string, origin: string): boolean {
  return readOrigins(list).patterns.some(({ text }) => {
    const isAnyCase = text.startsWith('(?i)');
    return new RegExp(text.replace('(?i)', ''), isAnyCase ? 'iu' : 'u').test(origin);
  });
}

describe('lists of origins', () => {
  const cases: readonly [string, string, boolean][] = [
    ['https://a.example.com', 'https://a.example.com', true],
    ['https://a.example.com', 'https://A.Example.COM', true],
    ['https://A.example.com', 'https://a.example.com', true],
    ['https://a.example.com', 'http://a.example.com', false],
    ['https://a.example.com', 'https://a.example.com:8443', false],
    ['https://a.example.com:8443', 'https://a.example.com:8443', true],
    ['https://a.example.com', 'https://axexample.com', false],
    ['https://a.example.com', 'https://evil.example/?https://a.example.com', false],
    ['https://a.example.com', 'https://a.example.com.evil.example', false],
    ['https://*.example.com', 'https://b.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://b.c.example.com', false],
    ['https://*.example.com', 'https://evil.example/.example.com', false],
    ['https://*.example.com:81', 'https://b.example.com:81', true],
    ['https://a.example.com, http://localhost:3000', 'http://localhost:3000', true],
    ['null', 'null', true],
    ['null', 'xnull', false],
    ['chrome-extension://abcdef', 'chrome-extension://abcdef', true],
  ];
  for (const [list, origin, expected] of cases) {
    it(`${list} ${expected ? 'lets' : 'does not let'} ${origin} in`, () => {
      assert.equal(lets(list, origin), expected);
    });
  }

  it('let everybody in by a star anywhere', () => {
    assert.equal(readOrigins('https://a.example.com, *').any, true);
    assert.equal(readOrigins('https://*.example.com').any, false);
  });

  for (const item of [
    'https://a.example.com/',
    'a.example.com',
    'https://*',
    'https://a.*.com',
    'https://a b',
    'HTTPS://a.b',
  ]) {
    it(`leave ${item} out and say so`, () => {
      const { any, patterns, problems } = readOrigins(`${item}, https://ok.example.com`);

      assert.deepEqual([any, patterns.length, problems.length], [false, 1, 1]);
      assert.match(problems[0] ?? '', /is not an origin and is left out: write scheme/u);
    });
  }
});
