import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, matchRegex, renewSteps, textOf } from '../../src/explain/regex.ts';

/** What PCRE finds, where it differs from the language's own engine or is easily got wrong; null for nothing. */
const cases: readonly (readonly [
  pattern: string,
  text: string,
  groups: readonly (string | null)[] | null,
])[] = [
  ['^/a', '/ab', ['/a']],
  ['^/A', '/a', null],
  ['(?i)^/A', '/a', ['/a']],
  ['^(?i)/a(?-i)B', '/AB', ['/AB']],
  ['^(?-i)/a', '/A', null],
  ['^(?:(?i:a)b)$', 'Ab', ['Ab']],
  // "$" also stands before a line end that is last, "." for no line end.
  ['^/a$', '/a\n', ['/a']],
  ['^/a$', '/a\n\n', null],
  ['^/.$', '/\n', null],
  ['^/.$', '/\r', ['/\r']],
  // Bytes: a character of two is two, and has no case.
  ['^/.$', '/é', null],
  ['^/..$', '/é', ['/é']],
  ['(?i)^É$', 'é', null],
  ['^[é]+$', 'é', ['é']],
  ['^\\w+$', 'é', null],
  ['\\s', '\u00a0', null],
  // Possessive and atomic groups give nothing back.
  ['^a++a', 'aaa', null],
  ['^(?>a+)a', 'aaa', null],
  ['^(a+?)(a*)$', 'aaa', ['aaa', 'a', 'aa']],
  // A group keeps what it found in an earlier turn, and one that took no part is matched by nothing.
  ['^(?:(a)|(b))*$', 'ab', ['ab', 'a', 'b']],
  ['^(a)?\\1b', 'b', null],
  ['^(a)\\1$', 'aa', ['aa', 'a']],
  ['^(?<path_1>[^/]*)/(?<path_2>.*)', 'x/y/z', ['x/y/z', 'x', 'y/z']],
  ['^(a*)*$', 'aa', ['aa', '']],
  ['^(a|ab)(c|bcd)$', 'abcd', ['abcd', 'a', 'bcd']],
  ['a(?=b)', 'ab', ['a']],
  ['^a(?!b)', 'ab', null],
  ['\\bx\\b', 'a x', ['x']],
  ['\\Bx', 'a x', null],
  ['^[]a-]+$', ']-a', [']-a']],
  ['^[^]a]$', ']', null],
  ['^a{2,3}$', 'aaaa', null],
  ['^a{2}\\{$', 'aa{', ['aa{']],
  ['^[a-c\\d_]+$', 'b2_', ['b2_']],
];

describe('regexes as PCRE reads them', () => {
  for (const [pattern, text, groups] of cases) {
    it(`${pattern} ${groups === null ? 'does not match' : 'matches'} ${JSON.stringify(text)}`, () => {
      const answer = matchRegex(pattern, false, bytesOf(text));

      assert.ok('match' in answer, JSON.stringify(answer));
      const found = answer.match?.groups.map((each) => (each === null ? null : textOf(each))) ?? null;
      assert.deepEqual(found, groups);
    });
  }

  it('does not tell what it does not know, nor what takes too long', () => {
    for (const pattern of ['(?<=a)b', '\\p{L}', '[[:alpha:]]', '(', 'a)', '*a', '(?R)', '\\x41']) {
      const answer = matchRegex(pattern, false, 'ab');
      assert.ok('unknown' in answer, pattern);
      assert.match(answer.unknown, /not known here/u);
    }
    const evil = matchRegex('^(?:a+)+$', false, `${'a'.repeat(200)}b`);
    assert.ok('unknown' in evil);
    assert.match(evil.unknown, /more steps/u);
  });

  it('has a bound for all matches of one request together', () => {
    renewSteps();
    const answers = Array.from({ length: 200 }, () => matchRegex('^(?:a+)+$', false, `${'a'.repeat(200)}b`));
    assert.ok(answers.every((answer) => 'unknown' in answer));
    assert.ok('unknown' in matchRegex('^aa', false, 'aa'), 'nothing is left');

    renewSteps();
    assert.ok('match' in matchRegex('^aa', false, 'aa'));
  });

  it('looks for what begins with "^" at the start alone', () => {
    renewSteps();
    const text = `/${'x'.repeat(8000)}`;
    for (const pattern of ['^/y', '(?:^/y|^/z)', '(^/y)', '^(?:/y)+']) {
      for (let times = 0; times < 3000; times += 1) {
        assert.deepEqual(matchRegex(pattern, true, text), { match: null });
      }
    }
    assert.ok('unknown' in matchRegex('(?:x|y)+z', false, 'x'.repeat(8000)), 'each start costs');
  });
});
