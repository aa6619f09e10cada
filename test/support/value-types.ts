import fc from 'fast-check';
import type { Shape } from '../../src/model/value-type.ts';

const blanks = fc.constantFrom('', '', '', ' ', '\t', '\u00a0', ' \ufeff');

/** Texts of a shape, and near it. */
export function textsOf(shape: Shape): fc.Arbitrary<string> {
  switch (shape.kind) {
    case 'any':
      return fc.string({ unit: 'grapheme-ascii' });
    case 'words':
      return padded(
        fc
          .constantFrom(...shape.words)
          .chain((word) => (shape.ignoresCase ? fc.mixedCase(fc.constant(word)) : fc.constant(word))),
        shape.trims,
      );
    case 'integer':
      return padded(integers(shape.least, shape.most).map(String), true);
    case 'bytes':
      return padded(sizes(shape.least, shape.most), true);
    default: {
      const expression = new RegExp(`^(?:${shape.pattern.replaceAll('(?i:', '(?:')})$`, 'u');
      return padded(fc.stringMatching(expression), shape.trims);
    }
  }
}

function padded(texts: fc.Arbitrary<string>, trims: boolean): fc.Arbitrary<string> {
  return trims ? fc.tuple(blanks, texts, blanks).map((parts) => parts.join('')) : texts;
}

function integers(least: number, most: number): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(least, most), fc.integer({ min: least, max: most }));
}

function sizes(least: number, most: number): fc.Arbitrary<string> {
  const units = [
    ['', 1],
    ['b', 1],
    ['k', 1024],
    ['M', 1024 ** 2],
    ['g', 1024 ** 3],
  ] as const;
  const fitting = units.filter(([, factor]) => Math.ceil(least / factor) <= Math.floor(most / factor));
  return fc
    .constantFrom(...fitting)
    .chain(([unit, factor]) =>
      integers(Math.ceil(least / factor), Math.floor(most / factor)).map((count) => `${count}${unit}`),
    );
}

const pieces = fc.oneof(
  fc.constantFrom(
    ...' \t\n;{}"\'\\$#,.:/~*?&=<>|%@!+-_0129azAZk'.split(''),
    '\u0000',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\u212a',
    '\u017f',
    '${',
    '$host',
    '$1',
    '..',
    '//',
    'off',
    'true',
    '1',
    '99999999999999999999',
  ),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
);

/** Texts of the shape with something put in, taken out or put in another's place; or any text at all. */
export function mutatedTextsOf(shape: Shape): fc.Arbitrary<string> {
  const changed = fc.tuple(textsOf(shape), fc.nat(200), fc.nat(2), pieces).map(([text, at, taken, piece]) => {
    const from = text.length === 0 ? 0 : at % (text.length + 1);
    return text.slice(0, from) + piece + text.slice(from + taken);
  });
  return fc.oneof(
    { arbitrary: changed, weight: 4 },
    { arbitrary: fc.array(pieces, { maxLength: 6 }).map((all) => all.join('')), weight: 1 },
  );
}
