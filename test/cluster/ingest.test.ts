import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingest, servedKinds } from '../../src/cluster/ingest.ts';
import type { ConfigMap, Endpoints, EndpointSlice, Secret, Service } from '../../src/cluster/objects.ts';
import { accepted, raw, rawIngress, rawService, rawSlice } from './fixtures.ts';

function messages(value: unknown, strict = false): string[] {
  return ingest(value, { strict }).findings.map(
    ({ state, reason }) => `${state} ${reason.field} ${reason.message}`,
  );
}

function only(value: unknown, expected: RegExp): void {
  const { object, findings } = ingest(value);
  assert.equal(object, null);
  assert.deepEqual(
    findings.map(({ state }) => state),
    ['rejected'],
  );
  assert.match(`${findings[0]?.reason.field} ${findings[0]?.reason.message}`, expected);
}

test('each kind is read in its API version', () => {
  const kinds = servedKinds();
  assert.equal(kinds.length, 8);
  for (const { kind, apiVersion } of kinds) {
    const { object, ref } = ingest(raw(kind, apiVersion, 'one', { spec: {} }));
    assert.equal(object?.kind, kind);
    assert.equal(ref?.namespace, kind === 'IngressClass' || kind === 'Namespace' ? '' : 'web');
  }
});

test('an older API version is refused with what to write instead', () => {
  only(
    { ...rawIngress(), apiVersion: 'extensions/v1beta1' },
    /apiVersion is the text "extensions\/v1beta1"; .*rewrite the object in the form of networking.k8s.io\/v1/,
  );
  only({ ...rawIngress(), apiVersion: 'v1' }, /write apiVersion: networking.k8s.io\/v1/);
  only({ ...rawIngress(), apiVersion: undefined }, /apiVersion is empty; write apiVersion: networking/);
});

test('a kind of the same name in another API, an unknown kind and no object are not read', () => {
  const none = { object: null, findings: [], ref: null };
  assert.deepEqual(ingest({ ...rawIngress(), apiVersion: 'config.openshift.io/v1' }), none);
  assert.deepEqual(ingest(raw('Deployment', 'apps/v1', 'x')), none);
  assert.deepEqual(ingest(raw('constructor', 'v1', 'x')), none);
  for (const value of [null, undefined, 1, 'Ingress', [], [rawIngress()], { kind: ['Ingress'] }]) {
    assert.deepEqual(ingest(value), none);
  }
});

test('metadata: defaults, time, and bookkeeping left out', () => {
  const object = accepted({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'a.b-c',
      creationTimestamp: '2026-01-31T12:00:00+01:00',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', keep: 'x', empty: null },
    },
  });
  assert.equal(object.meta.namespace, 'default');
  assert.equal(object.meta.createdAt, Date.UTC(2026, 0, 31, 11));
  assert.deepEqual({ ...object.meta.annotations }, { keep: 'x', empty: '' });
  assert.equal(object.meta.annotations['constructor'], undefined);
  assert.ok(Object.isFrozen(object.meta.annotations));
});

test('names that are no DNS names are refused under a key that no real object can have', () => {
  for (const name of ['Shop', 'a_b', '-a', 'a/b', 'a\nb', '../x', 'x'.repeat(254), 5, {}, ['a']]) {
    const { object, ref, findings } = ingest({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
    });
    assert.equal(object, null);
    assert.match(ref?.name ?? '', /^_[a-z0-9._-]+$/);
    assert.equal(findings[0]?.reason.field, 'metadata.name');
    assert.doesNotMatch(findings[0]?.reason.message ?? '', /\n/);
  }
  const one = ingest({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'A' } }).ref?.name;
  const other = ingest({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a ' } }).ref?.name;
  assert.notEqual(one, other);
});

test('a missing name, generateName and a wrong namespace are refused', () => {
  only({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }, /metadata.name is missing; every object/);
  only(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'x-' } },
    /metadata.name .*generateName/,
  );
  only({ apiVersion: 'v1', kind: 'ConfigMap' }, /metadata.name is missing/);
  only(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'a.b' } },
    /metadata.namespace is the text "a.b"/,
  );
  only({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a.b' } }, /metadata.name/);
});

test('an annotation that is not text refuses the object, as in the API', () => {
  const value = rawIngress();
  value['metadata'] = { name: 'x', annotations: { 'a/b': true, c: 8, d: ['x'] } };
  assert.deepEqual(messages(value), [
    'rejected metadata.annotations["a/b"] is the truth value true; text is wanted: put it in quotes',
    'rejected metadata.annotations.c is the number 8; text is wanted: put it in quotes',
    'rejected metadata.annotations.d is a list; text is wanted',
  ]);
});

test('a misspelled metadata field is refused where people write the objects', () => {
  const value = raw('ConfigMap', 'v1', 'x');
  value['metadata'] = { name: 'x', Annotations: { auth: 'on' } };
  assert.deepEqual(messages(value, true), [
    'rejected metadata.Annotations is no field of this object; it is spelled annotations',
  ]);
  assert.deepEqual(messages(value, false), []);
});

test('sizes are bounded, aliases that multiply included', () => {
  only(raw('ConfigMap', 'v1', 'x', { data: { big: 'x'.repeat(3 * 1024 * 1024) } }), /is larger than 3145728/);
  let bomb: unknown = 'x'.repeat(100);
  for (let depth = 0; depth < 12; depth += 1) {
    bomb = Array.from({ length: 10 }, () => bomb);
  }
  only(raw('ConfigMap', 'v1', 'x', { data: { bomb } }), /is larger than/);
  const circle: unknown[] = [];
  circle.push(circle, circle);
  only(raw('ConfigMap', 'v1', 'x', { data: { circle } }), /is larger than/);
  const annotations = { big: 'x'.repeat(262_145) };
  only({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x', annotations } }, /metadata.annotations/);
});

test('findings of one object are bounded', () => {
  const data = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, index]));
  const { findings } = ingest(raw('ConfigMap', 'v1', 'x', { data }));
  assert.equal(findings.length, 51);
  assert.match(findings[50]?.reason.message ?? '', /^150 more fields/);
});

test('Service: defaults of the API', () => {
  const service = accepted(rawService('shop', 80)) as Service;
  assert.equal(service.type, 'ClusterIP');
  assert.deepEqual(service.clusterIPs, []);
  assert.deepEqual(service.ports, [
    { name: '', port: 80, targetPort: 80, protocol: 'TCP', appProtocol: null },
  ]);
  const headless = accepted(raw('Service', 'v1', 's', { spec: { clusterIP: 'None' } })) as Service;
  assert.deepEqual(headless.clusterIPs, ['None']);
});

test('Service: a wrong port is left out and named', () => {
  const spec = {
    ports: [
      { port: 80, targetPort: 'http', name: 'web' },
      { port: '81' },
      { port: 0 },
      { name: 'x' },
      { port: 82, targetPort: '8080' },
      'ninety',
    ],
  };
  const { object, findings } = ingest(raw('Service', 'v1', 's', { spec }));
  assert.deepEqual(
    (object as Service).ports.map(({ port, targetPort }) => [port, targetPort]),
    [[80, 'http']],
  );
  assert.deepEqual(
    findings.map(({ reason }) => reason.field),
    [
      'spec.ports[1].port',
      'spec.ports[2].port',
      'spec.ports[3].port',
      'spec.ports[4].targetPort',
      'spec.ports[5]',
    ],
  );
  assert.match(findings[0]?.reason.message ?? '', /leave out the quotes/);
});

test('EndpointSlice: conditions, hints, and what is wrong is not ready', () => {
  const value = rawSlice('s-1', 'shop', '10.0.0.1');
  value['endpoints'] = [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: false },
      zone: 'z1',
      hints: { forZones: [{ name: 'z1' }] },
    },
    { addresses: ['10.0.0.2'] },
    { addresses: ['10.0.0.3'], conditions: { ready: 'true' } },
    { addresses: ['10.0.0.4'], conditions: 'fine' },
    { addresses: 5 },
    null,
  ];
  const { object, findings } = ingest(value);
  const slice = object as EndpointSlice;
  assert.equal(slice.serviceName, 'shop');
  assert.deepEqual(
    slice.endpoints.map(({ addresses, ready }) => [addresses[0], ready]),
    [
      ['10.0.0.1', false],
      ['10.0.0.2', null],
      ['10.0.0.3', false],
      ['10.0.0.4', false],
    ],
  );
  assert.deepEqual(slice.endpoints[0]?.zoneHints, ['z1']);
  assert.equal(findings.length, 4);
  assert.deepEqual(slice.meta.labels, Object.create(null));
});

test('Endpoints: ready addresses only', () => {
  const value = raw('Endpoints', 'v1', 'shop', {
    subsets: [
      {
        addresses: [{ ip: '10.0.0.1' }, {}],
        notReadyAddresses: [{ ip: '10.0.0.9' }],
        ports: [{ port: 8080 }],
      },
    ],
  });
  const { object, findings } = ingest(value);
  assert.deepEqual((object as Endpoints).subsets, [
    { addresses: ['10.0.0.1'], ports: [{ name: '', port: 8080, protocol: 'TCP' }] },
  ]);
  assert.deepEqual(
    findings.map(({ reason }) => reason.field),
    ['subsets[0].addresses[1].ip'],
  );
});

test('Secret: base64 and stringData over it, shown nowhere', () => {
  const value = raw('Secret', 'v1', 's', {
    data: { 'tls.crt': 'Y2Vy\ndA==', auth: 'b2xk', empty: null, 'keystore.jks': '/v4=' },
    stringData: { auth: 'new' },
  });
  const secret = accepted(value) as Secret;
  assert.equal(secret.type, 'Opaque');
  assert.deepEqual(Object.keys(secret.data), ['tls.crt', 'auth', 'empty']);
  assert.equal(secret.data['tls.crt']?.reveal(), 'cert');
  assert.equal(secret.data['auth']?.reveal(), 'new');
  assert.doesNotMatch(JSON.stringify(secret), /cert"|new/);
});

test('Secret: what is wrong is named without its value', () => {
  const value = raw('Secret', 'v1', 's', {
    data: { a: 'hunter2!', b: 12345678, c: 'aHVudGVyMg', 'bad key': 'eA==', 'tls.key': '/v4=' },
  });
  const { object, findings } = ingest(value);
  assert.equal(object, null);
  assert.deepEqual(
    findings.map(({ reason }) => reason.field),
    ['data.b'],
  );
  assert.doesNotMatch(JSON.stringify(findings), /hunter|12345678/);
  const texts = { a: 'hunter2!', c: 'aHVudGVyMg', 'bad key': 'eA==', 'tls.key': '/v4=' };
  const second = ingest(raw('Secret', 'v1', 's', { data: texts }));
  assert.equal(second.object, null);
  assert.deepEqual(
    second.findings.map(({ reason }) => reason.field),
    ['data.a', 'data.c', 'data["bad key"]', 'data["tls.key"]'],
  );
  assert.doesNotMatch(JSON.stringify(second.findings), /hunter|aHVud/);
});

test('ConfigMap: text only, keys as the API allows them', () => {
  const configMap = accepted(raw('ConfigMap', 'v1', 'c', { data: { a: '1', __proto__x: 'y' } })) as ConfigMap;
  assert.deepEqual({ ...configMap.data }, { a: '1', __proto__x: 'y' });
  only(raw('ConfigMap', 'v1', 'c', { data: { a: true } }), /data.a is the truth value true; .*quotes/);
  only(raw('ConfigMap', 'v1', 'c', { data: { 'a\nb': 'x' } }), /^data\["a\\nb"\] is no allowed key/);
  only(raw('ConfigMap', 'v1', 'c', { data: 'x' }), /data is the text "x"; a mapping/);
});
