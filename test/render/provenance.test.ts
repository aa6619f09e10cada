import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { originsOfLine } from '../../src/model/candidate.ts';
import { bracket, unbracket } from '../../src/render/provenance.ts';

describe('unbracket', () => {
  it('gives back the text, and the lines of each bracket', () => {
    const marked = `a\n${bracket('X/n/x', `b\n${bracket('Y/n/y', 'c\nd\n')}e\n`)}f\n`;

    const { text, sourceMap } = unbracket(marked);

    assert.equal(text, 'a\nb\nc\nd\ne\nf\n');
    assert.deepEqual(sourceMap.ranges, [
      { object: 'X/n/x', first: 2, last: 5 },
      { object: 'Y/n/y', first: 3, last: 4 },
    ]);
  });

  it('lets each line be traced, innermost object first', () => {
    const { sourceMap } = unbracket(`a\n${bracket('X/n/x', `b\n${bracket('Y/n/y', 'c\n')}`)}d\n`);

    assert.deepEqual(originsOfLine(sourceMap, 1), []);
    assert.deepEqual(originsOfLine(sourceMap, 2), ['X/n/x']);
    assert.deepEqual(originsOfLine(sourceMap, 3), ['Y/n/y', 'X/n/x']);
    assert.deepEqual(originsOfLine(sourceMap, 4), []);
  });

  it('empties lines of indentation alone without moving the others', () => {
    const { text, sourceMap } = unbracket(`a\n    \n${bracket('X/n/x', 'b\n')}`);

    assert.equal(text, 'a\n\nb\n');
    assert.deepEqual(sourceMap.ranges, [{ object: 'X/n/x', first: 3, last: 3 }]);
  });

  it('takes a bracket inside a line', () => {
    const { text, sourceMap } = unbracket(`listen ${bracket('X/n/x', '80')};\n`);

    assert.equal(text, 'listen 80;\n');
    assert.deepEqual(sourceMap.ranges, [{ object: 'X/n/x', first: 1, last: 1 }]);
  });
});
