import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asManifest } from '../../src/cluster/as-manifest.ts';
import { ingest } from '../../src/cluster/ingest.ts';
import { createStore } from '../../src/cluster/store.ts';
import { serviceEndpoints } from '../../src/cluster/service-endpoints.ts';
import { ingress, serviceObject, sliceOf, tlsSecret } from '../support/objects.ts';

function read(raw: object): ReturnType<typeof asManifest> {
  const { object } = ingest(raw);
  assert.ok(object !== null);
  return asManifest(object);
}

test('what is read and shown again says the same when it is read once more', () => {
  for (const raw of [
    ingress('shop', {
      host: 'shop.example',
      tls: [{ hosts: ['shop.example'], secretName: 'tls' }, {}],
      defaultBackend: { service: 'front', port: 'http' },
      paths: [{ path: '/', service: 'front' }],
      annotations: { a: 'b' },
    }),
    { ...ingress('bare', { host: 'a.example' }), spec: { rules: [{ host: 'a.example' }, {}] } },
    serviceObject('front'),
    sliceOf(
      'front',
      'front-1',
      [{ addresses: ['10.0.0.1'], conditions: { ready: false }, zone: 'a' }],
      [{ port: 1 }],
    ),
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'front' },
      subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'words' }, data: { a: 'b', c: '' } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'nginx' },
      spec: { controller: 'x/y' },
    },
  ]) {
    const shown = read(raw);
    assert.deepEqual(read(shown), shown);
    assert.deepEqual(ingest(shown).object, ingest(raw).object);
  }
});

test('of a Secret there are its keys, never a value, and not how long one is', () => {
  const shown = JSON.stringify(read(tlsSecret('tls', { cert: 'planted', key: 'planted too' })));
  assert.match(shown, /"tls\.key":"\[redacted\]"/u);
  assert.doesNotMatch(shown, /planted|cGxhbnRlZ|\d+ bytes/u);
});

test('endpoints of a Service are those of its slices, ready or not; of Endpoints where there is none', () => {
  const store = createStore();
  const conditions = { ready: false, serving: true, terminating: true };
  const older = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'front' },
    subsets: [{ addresses: [{ ip: '10.0.0.9' }], ports: [{ name: 'http', port: 80 }] }],
  };
  function put(raw: object): void {
    const { object } = ingest(raw);
    store.apply({ set: object === null ? [] : [object], deleted: [] });
  }
  put(older);
  assert.deepEqual(serviceEndpoints(store.snapshot(), 'default', 'front'), [
    {
      address: '10.0.0.9',
      ports: ['http 80'],
      ready: true,
      serving: null,
      terminating: null,
      zone: null,
      object: 'Endpoints/default/front',
    },
  ]);
  put(sliceOf('front', 'b', [{ addresses: ['10.0.0.2'], conditions, zone: 'a' }], [{ port: 8080 }]));
  put(sliceOf('front', 'a', [{ addresses: ['10.0.0.1'] }], [{ port: 8080 }]));
  assert.deepEqual(
    serviceEndpoints(store.snapshot(), 'default', 'front').map(({ address, ready, terminating, object }) => [
      address,
      ready,
      terminating,
      object,
    ]),
    [
      ['10.0.0.1', true, null, 'EndpointSlice/default/a'],
      ['10.0.0.2', false, true, 'EndpointSlice/default/b'],
    ],
  );
  assert.deepEqual(serviceEndpoints(store.snapshot(), 'default', 'other'), []);
});
