import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createEventQueue,
  type EventQueue,
  type EventQueueLimits,
} from '../../../src/cluster/kubernetes/event-queue.ts';
import { eventText, verdictPrint } from '../../../src/cluster/kubernetes/event-text.ts';
import type { Verdict, VerdictState } from '../../../src/model/verdict.ts';
import { handClock, verdict } from './outputs-world.ts';

const limits: EventQueueLimits = {
  total: { burst: 4, perSecond: 1 },
  perObject: { burst: 2, perSecond: 0.1 },
  mostWaiting: 3,
};

function put(queue: EventQueue, one: Verdict): string | null {
  const { namespace, name } = one;
  const change = {
    key: name,
    print: verdictPrint(one),
    subject: { ref: { kind: one.kind, namespace, name }, uid: name, resourceVersion: '1' },
    text: eventText(one),
    isDoubtful: false,
  };
  return queue.put(change)?.key ?? null;
}

function of(name: string, state: VerdictState): Verdict {
  return verdict(name, state);
}

/** Takes and removes the next, as after telling it. */
function next(queue: EventQueue): string | null {
  const key = queue.take()?.key ?? null;
  if (key !== null) {
    queue.remove(key);
  }
  return key;
}

test('worries first, then the oldest; only the newest change of an object, with how many it stands for', () => {
  const queue = createEventQueue(limits, handClock());
  put(queue, of('a', 'served'));
  put(queue, of('b', 'rejected'));
  put(queue, of('a', 'served-with-difference'));
  put(queue, of('a', 'conflict'));
  put(queue, of('a', 'conflict'));
  assert.equal(queue.size, 2);
  const first = queue.take();
  assert.equal(first?.key, 'a');
  assert.equal(first.text.reason, 'Conflict');
  assert.equal(first.times, 3, 'the same again is no change');
  queue.remove('a');
  assert.equal(next(queue), 'b');
  assert.equal(next(queue), null);
});

test('what there is no room for is the newest of the least worrying', () => {
  const queue = createEventQueue(limits, handClock());
  assert.equal(put(queue, of('a', 'served')), null);
  assert.equal(put(queue, of('b', 'served')), null);
  assert.equal(put(queue, of('c', 'rejected')), null);
  assert.equal(put(queue, of('d', 'rejected')), 'b');
  assert.equal(put(queue, of('e', 'served')), 'e');
  assert.equal(queue.size, 3);
});

test('the rates: so many at once for all, so many for each object, then one by one', () => {
  const clock = handClock();
  const queue = createEventQueue(limits, clock);
  let times = 0;
  for (const state of ['rejected', 'conflict', 'quarantined'] as const) {
    put(queue, of('flapping', state));
    times += next(queue) === null ? 0 : 1;
  }
  assert.equal(times, 2, 'two of the same object');
  assert.ok(queue.waitMs() > 9000 && queue.waitMs() <= 10_000);
  put(queue, of('a', 'rejected'));
  put(queue, of('b', 'rejected'));
  assert.equal(queue.waitMs(), 0, 'another object need not wait for it');
  assert.equal(next(queue), 'a');
  assert.equal(next(queue), 'b');
  put(queue, of('c', 'rejected'));
  assert.equal(queue.waitMs(), 1000, 'four in all');
  clock.advance(1000);
  assert.equal(queue.waitMs(), 0);
  assert.equal(next(queue), 'c');
  clock.advance(9000);
  assert.equal(next(queue), 'flapping');
});

test('a namespace that is blocked lets the others pass', () => {
  const clock = handClock();
  const queue = createEventQueue(limits, clock);
  put(queue, of('a', 'rejected'));
  put(queue, { ...of('b', 'served'), namespace: 'other' });
  queue.block('web', 60_000);
  assert.equal(next(queue), 'b');
  assert.equal(queue.take(), null);
  assert.equal(queue.waitMs(), 60_000);
  clock.advance(60_000);
  assert.equal(next(queue), 'a');
});

test('namespaces take turns, whatever one of them has waiting, and each has its worries first', () => {
  const queue = createEventQueue(
    { ...limits, total: { burst: 99, perSecond: 1 }, mostWaiting: 99 },
    handClock(),
  );
  for (let index = 0; index < 20; index += 1) {
    put(queue, { ...of(`flood-${index}`, 'rejected'), namespace: 'evil' });
  }
  assert.equal(next(queue), 'flood-0');
  put(queue, of('calm', 'served'));
  put(queue, of('worried', 'rejected'));
  put(queue, { ...of('elsewhere', 'served'), namespace: 'other' });

  const order = Array.from({ length: 6 }, () => next(queue));

  assert.deepEqual(order, ['flood-1', 'worried', 'elsewhere', 'flood-2', 'calm', 'flood-3']);
});

test('an object that flaps keeps its place behind the turns of the other namespaces', () => {
  const queue = createEventQueue({ ...limits, perObject: { burst: 99, perSecond: 1 } }, handClock());
  put(queue, { ...of('flaps', 'rejected'), namespace: 'evil' });
  put(queue, of('a', 'rejected'));
  put(queue, of('b', 'rejected'));
  assert.equal(next(queue), 'flaps');
  put(queue, { ...of('flaps', 'conflict'), namespace: 'evil' });

  assert.deepEqual([next(queue), next(queue), next(queue)], ['a', 'flaps', 'b']);
});

test('a flood has to make room for itself', () => {
  const queue = createEventQueue(limits, handClock());
  put(queue, { ...of('flood-1', 'rejected'), namespace: 'evil' });
  put(queue, { ...of('flood-2', 'rejected'), namespace: 'evil' });
  put(queue, of('calm', 'served'));

  assert.equal(put(queue, { ...of('flood-3', 'rejected'), namespace: 'evil' }), 'flood-3');
  assert.equal(put(queue, { ...of('elsewhere', 'served'), namespace: 'other' }), 'flood-2');
});
