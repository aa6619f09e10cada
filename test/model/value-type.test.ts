import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Grammar } from '../../src/model/grammar.ts';
import { refused } from '../../src/model/token.ts';
import { fits } from '../../src/model/value-type.ts';
import { optionTable } from '../../src/options/options.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { mutatedTextsOf, textsOf } from '../support/value-types.ts';

type Row = Pick<Grammar<unknown>, 'parse' | 'type'>;

const annotations: [string, Row][] = builtinPlugins()
  .list()
  .flatMap(({ annotations: table }) => Object.entries(table));
const rows: [string, Row][] = [
  ...annotations,
  ...[...optionTable].map(([name, row]): [string, Row] => [`option ${name}`, row]),
];

function takes({ parse }: Row, text: string): boolean {
  return !refused(parse(text));
}

/** A blank value is an absent one: no parser ever sees it. */
function isBlank(text: string): boolean {
  return text.trim() === '';
}

describe('the type of every annotation and option', () => {
  for (const [name, row] of rows) {
    const { shape, exact, samples } = row.type;

    it(`says of ${name} what its parser takes`, () => {
      for (const sample of samples) {
        assert.ok(takes(row, sample), `the sample ${JSON.stringify(sample)} is refused`);
        assert.ok(fits(shape, sample), `the sample ${JSON.stringify(sample)} does not fit`);
      }
      fc.assert(
        fc.property(textsOf(shape), (text) => {
          if (!isBlank(text) && shape.kind !== 'any') {
            const isIn = fits(shape, text);
            assert.ok(!exact || takes(row, text) === isIn, `parser and shape differ`);
          }
        }),
        { numRuns: 100 },
      );
    });

    it(`never refuses for ${name} what its parser takes`, () => {
      fc.assert(
        fc.property(mutatedTextsOf(shape), (text) => {
          if (!isBlank(text)) {
            const isIn = fits(shape, text);
            assert.ok(isIn || !takes(row, text), 'taken by the parser, and does not fit the shape');
            assert.ok(!exact || !isIn || takes(row, text), 'fits the shape, and is refused by the parser');
          }
        }),
        { numRuns: 200 },
      );
    });
  }
});
