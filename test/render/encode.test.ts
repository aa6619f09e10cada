import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { token, type Token } from '../../src/model/token.ts';
import { expression, file, identifier, keyword, objectName } from '../../src/model/words.ts';
import { parseConfig } from '../../src/nginx/grammar.ts';
import {
  encodeComment,
  encodeLiteral,
  encodeMapKey,
  encodeRegex,
  encodeRegexName,
  encodeValue,
  UnencodedValue,
} from '../../src/render/encode.ts';

function text(value: string): Token<'text'> {
  return token('text', value);
}

/** Any text that a token may hold: no control characters, no Unicode line ends. */
const tokenText = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((value) => !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u.test(value));

/** What nginx's own lexer reads back from one encoded argument. */
function readBack(encoded: string): string[] {
  const { directives, errors } = parseConfig(`return ${encoded};`);
  assert.deepEqual(errors, []);
  assert.equal(directives.length, 1);
  return directives[0]?.args.map((word) => word.text) ?? [];
}

describe('encoders', () => {
  const encoders = { encodeValue, encodeLiteral, encodeRegex, encodeRegexName, encodeMapKey, encodeComment };

  for (const [name, encode] of Object.entries(encoders)) {
    it(`${name} prints no plain string, object or missing value`, () => {
      for (const value of ['plain', '', {}, null, undefined, [], { text: 'x' }, { token: 'text' }]) {
        assert.throws(() => encode(value), UnencodedValue);
      }
    });

    it(`${name} prints no control character, whatever made the token`, () => {
      for (const bad of ['a\nb', 'a\rb', 'a\u0000b', 'a\u0085b', 'a\u2028b', 'a\u007fb']) {
        assert.throws(() => encode(text(bad)), UnencodedValue);
        assert.throws(() => encode(token('regex', bad)), UnencodedValue);
        assert.throws(() => encode(token('object', bad)), UnencodedValue);
      }
    });
  }

  it('read back as one and the same argument by nginx grammar', () => {
    fc.assert(
      fc.property(tokenText, (value) => {
        assert.deepEqual(readBack(encodeLiteral(text(value))), [value]);
        assert.deepEqual(readBack(encodeRegex(token('regex', value))), [value]);
        assert.deepEqual(readBack(encodeRegexName(token('regex', value))), [`~${value}`]);
        assert.deepEqual(readBack(encodeValue(text(value))), [value.replaceAll('$', '${literal_dollar}')]);
      }),
      { numRuns: 2000 },
    );
  });

  it('escape what a map would take for a regex or a word of its own', () => {
    for (const value of ['~a', 'default', 'hostnames', 'include', 'volatile', '\\x']) {
      assert.deepEqual(readBack(encodeMapKey(text(value))), [`\\${value}`]);
    }
    assert.deepEqual(readBack(encodeMapKey(text('defaults'))), ['defaults']);
  });

  it('never expand a literal, and expand an expression', () => {
    assert.equal(encodeValue(text('$uri')), '"${literal_dollar}uri"');
    assert.equal(encodeValue(expression`$scheme://${text('a$b')}`), '"$scheme://a${literal_dollar}b"');
    assert.throws(() => encodeLiteral(expression`$uri`), UnencodedValue);
  });

  it('print numbers and booleans in nginx words', () => {
    assert.equal(encodeValue(503), '503');
    assert.equal(encodeLiteral(true), 'on');
    assert.equal(encodeValue(false), 'off');
    assert.throws(() => encodeValue(Number.NaN), UnencodedValue);
  });

  it('print into comments names of objects only', () => {
    assert.equal(encodeComment(objectName('Ingress/a/b')), 'Ingress/a/b');
    assert.throws(() => encodeComment(text('harmless')), UnencodedValue);
    assert.throws(() => objectName('Ingress/a/b;'), TypeError);
  });
});

describe('words of our own', () => {
  it('refuse anything unsound as a bug', () => {
    assert.throws(() => identifier('a b'), TypeError);
    assert.throws(() => keyword('on;'), TypeError);
    assert.throws(() => file('relative/path'), TypeError);
    assert.throws(() => file('/a b'), TypeError);
    assert.throws(() => file('/a\n'), TypeError);
  });
});
