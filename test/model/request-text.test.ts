import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestText, requestTextExpression } from '../../src/model/request-text.ts';
import { refused, whole } from '../../src/model/token.ts';

const rules = { literal: whole('[a-z0-9/-]*'), allowed: 'such text', captures: true };

function read(text: string, captured: readonly string[] = ['one', 'two']): string {
  const parsed = parseRequestText(text, rules);
  return refused(parsed) ? `refused: ${parsed.error}` : requestTextExpression(parsed.value, captured).text;
}

describe('text with variables of the request', () => {
  const cases: readonly [string, string][] = [
    ['/a', '/a'],
    ['/$1', '/$one'],
    ['/$1x', '/${one}x'],
    ['/$2/$1', '/$two/$one'],
    ['/$3', '/'],
    ['$10', '${one}0'],
    ['$Request_URI', '$request_uri'],
    ['${host}x', '${host}x'],
    ['$http_x_a/$arg_b/$cookie_c', '$http_x_a/$arg_b/$cookie_c'],
    ['$the_real_ip', '$remote_addr'],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${text} as ${expected}`, () => {
      assert.equal(read(text), expected);
    });
  }

  for (const text of [
    '$',
    '$$',
    '${',
    '${host',
    '$unknown',
    '$literal_dollar',
    '$document_root',
    '$0',
    '${12}',
    'A',
    'a\nb',
    'a"',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.match(read(text), /^refused: .*such text$/u);
    });
  }
});
