import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventText, maxMessageBytes, verdictPrint } from '../../../src/cluster/kubernetes/event-text.ts';
import { verdictStates, type Verdict } from '../../../src/model/verdict.ts';
import { verdict } from './outputs-world.ts';

test('type, reason and message of each state', () => {
  const texts = verdictStates.map((state) => eventText(verdict('a', state)));
  assert.deepEqual(
    texts.map(({ type, reason }) => `${type} ${reason}`),
    [
      'Normal Served',
      'Normal Ignored',
      'Warning ServedWithDifference',
      'Warning Conflict',
      'Warning Rejected',
      'Warning Quarantined',
    ],
  );
  assert.equal(texts[0]?.message, 'The object is served as written.');
  assert.equal(texts[4]?.message, 'spec: because of the test');
});

test('all reasons, in the words of the verdict, as far as there is room', () => {
  const two: Verdict = {
    ...verdict('a', 'rejected'),
    reasons: [
      { field: 'spec.rules[0].host', message: 'is "x y"; a host name is wanted' },
      { field: '', message: 'and 3 more like these' },
    ],
  };
  assert.equal(
    eventText(two).message,
    'spec.rules[0].host: is "x y"; a host name is wanted; and 3 more like these',
  );
  const many = {
    ...two,
    reasons: Array.from({ length: 50 }, () => ({ field: 'spec', message: 'ä'.repeat(99) })),
  };
  const { message } = eventText(many);
  assert.ok(message.endsWith(' … (all reasons: /debug/objects)'), message);
  assert.ok(Buffer.byteLength(message) > maxMessageBytes - 4);
});

test('whatever stands in a verdict, the message is one line of text without control characters, bounded', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3000 }),
    fc.constantFrom(
      '\r\nWarning',
      '\u0000',
      '\u202Egnp',
      '\u2028',
      '\uD800',
      '💥'.repeat(400),
      ' '.repeat(5000),
    ),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...verdictStates),
      fc.array(fc.record({ field: hostile, message: hostile }), { maxLength: 5 }),
      (state, reasons) => {
        const { message } = eventText({ ...verdict('a', state), reasons });
        assert.ok(Buffer.byteLength(message) <= maxMessageBytes, `${Buffer.byteLength(message)} bytes`);
        assert.ok(message.isWellFormed());
        assert.doesNotMatch(message, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        assert.notEqual(message.trim(), '');
      },
    ),
    { numRuns: 300 },
  );
});

test('a print tells states and reasons apart, and nothing else', () => {
  const one = verdict('a', 'rejected', 'one');
  assert.equal(verdictPrint(one), verdictPrint({ ...one, name: 'b' }));
  assert.notEqual(verdictPrint(one), verdictPrint(verdict('a', 'rejected', 'two')));
  assert.notEqual(verdictPrint(one), verdictPrint({ ...one, state: 'conflict' }));
});
