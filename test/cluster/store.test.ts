import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import { createStore, refOf } from '../../src/cluster/store.ts';
import type { Finding } from '../../src/model/verdict.ts';
import { accepted, raw, rawIngress, rawService, rawSlice } from './fixtures.ts';

function finding(message: string): Finding {
  return {
    object: { kind: 'Ingress', namespace: 'web', name: 'shop' },
    state: 'rejected',
    reason: { field: 'spec', message },
  };
}

function withVersion(object: ClusterObject, resourceVersion: string): ClusterObject {
  return { ...object, meta: { ...object.meta, resourceVersion } };
}

test('objects stand in the snapshot by their names', () => {
  const store = createStore();
  const kinds = [
    rawIngress(),
    rawService('shop'),
    rawSlice('shop-b', 'shop', '10.0.0.2'),
    rawSlice('shop-a', 'shop', '10.0.0.1'),
    rawSlice('lost', '', '10.0.0.3'),
    raw('IngressClass', 'networking.k8s.io/v1', 'nginx', { spec: { controller: 'a/b' } }),
    raw('Endpoints', 'v1', 'shop'),
    raw('Secret', 'v1', 'tls'),
    raw('ConfigMap', 'v1', 'cm'),
    raw('Namespace', 'v1', 'web'),
  ];
  store.apply({ set: kinds.map(accepted), deleted: [] });
  const snapshot = store.snapshot();
  assert.equal(snapshot.ingresses[0]?.meta.name, 'shop');
  assert.deepEqual([...snapshot.services.keys()], ['web/shop']);
  assert.deepEqual([...snapshot.ingressClasses.keys()], ['nginx']);
  assert.deepEqual([...snapshot.namespaces.keys()], ['web']);
  assert.deepEqual([...snapshot.secrets.keys()], ['web/tls']);
  assert.deepEqual([...snapshot.configMaps.keys()], ['web/cm']);
  assert.deepEqual([...snapshot.endpoints.keys()], ['web/shop']);
  assert.deepEqual([...snapshot.endpointSlices.keys()], ['web/shop']);
  assert.deepEqual(
    snapshot.endpointSlices.get('web/shop')?.map(({ meta }) => meta.name),
    ['shop-a', 'shop-b'],
  );
  assert.ok(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.ingresses));
});

test('a snapshot never changes, and what has not changed keeps its identity', () => {
  const store = createStore();
  store.apply({
    set: [
      rawIngress(),
      rawService('a'),
      rawSlice('a-1', 'a', '10.0.0.1'),
      rawSlice('b-1', 'b', '10.0.0.2'),
    ].map(accepted),
    deleted: [],
  });
  const before = store.snapshot();
  assert.equal(store.snapshot(), before);
  store.apply({ set: [accepted(rawSlice('a-1', 'a', '10.0.0.9'))], deleted: [] });
  const after = store.snapshot();
  assert.notEqual(after, before);
  assert.equal(after.ingresses, before.ingresses);
  assert.equal(after.services, before.services);
  assert.equal(after.findings, before.findings);
  assert.equal(after.endpointSlices.get('web/b'), before.endpointSlices.get('web/b'));
  assert.deepEqual(before.endpointSlices.get('web/a')?.[0]?.endpoints[0]?.addresses, ['10.0.0.1']);
  assert.deepEqual(after.endpointSlices.get('web/a')?.[0]?.endpoints[0]?.addresses, ['10.0.0.9']);
});

test('an object that says the same is no change, whatever its resourceVersion', () => {
  const store = createStore();
  let dirty = 0;
  const told: string[] = [];
  const stop = store.onDirty((kinds) => {
    dirty += 1;
    told.push([...kinds].join());
  });
  const ingress = accepted(rawIngress());
  const secret = accepted(raw('Secret', 'v1', 's', { stringData: { a: 'x' } }));
  store.apply({ set: [ingress, secret], deleted: [] });
  assert.deepEqual([dirty, store.version], [1, 1]);
  const snapshot = store.snapshot();
  const again = accepted(raw('Secret', 'v1', 's', { stringData: { a: 'x' } }));
  store.apply({ set: [withVersion(accepted(rawIngress()), '8'), again], deleted: [] });
  store.apply({ set: [], deleted: [{ kind: 'Service', namespace: 'web', name: 'none' }] });
  store.setFindings('f', []);
  assert.deepEqual([dirty, store.version], [1, 1]);
  assert.equal(store.snapshot(), snapshot);
  assert.equal(store.get(refOf(ingress)), ingress);

  store.apply({ set: [accepted(raw('Secret', 'v1', 's', { stringData: { a: 'y' } }))], deleted: [] });
  assert.equal(dirty, 2);
  assert.deepEqual(told, ['Ingress,Secret', 'Secret'], 'only kinds of what is different');
  const changed = rawIngress((value) => {
    value['metadata'] = {
      name: 'shop',
      namespace: 'web',
      annotations: { createdAt: 'a', resourceVersion: 'a' },
    };
  });
  store.apply({ set: [accepted(changed)], deleted: [] });
  const annotated = structuredClone(changed) as { metadata: { annotations: Record<string, string> } };
  annotated.metadata.annotations['resourceVersion'] = 'b';
  store.apply({ set: [accepted(annotated)], deleted: [] });
  assert.equal(dirty, 4, 'an annotation of that name counts');
  stop();
  store.apply({ set: [], deleted: [refOf(ingress)] });
  assert.equal(dirty, 4);
  assert.equal(store.snapshot().ingresses.length, 0);
});

test('replaceAll deletes what a complete list no longer has, of that kind and source alone', () => {
  const store = createStore();
  store.apply({ set: [accepted(rawIngress())], deleted: [] }, 'api');
  store.replaceAll('Service', [accepted(rawService('a')), accepted(rawService('b'))], 'api');
  store.apply({ set: [accepted(rawService('c'))], deleted: [] }, 'files');
  store.replaceAll('Service', [accepted(rawService('b')), accepted(rawService('d'))], 'api');
  assert.deepEqual([...store.snapshot().services.keys()].sort(), ['web/b', 'web/c', 'web/d']);
  assert.equal(store.snapshot().ingresses.length, 1);
  const { version } = store;
  store.replaceAll('Service', [accepted(rawService('d')), accepted(rawService('b'))], 'api');
  assert.equal(store.version, version);
});

test('of two sources with the same object the first by name counts, in any order of events', () => {
  const first = accepted(rawService('a', 1));
  const second = accepted(rawService('a', 2));
  for (const order of [0, 1]) {
    const store = createStore();
    const steps = [
      () => {
        store.apply({ set: [first], deleted: [] }, 'a');
      },
      () => {
        store.apply({ set: [second], deleted: [] }, 'b');
      },
    ];
    for (const step of order === 0 ? steps : steps.toReversed()) {
      step();
    }
    assert.equal(store.get(refOf(first)), first);
    store.apply({ set: [], deleted: [refOf(first)] }, 'a');
    assert.equal(store.get(refOf(first)), second);
    store.apply({ set: [], deleted: [refOf(first)] }, 'b');
    assert.equal(store.get(refOf(first)), null);
  }
});

test('a slice that moves to another Service leaves the first', () => {
  const store = createStore();
  store.apply({ set: [accepted(rawSlice('x', 'a', '10.0.0.1'))], deleted: [] });
  store.apply({ set: [accepted(rawSlice('x', 'b', '10.0.0.1'))], deleted: [] });
  assert.deepEqual([...store.snapshot().endpointSlices.keys()], ['web/b']);
  store.apply({
    set: [],
    deleted: [{ kind: 'EndpointSlice', namespace: 'web', name: 'x' }],
  });
  assert.deepEqual([...store.snapshot().endpointSlices.keys()], []);
});

test('findings are kept by origin and come in the order of origins', () => {
  const store = createStore();
  store.setFindings('b', [finding('of b')]);
  store.apply({ set: [], deleted: [], findings: new Map([['a', [finding('of a')]]]) });
  const before = store.snapshot();
  assert.deepEqual(
    before.findings.map(({ reason }) => reason.message),
    ['of a', 'of b'],
  );
  store.setFindings('b', [finding('of b')]);
  assert.equal(store.snapshot(), before);
  store.setFindings('a', []);
  assert.deepEqual(
    store.snapshot().findings.map(({ reason }) => reason.message),
    ['of b'],
  );
});

test('a copy follows by deltas', () => {
  const store = createStore();
  const copy = createStore();
  let at = 0;
  function follow() {
    const delta = store.changesSince(at);
    copy.applyDelta(delta);
    at = delta.version;
    return delta;
  }
  store.apply({ set: [rawIngress(), rawService('a'), rawService('b')].map(accepted), deleted: [] });
  store.setFindings('f', [finding('x')]);
  assert.equal(follow().full, true);
  const a = accepted(rawService('a', 81));
  store.apply({ set: [a], deleted: [{ kind: 'Service', namespace: 'web', name: 'b' }] });
  const delta = follow();
  assert.deepEqual([delta.full, delta.set, delta.deleted.length, delta.findings], [false, [a], 1, null]);
  store.apply({ set: [accepted(rawService('b', 82))], deleted: [] });
  assert.deepEqual(follow().deleted, [], 'created again');
  store.setFindings('f', []);
  assert.deepEqual(follow().findings, []);
  assert.deepEqual(follow(), { version: at, full: false, set: [], deleted: [], findings: null });
  assert.deepEqual(copy.snapshot(), store.snapshot());
});

test('a copy that is too far behind is filled anew', () => {
  const store = createStore();
  const copy = createStore();
  const objects = Array.from({ length: 10_050 }, (_, index) => accepted(rawService(`s${index}`)));
  store.apply({ set: objects, deleted: [] });
  const first = store.changesSince(0);
  copy.applyDelta(first);
  for (const half of [objects.slice(0, 100), objects.slice(100, 10_040)]) {
    store.apply({ set: [], deleted: half.map(refOf) });
  }
  const delta = store.changesSince(first.version);
  assert.deepEqual([delta.full, delta.set.length], [true, 10]);
  copy.applyDelta(delta);
  assert.deepEqual(copy.snapshot().services, store.snapshot().services);
  assert.equal(store.changesSince(store.version + 1).full, true, 'a version of another store');
});
