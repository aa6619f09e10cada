import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstObstacle } from '../../../src/cluster/kubernetes/kind-status.ts';
import { hang, raw, reset, status, type SeenRequest } from '../../support/fake-api-server.ts';
import { service, serviceNames, until, world } from './world.ts';

const pages = { server: { behaviour: { watchList: 'rejected' } } } as const;

test('a half-open connection is given up, and nothing is missed or listed again', async (t) => {
  const { server, store, source, noted } = await world(t, { source: { timings: { watchIdleMs: 150 } } });
  await source.start();
  server.watchesOf('services')[0]?.freeze();
  server.put(service('missed'));
  await until('the event came another way', () => serviceNames(store).length === 1);
  assert.ok(noted.includes('Service: restarted idle'));
  assert.equal(noted.filter((line) => line === 'Service: listed 0').length, 1);
  const lists = server.requests.filter(({ verb }) => verb === 'list');
  assert.ok(
    lists.length > 0 && lists.every(({ query }) => query['limit'] === '1'),
    'only its version was asked for',
  );
  const second = server.requests.filter(({ plural, verb }) => plural === 'services' && verb === 'watch')[1];
  assert.match(second?.query['resourceVersion'] ?? '', /^\d+$/u, 'it went on where it was');
});

test('bookmarks keep a quiet watch open', async (t) => {
  const { server, source } = await world(t, {
    server: { behaviour: { bookmarkEveryMs: 20 } },
    source: { timings: { watchIdleMs: 2000 } },
  });
  await source.start();
  const start = performance.now();
  await until('longer than the idle deadline', () => performance.now() - start > 2500);
  assert.equal(server.count({ verb: 'watch' }), 6);
});

test('a watch that lasts longer than it was asked to is given up', async (t) => {
  const { server, store, source, noted } = await world(t, {
    server: { behaviour: { bookmarkEveryMs: 20 } },
    source: { timings: { watchLifeMs: [50, 50], watchGraceMs: 100 } },
  });
  await source.start();
  await until('given up', () => noted.includes('Service: restarted deadline'));
  server.put(service('a'));
  await until('and the next one works', () => serviceNames(store).length === 1);
});

test('a proxy that cuts every connection: reconnected from the last version, never listed again', async (t) => {
  const { server, store, source, noted } = await world(t);
  await source.start();
  for (let round = 0; round < 5; round += 1) {
    server.put(service(`s-${round}`));
    await until('the event came', () => serviceNames(store).length === round + 1);
    for (const watch of server.watchesOf('services')) {
      if (round % 2 === 0) {
        watch.reset();
      } else {
        watch.end();
      }
    }
    server.put(service(`s-${round}`, 81));
  }
  await until('the last change came', () => store.snapshot().services.get('web/s-4')?.ports[0]?.port === 81);
  assert.equal(noted.filter((line) => line.startsWith('Service: listed')).length, 1);
});

test('a proxy that cuts quiet connections (after 60 s, here 0.12 s) is no trouble and costs no list', async (t) => {
  const {
    server,
    store,
    source,
    noted,
    status: statusOf,
  } = await world(t, {
    // All as by default, a five-hundredth of it: 90 s of silence, 45 s that earn a fresh back-off.
    source: { timings: { watchIdleMs: 180, steadyMs: 90, backoffMinMs: 20, backoffMaxMs: 2000 } },
  });
  await source.start();
  const troubles: string[] = [];
  for (let cut = 0; cut < 12; cut += 1) {
    await new Promise((resolve) => setTimeout(resolve, 120));
    for (const watch of server.watchesOf('services')) {
      watch.reset();
    }
    troubles.push(statusOf('Service').degradedReason ?? '');
    // What happens while the connection is away.
    server.put(service(`s-${cut}`));
    await until('seen by the next watch', () => store.snapshot().services.has(`web/s-${cut}`));
  }
  assert.deepEqual([...new Set(troubles)], ['']);
  assert.equal(noted.filter((line) => line === 'Service: listed 0').length, 1);
  assert.ok(!noted.some((line) => /^Service: listed [1-9]/u.test(line)), 'never listed again');
  const lists = server.requests.filter(({ verb, plural }) => verb === 'list' && plural === 'services');
  assert.ok(
    lists.every(({ query }) => query['limit'] === '1') && lists.length <= 24,
    `${lists.length} lists`,
  );
});

for (const [name, fault] of [
  ['500', status(500)],
  ['502 with HTML', status(502, { body: '<html>bad gateway</html>' })],
  ['503', status(503)],
  ['429', status(429)],
  ['401', status(401)],
  ['a reset', reset()],
  ['200 with HTML', raw(['<html>welcome</html>'])],
  ['200 with another object', raw(['{"kind":"Status","metadata":{}}'])],
  ['200 cut off', raw(['{"kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":[{'])],
] as const) {
  test(`lists and watches answered with ${name} are tried again until they work`, async (t) => {
    const { server, store, source } = await world(t, {
      ...pages,
      prepare(fake) {
        fake.put(service('a'));
        fake.failNext({ plural: 'services' }, fault, 4);
        fake.failNext({ plural: 'secrets', verb: 'list' }, fault, 2);
      },
    });
    assert.equal(await source.start(), 'synced');
    assert.deepEqual(serviceNames(store), ['web/a']);
    await until('watched', () => server.watchesOf('services').length === 1);
    server.failNext({ plural: 'services', verb: 'watch' }, fault, 4);
    server.watchesOf('services')[0]?.end();
    server.put(service('b'));
    await until('the event came', () => serviceNames(store).length === 2);
    assert.equal(server.mostWatches, 1);
  });
}

test('Retry-After is honoured', async (t) => {
  const { server, source } = await world(t, {
    prepare: (fake) => fake.failNext({ plural: 'services' }, status(429, { retryAfter: 1 })),
  });
  await source.start();
  const [first, second] = server.requests.filter(({ plural }) => plural === 'services');
  assert.ok(first !== undefined && second !== undefined && second.at - first.at >= 990);
});

test('Retry-After in the stream is honoured too', async (t) => {
  const { server, store, source } = await world(t);
  await source.start();
  const sent = performance.now();
  const object = { kind: 'Status', code: 429, message: 'busy', details: { retryAfterSeconds: 1 } };
  server.watchesOf('services')[0]?.send({ type: 'ERROR', object });
  server.put(service('a'));
  await until('the event came', () => serviceNames(store).length === 1);
  const last = server.requests.findLast(({ plural }) => plural === 'services');
  assert.ok((last?.at ?? 0) - sent >= 990);
});

test('no answer at all: the request is given up and made again', async (t) => {
  const { server, source } = await world(t, {
    ...pages,
    source: { timings: { headersMs: 60, watchHeadersMs: 60, bodyIdleMs: 60 } },
    prepare(fake) {
      fake.failNext({ plural: 'services', verb: 'list' }, hang());
      fake.failNext({ plural: 'secrets', verb: 'watch' }, hang());
      fake.failNext({ plural: 'ingresses', verb: 'list' }, raw(['{"kind":'], true));
    },
  });
  assert.equal(await source.start(), 'synced');
  assert.equal(server.count({ plural: 'services', verb: 'list' }), 2);
  assert.equal(server.count({ plural: 'ingresses', verb: 'list' }), 2);
});

test('the server is away for a while: what is known stays, and is followed again', async (t) => {
  const {
    server,
    store,
    source,
    status: statusOf,
  } = await world(t, {
    prepare: (fake) => fake.put(service('a'), service('b')),
  });
  await source.start();
  const release = server.failAll({}, reset());
  server.dropConnections();
  await until('it is said', () => statusOf('Service').degradedReason !== null);
  server.remove('v1/services', 'web/b');
  server.put(service('c'));
  assert.deepEqual(serviceNames(store), ['web/a', 'web/b']);
  assert.ok(statusOf('Service').synced);
  release();
  await until('followed again', () => serviceNames(store).join(' ') === 'web/a web/c');
  await until('it is said too', () => statusOf('Service').degradedReason === null);
});

test('after an outage the first kind that is back calls the others', async (t) => {
  const { server, source } = await world(t, {
    source: { timings: { backoffMinMs: 1e8, backoffMaxMs: 1e9 } },
  });
  await source.start();
  await until('watched', () => server.watches.length === 6);
  let chance = 0.5;
  t.mock.method(Math, 'random', () => chance);
  const release = server.failAll({}, reset());
  for (const watch of server.watches.filter(({ request }) => request.plural !== 'services')) {
    watch.reset();
  }
  // Each of them waits for half a day.
  await until('five are lost', () => server.watches.length === 1);
  // The sixth waits for a tenth of a second, and again after it has found nobody.
  chance = 1e-9;
  server.watchesOf('services')[0]?.reset();
  await until('it has asked', () => server.count({ verb: 'list' }) >= 1);
  release();
  await until('all are back', () => server.watches.length === 6);
});

test('watches that fail from one version on and on end in a list', async (t) => {
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(service('a')),
  });
  await source.start();
  const release = server.failAll({ plural: 'services', verb: 'watch' }, (response, request) => {
    if (isResumed(request)) {
      status(504)(response, request);
    } else {
      release();
      reset()(response, request);
    }
  });
  server.watchesOf('services')[0]?.reset();
  server.put(service('b'));
  await until('followed again', () => serviceNames(store).length === 2);
  const streamed = server.requests.filter((request) => request.plural === 'services' && !isResumed(request));
  assert.ok(streamed.length >= 2);
});

test('a forbidden kind that is needed: the rest is followed, it is said, and it comes when it is allowed', async (t) => {
  const {
    server,
    store,
    source,
    status: statusOf,
  } = await world(t, {
    prepare(fake) {
      fake.behaviour.forbidden.add('services');
      fake.put(service('a'));
    },
  });
  const started = source.start();
  await until('it is said', () => statusOf('Service').isUnavailable);
  assert.match(statusOf('Service').degradedReason ?? '', /403: services is forbidden/u);
  const [finding] = store.snapshot().findings;
  assert.equal(finding?.object.kind, 'Service');
  assert.match(finding?.reason.message ?? '', /allow list and watch of services in the API group ""/u);
  await until('the rest is there', () => statusOf('Ingress').synced);
  server.behaviour.forbidden.clear();
  assert.equal(await started, 'synced');
  assert.deepEqual(store.snapshot().findings, []);
  assert.deepEqual(serviceNames(store), ['web/a']);

  server.behaviour.forbidden.add('services');
  server.watchesOf('services')[0]?.end();
  await until('forbidden later', () => statusOf('Service').isUnavailable);
  assert.deepEqual(serviceNames(store), ['web/a'], 'what is known stays');
  assert.ok(statusOf('Service').synced);
});

test('what is forbidden from the beginning is asked for soon again: rights may come after the pod', async (t) => {
  const { server, store, source } = await world(t, {
    source: { timings: { forbiddenMs: 600_000 } },
    prepare(fake) {
      fake.behaviour.forbidden.add('services');
      fake.put(service('a'));
    },
  });
  const started = source.start();
  await until('it was asked for more than once', () => server.count({ plural: 'services' }) >= 3);
  server.behaviour.forbidden.clear();
  assert.equal(await started, 'synced');
  assert.deepEqual(serviceNames(store), ['web/a']);
});

test('a selector of namespaces cannot be judged without Namespaces: nothing is complete before', async (t) => {
  const {
    server,
    store,
    source,
    status: statusOf,
  } = await world(t, {
    source: { namespaceSelectorSet: true },
    prepare(fake) {
      fake.behaviour.forbidden.add('namespaces');
      fake.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } });
    },
  });
  const started = source.start();
  await until('the rest is there', () => statusOf('Ingress').synced && statusOf('Namespace').isUnavailable);
  assert.equal(store.snapshot().findings[0]?.object.kind, 'Namespace');
  assert.match(firstObstacle(source.status()) ?? '', /allow list and watch of namespaces/u);
  const early = await Promise.race([started, new Promise((resolve) => setTimeout(resolve, 100, 'waits'))]);
  assert.equal(early, 'waits');
  server.behaviour.forbidden.clear();
  assert.equal(await started, 'synced');
  assert.ok(store.snapshot().namespaces.has('web'));
  assert.deepEqual(store.snapshot().findings, []);
  assert.equal(firstObstacle(source.status()), null);
});

function isResumed({ query }: SeenRequest): boolean {
  return query['resourceVersion'] !== undefined;
}
