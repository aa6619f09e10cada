import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { colouredLines } from '../../../src/observe/debug/colour.ts';

/** What the pieces of all lines of a text spell. */
function spelled(text: string, first: number, last: number): string {
  return colouredLines(text, { first, last })
    .map((spans) => spans.map((span) => span.text).join(''))
    .join('\n');
}

function piecesOf(text: string): string[] {
  return colouredLines(text, { first: 1, last: text.split('\n').length }).flatMap((spans) =>
    spans.filter(({ kind }) => kind !== 'plain').map(({ kind, text: piece }) => `${kind} ${piece}`),
  );
}

test('each word is what it is to nginx', () => {
  assert.deepEqual(piecesOf('# a {\nserver { listen 80; set $a "x $b ${c}y" 10m 1ms 5x; }'), [
    'comment # a {',
    'block server',
    'sign {',
    'name listen',
    'number 80',
    'sign ;',
    'name set',
    'variable $a',
    'string "x ',
    'variable $b',
    'string  ',
    'variable ${c}',
    'string y"',
    'number 10m',
    'number 1ms',
    'sign ;',
    'sign }',
  ]);
});

test('what looks like a comment, a brace or a quote inside of a word is part of the word', () => {
  assert.deepEqual(piecesOf("a b#c '# {}' x\\;y;"), ['name a', "string '# {}'", 'sign ;']);
});

test('a quoted word over several lines is coloured on each of them', () => {
  const text = "log_format x 'a\nb $c\n';\nnext;";
  assert.deepEqual(
    colouredLines(text, { first: 2, last: 3 }).map((spans) => spans.map(({ kind }) => kind)),
    [
      ['string', 'variable'],
      ['string', 'sign'],
    ],
  );
});

test('behind an error of grammar the text is plain and complete', () => {
  const text = 'a b;\n} ; {\nc "d\n';
  assert.equal(spelled(text, 1, 4), text);
  assert.deepEqual(piecesOf('a b;\n;\nc d;'), ['name a', 'sign ;']);
});

test('whatever a text is, its lines are spelled as they are, in whole and in part', () => {
  const word = fc.constantFrom(
    'a',
    '$b',
    '"c d"',
    "'e\n#f'",
    '#g',
    '{',
    '}',
    ';',
    ' ',
    '\n',
    '\\',
    '"',
    '${h}',
    ')',
    '9k',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 25 }), fc.nat(6), fc.nat(6), (words, skip, more) => {
      const text = words.join(' ');
      const lines = text.split('\n');
      const first = Math.min(1 + skip, lines.length);
      const last = Math.min(first + more, lines.length);
      assert.equal(spelled(text, first, last), lines.slice(first - 1, last).join('\n'));
    }),
    { numRuns: 1000 },
  );
});
