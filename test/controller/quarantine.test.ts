import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QuarantineList } from '../../src/controller/quarantine.ts';

const reason = { field: 'spec', message: 'nginx refuses it' };

function listOf(...keys: string[]): QuarantineList {
  const list = new QuarantineList();
  list.replace(new Map(keys.map((key) => [key, reason])), 0);
  return list;
}

describe('QuarantineList', () => {
  it('releases an object that changed and no other', () => {
    const list = listOf('Ingress/a/x', 'Ingress/a/y');

    const released = list.releaseChanged([{ kind: 'Ingress', namespace: 'a', name: 'x' }]);

    assert.deepEqual(released, ['Ingress/a/x']);
    assert.deepEqual([...list.current().keys()], ['Ingress/a/y']);
  });

  it('releases the objects of a namespace in which a Secret changed, but not for an endpoint', () => {
    const list = listOf('Ingress/a/x', 'Ingress/b/x');

    assert.deepEqual(list.releaseChanged([{ kind: 'EndpointSlice', namespace: 'a', name: 's' }]), []);
    assert.deepEqual(list.releaseChanged([{ kind: 'Secret', namespace: 'a', name: 's' }]), ['Ingress/a/x']);
  });

  it('tries again after a while, and waits longer each time it comes back', () => {
    const list = listOf('Ingress/a/x');

    assert.deepEqual(list.releaseDue(59_999), []);
    assert.deepEqual(list.releaseDue(60_000), ['Ingress/a/x']);
    list.replace(new Map([['Ingress/a/x', reason]]), 60_000);

    assert.equal(list.nextDueAt(), 60_000 + 120_000);
  });

  it('releases all where what everything is built with has changed', () => {
    const list = listOf('Ingress/a/x', 'Secret/b/y');

    assert.deepEqual(list.releaseAll(), ['Ingress/a/x', 'Secret/b/y']);
    assert.equal(list.nextDueAt(), null);
  });

  it('knows when a last good form was given up, too', () => {
    const list = listOf('Ingress/a/x');

    list.replace(new Map([['Ingress/a/x', { ...reason, closed: true }]]), 1);

    assert.equal(list.current().get('Ingress/a/x')?.closed, true);
  });

  it('forgets an object that a pass no longer quarantines', () => {
    const list = listOf('Ingress/a/x');

    list.replace(new Map(), 1);

    assert.equal(list.nextDueAt(), null);
  });
});
