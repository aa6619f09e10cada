import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QuarantineList } from '../../src/controller/quarantine.ts';
import type { ObjectKey, ObjectRef } from '../../src/model/object-ref.ts';
import type { ApplyResult, KeptOut, Quarantine } from '../../src/nginx/apply-result.ts';

const reason = { field: 'spec', message: 'nginx refuses it' };
const waiting: KeptOut = { field: 'spec', message: 'waits', waiting: true };

function listOf(...keys: string[]): QuarantineList {
  const list = new QuarantineList();
  list.replace(new Map(keys.map((key) => [key, reason])), 0);
  return list;
}

function ingressRef(namespace: string, name: string): ObjectRef {
  return { kind: 'Ingress', namespace, name };
}

function nobody(): boolean {
  return false;
}

function everybody(): boolean {
  return true;
}

/** What a trial came to. */
function result(
  outcome: ApplyResult['outcome'],
  quarantined: Quarantine,
  added: readonly ObjectKey[] = [],
  apart?: ObjectKey,
): ApplyResult {
  const parts = { outcome, quarantined, added, fault: { kind: 'object', stage: 'test', message: 'no' } };
  return { ...parts, ...(apart === undefined ? {} : { apart }) } as unknown as ApplyResult;
}

/** A trial of whom the list names next, which finds these at fault. */
function refuse(list: QuarantineList, now: number, ...added: ObjectKey[]): readonly ObjectKey[] {
  const group = list.nextTrial(now);
  assert.ok(group);
  const quarantined = new Map([...list.current(), ...added.map((key) => [key, reason] as const)]);
  list.tried(group, result('failed', quarantined, added), now);
  return group;
}

describe('QuarantineList', () => {
  it('has an object tried that changed and no other, and keeps it out until it has passed', () => {
    const list = listOf('Ingress/a/x', 'Ingress/a/y');

    list.releaseChanged([ingressRef('a', 'x')], nobody, 10);

    assert.deepEqual(list.nextTrial(10), ['Ingress/a/x']);
    assert.deepEqual([...list.current().keys()], ['Ingress/a/x', 'Ingress/a/y']);
    list.tried(['Ingress/a/x'], result('applied', new Map()), 11);
    assert.deepEqual([[...list.current().keys()], list.nextTrial(11)], [['Ingress/a/y'], null]);
  });

  it('has those tried that name what changed, and not their neighbours, nor for an endpoint', () => {
    const list = listOf('Ingress/a/x', 'Ingress/a/y');
    function namesOf(key: ObjectKey): boolean {
      return key === 'Ingress/a/x';
    }

    list.releaseChanged([{ kind: 'EndpointSlice', namespace: 'a', name: 's' }], namesOf, 2000);
    assert.equal(list.nextTrial(2000), null);
    list.releaseChanged([{ kind: 'Secret', namespace: 'a', name: 's' }], namesOf, 2000);

    assert.deepEqual(list.nextTrial(2000), ['Ingress/a/x']);
  });

  it('lets edits elsewhere wait longer after each refusal, and edits of its own after three', () => {
    const list = listOf('Ingress/a/x');
    const service: ObjectRef = { kind: 'Service', namespace: 'a', name: 's' };
    let now = 0;
    for (const waitMs of [1000, 2000, 4000]) {
      list.releaseChanged([service], everybody, now + 1);
      assert.equal(list.nextTrial(now + waitMs - 1), null);
      assert.deepEqual(refuse(list, now + waitMs, 'Ingress/a/x'), ['Ingress/a/x']);
      now += waitMs;
    }

    list.releaseChanged([ingressRef('a', 'x')], nobody, now + 1);
    assert.equal(list.nextTrial(now + 999), null);
    assert.deepEqual(list.nextTrial(now + 1000), ['Ingress/a/x']);
    const mended = listOf('Ingress/a/x');
    mended.releaseChanged([ingressRef('a', 'x')], nobody, 1);
    assert.deepEqual(mended.nextTrial(1), ['Ingress/a/x']);
  });

  it('tries again after a while, and waits longer each time it comes back', () => {
    const list = listOf('Ingress/a/x');

    assert.equal(list.nextTrial(59_999), null);
    refuse(list, 60_000, 'Ingress/a/x');

    assert.equal(list.nextDueAt(), 60_000 + 120_000);
  });

  it('has all tried where what everything is built with has changed, a namespace at a time', () => {
    const list = listOf('Ingress/a/x', 'Secret/b/y');

    list.releaseAll(5);

    assert.deepEqual(list.nextTrial(5), ['Ingress/a/x']);
    list.tried(['Ingress/a/x'], result('unchanged', new Map()), 6);
    assert.deepEqual(list.nextTrial(6), ['Secret/b/y']);
  });

  it('gives every namespace its turn, the smallest first, and goes on by halves after three culprits', () => {
    const list = new QuarantineList();
    const many = Array.from({ length: 7 }, (_, number) => `Ingress/evil/${number}`);
    list.replace(new Map([...many, 'Ingress/good/x', 'Ingress/good/y'].map((key) => [key, waiting])), 0);

    assert.deepEqual(refuse(list, 0), ['Ingress/good/x', 'Ingress/good/y']);
    for (const culprit of many.slice(0, 3)) {
      const group = list.nextTrial(0);
      assert.ok(group);
      if (!group.includes(culprit)) {
        list.tried(group, result('applied', new Map()), 0);
      }
      while (list.nextTrial(0)?.includes(culprit) !== true) {
        list.tried(list.nextTrial(0) ?? [], result('applied', new Map()), 0);
      }
      refuse(list, 0, culprit);
    }
    assert.deepEqual(list.nextTrial(0), many.slice(3, 5));
    list.tried(many.slice(3, 5), result('failed', list.current(), [], many[4]), 0);
    assert.deepEqual(refuse(list, 0, many[5] ?? ''), many.slice(5));
    assert.deepEqual(refuse(list, 0, many[4] ?? ''), [many[4]]);
  });

  it('lets what is new of a namespace with many culprits wait, and of no other', () => {
    const list = listOf(...[1, 2, 3, 4].map((number) => `Ingress/evil/${number}`));

    assert.deepEqual(list.distrusted([ingressRef('evil', 'new'), ingressRef('good', 'new')]), [
      'Ingress/evil/new',
    ]);
    assert.deepEqual(listOf('Ingress/evil/1').distrusted([ingressRef('evil', 'new')]), []);
  });

  it('waits after a trial that says nothing of anybody', () => {
    const list = listOf('Ingress/a/x');
    list.releaseAll(5);
    const fault = { kind: 'environment', stage: 'test', message: 'no space' } as const;

    list.tried(list.nextTrial(5) ?? [], { ...result('failed', list.current()), fault }, 5);

    assert.equal(list.nextTrial(5004), null);
    assert.deepEqual(list.nextTrial(5005), ['Ingress/a/x']);
  });

  it('knows when a last good form was given up, too', () => {
    const list = listOf('Ingress/a/x');

    list.replace(new Map([['Ingress/a/x', { ...reason, closed: true }]]), 1);

    assert.equal(list.current().get('Ingress/a/x')?.closed, true);
  });

  it('forgets an object that is gone, and one that a pass no longer quarantines', () => {
    const list = listOf('Ingress/a/x', 'Ingress/a/y');

    list.forget([ingressRef('a', 'x')]);
    assert.deepEqual([...list.current().keys()], ['Ingress/a/y']);
    list.replace(new Map(), 1);

    assert.equal(list.nextDueAt(), null);
  });
});
