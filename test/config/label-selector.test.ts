import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLabelSelector, selectorMatches } from '../../src/config/label-selector.ts';

const labels = { team: 'web', stage: 'live', 'example.com/tier': '', Number: '1' };

test('selectors choose as kubectl does', () => {
  for (const [text, expected] of [
    ['', true],
    ['team', true],
    ['!team', false],
    ['! private', true],
    ['team=web', true],
    ['team==web', true],
    ['team = web', true],
    ['team!=web', false],
    ['absent!=web', true],
    ['absent=web', false],
    ['stage in (live,test)', true],
    ['stage in ( live , test )', true],
    ['stage notin (live)', false],
    ['absent notin (live)', true],
    ['absent in (live)', false],
    ['example.com/tier=', true],
    ['example.com/tier', true],
    ['team=web,stage in (live,test),!private', true],
    ['team=web,stage=test', false],
    ['constructor', false],
    ['toString notin (x)', true],
  ] as const) {
    const selector = parseLabelSelector(text);

    assert.ok(selector !== null, text);
    assert.equal(selectorMatches(selector, labels), expected, text);
  }
});

test('what is no selector is refused', () => {
  for (const text of [
    'a=b c',
    'a in b',
    'a in (b',
    'a in b)',
    ',',
    'a,',
    'a=b,,c=d',
    '=b',
    '!',
    'a in (b) c',
    'a=(b)',
    'a>1',
    '-a=b',
    'a=-b',
    'a=b/c',
    'a/b/c=d',
    '/a=b',
    'A.B/=c',
    `${'a'.repeat(64)}=b`,
    'a\n=\nb,',
    'a\u0000=b',
    'a=$b',
  ]) {
    assert.equal(parseLabelSelector(text), null, JSON.stringify(text));
  }
});
