import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret } from '../../../src/cluster/objects.ts';
import type { ApiSourceOptions } from '../../../src/cluster/kubernetes/source.ts';
import type { Store } from '../../../src/cluster/store.ts';
import { hang, status } from '../../support/fake-api-server.ts';
import { configMap, ingress, secret, service, until, world } from './world.ts';

function valueOf(store: Store, key: string): string | undefined {
  return store.snapshot().secrets.get(key)?.data['auth']?.reveal();
}

test('Secrets are fetched when referred to, again when changed, and forgotten when not', async (t) => {
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(secret('a', 'one'), secret('b', 'one'), ingress('shop', { secret: 'a' })),
  });
  await source.start();
  assert.equal(valueOf(store, 'web/a'), 'one');
  server.put(secret('a', 'two'), secret('b', 'two'));
  await until('fetched again', () => valueOf(store, 'web/a') === 'two');
  server.put(ingress('shop', { secret: 'b' }));
  await until('the other one', () => valueOf(store, 'web/b') === 'two');
  await until('forgotten', () => valueOf(store, 'web/a') === undefined);
  server.remove('v1/secrets', 'web/b');
  await until('deleted', () => valueOf(store, 'web/b') === undefined);
  server.put(secret('b', 'three'));
  await until('made again', () => valueOf(store, 'web/b') === 'three');
  assert.ok(
    server.requests.every(({ plural, verb, name }) => plural !== 'secrets' || verb !== 'get' || name !== 'c'),
  );
});

test('no Secret that nobody refers to is ever sent to us', async (t) => {
  const { server, source } = await world(t, {
    server: { behaviour: { watchList: 'rejected' } },
    prepare: (fake) => fake.put(secret('private', 'x')),
  });
  await source.start();
  server.put(secret('private', 'y'), service('marker'));
  for (const request of server.requests.filter(({ plural }) => plural === 'secrets')) {
    assert.match(
      String(request.headers['accept']),
      /;as=PartialObjectMetadata(List)?;g=meta\.k8s\.io;v=v1,/u,
    );
    assert.equal(request.query['fieldSelector'], 'type!=helm.sh/release.v1');
  }
  assert.equal(server.count({ verb: 'get', plural: 'secrets' }), 0);
});

test('an Ingress that names another Secret is never seen without it', async (t) => {
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(secret('a'), secret('b'), ingress('shop', { secret: 'a' })),
  });
  await source.start();
  const missing: string[] = [];
  store.onDirty(() => {
    const { ingresses, secrets } = store.snapshot();
    const name = ingresses[0]?.tls[0]?.secretName ?? '';
    if (!secrets.has(`web/${name}`)) {
      missing.push(name);
    }
  });
  for (const name of ['b', 'a', 'b', 'a']) {
    server.put(ingress('shop', { secret: name }));
    await until('the change is there', () => store.snapshot().ingresses[0]?.tls[0]?.secretName === name);
    assert.ok(store.snapshot().secrets.has(`web/${name}`));
  }
  assert.deepEqual(missing, []);
});

test('a Secret that does not come does not hold a change up for ever', async (t) => {
  const { server, store, source } = await world(t, {
    source: { timings: { holdBackMs: 50 } },
    prepare: (fake) => fake.put(secret('a'), secret('b'), ingress('shop', { secret: 'a' })),
  });
  await source.start();
  const release = server.failAll({ plural: 'secrets', verb: 'get' }, hang());
  server.put(ingress('shop', { secret: 'b' }));
  await until('seen all the same', () => store.snapshot().ingresses[0]?.tls[0]?.secretName === 'b');
  release();
});

test('other changes do not wait for a Secret that nobody newly refers to', async (t) => {
  const { server, store, source } = await world(t, {
    source: { timings: { holdBackMs: 60_000, headersMs: 60_000 } },
    prepare: (fake) => fake.put(secret('a'), ingress('shop', { secret: 'a' })),
  });
  await source.start();
  server.failAll({ plural: 'secrets', verb: 'get' }, hang());
  server.put(secret('a', 'two'));
  await until('asked for', () => server.count({ plural: 'secrets', verb: 'get' }) === 2);
  server.put(service('b'), ingress('other'));
  await until(
    'seen',
    () => store.snapshot().services.has('web/b') && store.snapshot().ingresses.length === 2,
  );
  assert.equal(valueOf(store, 'web/a'), 'x');
});

test('a Secret that cannot be read holds up nobody, and says so', async (t) => {
  for (const code of [403, 500]) {
    const { server, store, source } = await world(t, {
      prepare(fake) {
        fake.put(secret('bad'), secret('good'));
        fake.put(ingress('one', { secret: 'bad' }), ingress('two', { secret: 'good' }));
      },
    });
    const release = server.failAll({ plural: 'secrets', verb: 'get', name: 'bad' }, status(code));
    assert.equal(await source.start(), 'synced');
    assert.deepEqual([...store.snapshot().secrets.keys()], ['web/good']);
    const [finding] = store.snapshot().findings;
    assert.equal(finding?.object.name, 'bad');
    assert.match(finding?.reason.message ?? '', new RegExp(`${code}: made to answer`, 'u'));
    release();
    await until('read later', () => store.snapshot().secrets.has('web/bad'));
    assert.deepEqual(store.snapshot().findings, []);
    await source.stop();
  }
});

test('a Secret held stays while the server fails to give its next version', async (t) => {
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(secret('a', 'one'), ingress('shop', { secret: 'a' })),
  });
  await source.start();
  server.failNext({ plural: 'secrets', verb: 'get' }, status(500), 7);
  server.put(secret('a', 'two'));
  await until('asked several times', () => server.count({ plural: 'secrets', verb: 'get' }) >= 7);
  assert.equal(valueOf(store, 'web/a'), 'one');
  await until('came at last', () => valueOf(store, 'web/a') === 'two');
});

test('what a ConfigMap of the configuration names is there when start resolves', async (t) => {
  const { store, source } = await world(t, {
    source: { references: { prefixes: ['x'], secrets: [], configMaps: ['gateway/options'] } },
    prepare(fake) {
      fake.put(
        configMap('options', { 'add-headers': 'gateway/headers', 'ssl-dh-param': 'gateway/dh' }, 'gateway'),
      );
      fake.put(configMap('headers', { 'X-A': 'b' }, 'gateway'), secret('dh', 'x', 'gateway'));
    },
  });
  await source.start();
  assert.ok(store.snapshot().configMaps.has('gateway/headers'));
  assert.ok(store.snapshot().secrets.has('gateway/dh'));
});

test('values of Secrets appear in no finding', async (t) => {
  const { store, source } = await world(t, {
    prepare(fake) {
      const broken = { ...(secret('a') as { data: object }), data: { auth: 'hunter2!not-base64' } };
      fake.put(broken, ingress('shop', { secret: 'a' }));
    },
  });
  await source.start();
  const found = store.snapshot().findings;
  assert.equal(found[0]?.object.kind, 'Secret' satisfies Secret['kind']);
  assert.ok(!JSON.stringify(found).includes('hunter2'));
});

test('Secrets of Ingresses that are not ours are not held, and come with what makes them ours', async (t) => {
  const served: Partial<ApiSourceOptions> = {
    namespaceSelectorSet: true,
    references: {
      prefixes: ['nginx.ingress.kubernetes.io'],
      secrets: [],
      configMaps: [],
      isServed: ({ meta, className }, { ingressClasses, namespaces }) =>
        ingressClasses.get(className ?? '')?.controller === 'ours' &&
        namespaces.get(meta.namespace)?.meta.labels['tenant'] === 'shown',
    },
  };
  const { server, store, source } = await world(t, {
    source: served,
    prepare: (fake) =>
      fake.put(
        ingress('a', { secret: 'pair' }),
        secret('pair'),
        ingressClass('theirs'),
        namespace({ tenant: 'shown' }),
      ),
  });
  await source.start();
  await until('watched', () => server.watchesOf('ingressclasses').length === 1);
  assert.equal(store.snapshot().secrets.size, 0);
  // Whoever sees the class sees the Secret, too.
  const seen: boolean[] = [];
  store.onDirty(() => {
    const { ingressClasses, secrets } = store.snapshot();
    if (ingressClasses.get('nginx')?.controller === 'ours') {
      seen.push(secrets.has('web/pair'));
    }
  });
  server.put(ingressClass('ours'));
  await until('held', () => store.snapshot().secrets.has('web/pair'));
  await until('seen', () => seen.length > 0);
  assert.ok(!seen.includes(false), seen.join());
  server.put(namespace({ tenant: 'hidden' }));
  await until('forgotten', () => store.snapshot().secrets.size === 0);
  assert.equal(server.count({ plural: 'secrets', verb: 'get' }), 1);
});

function ingressClass(controller: string): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'nginx' },
    spec: { controller },
  };
}

function namespace(labels: object): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web', labels } };
}
