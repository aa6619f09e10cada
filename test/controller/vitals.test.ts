import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Vitals } from '../../src/controller/vitals.ts';

const minuteMs = 60_000;

/** A monotonic clock in the hand of the test. */
function handClock(t: TestContext): (milliseconds: number) => void {
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  return (milliseconds) => {
    now += milliseconds;
  };
}

test('alive as long as nothing waits, however long that is', (t) => {
  const pass = handClock(t);
  const vitals = new Vitals();
  vitals.progress();
  pass(30 * 24 * 60 * minuteMs);
  assert.deepEqual(vitals.liveness(false), { healthy: true, reason: null });
});

test('stuck is a loop that has work and says nothing for five minutes', (t) => {
  const pass = handClock(t);
  const vitals = new Vitals();
  pass(60 * minuteMs);
  assert.equal(vitals.liveness(true).healthy, true, 'one that has not begun is not stuck');
  vitals.progress();
  pass(4.9 * minuteMs);
  assert.equal(vitals.liveness(true).healthy, true, 'no step takes as long, and none is over');
  pass(0.2 * minuteMs);
  assert.deepEqual(vitals.liveness(true), {
    healthy: false,
    reason: 'the loop has work and has made no progress for 306 s',
  });
  vitals.progress();
  assert.equal(vitals.liveness(true).healthy, true, 'it comes back by itself');
});

test('an nginx that does not answer makes it unready, not dead', () => {
  const vitals = new Vitals();
  vitals.verifiedOnce = true;
  for (let missed = 1; missed <= 4; missed += 1) {
    assert.equal(vitals.readiness().ready, true, `after ${missed - 1} missed answers`);
    vitals.beat(false);
  }
  assert.deepEqual(vitals.readiness(), { ready: false, reason: 'nginx does not answer' });
  assert.equal(vitals.liveness(true).healthy, true);
  vitals.beat(true);
  assert.equal(vitals.readiness().ready, true);
});
