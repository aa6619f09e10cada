import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMap, ingress, secret, service, serviceNames, until, world } from './world.ts';

test('one complete list of every kind is in the store when start resolves', async (t) => {
  for (const watchList of ['supported', 'rejected'] as const) {
    const { server, store, source } = await world(t, {
      server: { behaviour: { watchList } },
      prepare(fake) {
        fake.put(ingress('shop', { secret: 'tls' }), secret('tls'), secret('other'));
        fake.put(service('a'), service('b'));
      },
    });
    assert.equal(await source.start(), 'synced');
    assert.deepEqual(serviceNames(store), ['web/a', 'web/b']);
    assert.equal(store.snapshot().ingresses.length, 1);
    assert.deepEqual([...store.snapshot().secrets.keys()], ['web/tls'], 'only what is referred to is held');
    assert.equal(server.count({ verb: 'get', plural: 'secrets' }), 1);
    assert.ok(source.status().every((one) => one.synced && one.degradedReason === null));
    assert.ok(source.status().every((one) => one.lastContactMonotonic !== null));
    assert.equal(server.count({ verb: 'list' }), watchList === 'supported' ? 0 : 6);
    await source.stop();
  }
});

test('an empty cluster is a complete listing', async (t) => {
  const { store, source } = await world(t);
  assert.equal(await source.start(), 'synced');
  assert.equal(store.snapshot().ingresses.length, 0);
});

test('events change the store: created, changed, deleted', async (t) => {
  const { server, store, source } = await world(t);
  await source.start();
  server.put(service('a'));
  await until('created', () => serviceNames(store).length === 1);
  server.put(service('a', 81));
  await until('changed', () => store.snapshot().services.get('web/a')?.ports[0]?.port === 81);
  server.remove('v1/services', 'web/a');
  await until('deleted', () => serviceNames(store).length === 0);
  assert.equal(server.count({ verb: 'watch', plural: 'services' }), 1, 'all through one watch');
});

test('events that come close together are one change of the store', async (t) => {
  const { server, store, source } = await world(t, { source: { timings: { coalesceMs: 200 } } });
  await source.start();
  const { version } = store;
  for (let port = 1; port <= 50; port += 1) {
    server.put(service('a', port), service(`s-${port}`));
  }
  await until('all there', () => store.snapshot().services.size === 51);
  assert.ok(store.version - version <= 3, `${store.version - version} changes for 100 events`);
  assert.equal(store.snapshot().services.get('web/a')?.ports[0]?.port, 50);
});

test('a change of status alone, or the same version again, changes nothing', async (t) => {
  const { server, store, source } = await world(t);
  server.put(ingress('shop'));
  await source.start();
  const { version } = store;
  server.put({ ...ingress('shop'), status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } });
  const [watch] = server.watchesOf('ingresses');
  watch?.send({ type: 'MODIFIED', object: server.objects.get('networking.k8s.io/v1/ingresses', 'web/shop') });
  server.put(service('marker'));
  await until('the marker came', () => serviceNames(store).length === 1);
  assert.equal(store.version, version + 1);
});

test('one namespace: namespaced URLs, and what the configuration names elsewhere', async (t) => {
  const { server, store, source } = await world(t, {
    source: {
      namespace: 'web',
      references: {
        prefixes: ['nginx.ingress.kubernetes.io'],
        secrets: ['gateway/default-tls'],
        configMaps: ['gateway/options', 'web/own'],
      },
    },
    prepare(fake) {
      fake.put(service('a'), service('b', 80, 'other'));
      fake.put(secret('default-tls', 'x', 'gateway'), secret('stranger', 'x', 'gateway'));
      fake.put(configMap('options', { a: 'b' }, 'gateway'), configMap('own', {}), configMap('unnamed', {}));
    },
  });
  await source.start();
  assert.deepEqual(serviceNames(store), ['web/a']);
  assert.deepEqual([...store.snapshot().secrets.keys()], ['gateway/default-tls']);
  assert.deepEqual([...store.snapshot().configMaps.keys()].sort(), ['gateway/options', 'web/own']);
  const paths = new Set(server.watches.map(({ request }) => request.path));
  assert.ok(paths.has('/apis/networking.k8s.io/v1/namespaces/web/ingresses'));
  assert.ok(paths.has('/apis/networking.k8s.io/v1/ingressclasses'));
  assert.ok(paths.has('/api/v1/namespaces/gateway/secrets'));
  assert.ok(!paths.has('/api/v1/services'));
  server.put(configMap('options', { a: 'c' }, 'gateway'));
  await until(
    'the option changed',
    () => store.snapshot().configMaps.get('gateway/options')?.data['a'] === 'c',
  );
});

test('one bad object is a finding and stops nothing', async (t) => {
  const bad = { ...ingress('bad'), spec: { rules: 'none' } };
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(bad, ingress('good')),
  });
  await source.start();
  assert.deepEqual(
    store.snapshot().ingresses.map(({ meta }) => meta.name),
    ['good'],
  );
  assert.equal(store.snapshot().findings[0]?.object.name, 'bad');
  assert.match(store.snapshot().findings[0]?.reason.field ?? '', /spec\.rules/u);
  server.put(ingress('bad'));
  await until('mended', () => store.snapshot().ingresses.length === 2);
  assert.deepEqual(store.snapshot().findings, []);
  server.put(bad);
  await until('broken again', () => store.snapshot().findings.length === 1);
  server.remove('networking.k8s.io/v1/ingresses', 'web/bad');
  await until('its finding goes with it', () => store.snapshot().findings.length === 0);
});

test('a listener or hook that throws ends nothing', async (t) => {
  const errors: unknown[] = [];
  const { server, store, source } = await world(t, {
    source: {
      log: {
        debug: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: (_message, fields) => errors.push(fields),
      },
      onStatus() {
        throw new Error('made to fail');
      },
    },
  });
  const off = store.onDirty(() => {
    throw new Error('made to fail');
  });
  server.put(service('a'));
  await source.start();
  server.put(service('b'));
  await until('the event came', () => store.snapshot().services.size === 2);
  off();
  server.put(service('c'));
  await until('the next event came', () => store.snapshot().services.size === 3);
  assert.equal(server.count({ verb: 'watch', plural: 'services' }), 1, 'the watch went on');
  assert.ok(errors.length >= 2, 'it is said');
});

test('slices are not served: Endpoints take their place, until slices come', async (t) => {
  const { server, store, source } = await world(t, {
    prepare(fake) {
      fake.behaviour.notServed.add('discovery.k8s.io/v1/endpointslices');
      fake.put({
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'a', namespace: 'web' },
        subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
      });
    },
  });
  assert.equal(await source.start(), 'synced');
  assert.ok(store.snapshot().endpoints.has('web/a'));
  server.behaviour.notServed.clear();
  await until('Endpoints are forgotten', () => !store.snapshot().endpoints.has('web/a'));
  await until('and no longer watched', () => server.watchesOf('endpoints').length === 0);
  assert.equal(server.watchesOf('endpointslices').length, 1);
});

test('Endpoints are not read while slices are served', async (t) => {
  const { server, source } = await world(t);
  await source.start();
  assert.equal(server.requests.filter(({ plural }) => plural === 'endpoints').length, 0);
  assert.equal(server.requests.filter(({ plural }) => plural === 'namespaces').length, 0);
});
