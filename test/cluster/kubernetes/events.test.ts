import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOlder } from '../../../src/cluster/kubernetes/intake.ts';
import { reset } from '../../support/fake-api-server.ts';
import { service, serviceNames, until, world } from './world.ts';

function versioned(name: string, version: string | null, port = 80, uid = 'u-1'): object {
  const metadata = { name, namespace: 'web', uid, ...(version !== null && { resourceVersion: version }) };
  return { ...service(name, port), metadata };
}

test('versions are compared as the numbers they are, and never where they are none', () => {
  assert.ok(isOlder('9', '10') && isOlder('9007199254740993', '9007199254740994'));
  assert.ok(!isOlder('10', '9') && !isOlder('10', '10'));
  assert.ok(!isOlder('a', 'b') && !isOlder('', '5') && !isOlder('5', ''));
});

test('an event without a version is applied and does not move the position', async (t) => {
  const { server, store, source, noted } = await world(t, { prepare: (fake) => fake.put(service('z')) });
  await source.start();
  const version = String(server.objects.revision);
  server.watchesOf('services')[0]?.send({ type: 'ADDED', object: versioned('a', null) });
  await until('applied', () => serviceNames(store).length === 2);
  server.watchesOf('services')[0]?.end();
  await until('watched again', () => server.count({ plural: 'services', verb: 'watch' }) === 2);
  const last = server.requests.findLast(({ plural }) => plural === 'services');
  assert.equal(last?.query['resourceVersion'], version);
  assert.ok(!noted.includes('Service: listed 2'));
});

test('versions that go backwards, duplicates and old news change nothing', async (t) => {
  const { server, store, source } = await world(t);
  await source.start();
  const [watch] = server.watchesOf('services');
  watch?.send({ type: 'ADDED', object: versioned('a', '2000', 80) });
  watch?.send({ type: 'MODIFIED', object: versioned('a', '2005', 81) });
  await until('applied', () => store.snapshot().services.get('web/a')?.ports[0]?.port === 81);
  const { version } = store;
  watch?.send({ type: 'MODIFIED', object: versioned('a', '2005', 81) });
  watch?.send({ type: 'MODIFIED', object: versioned('a', '2000', 80) });
  watch?.send({ type: 'ADDED', object: versioned('a', '1999', 79) });
  watch?.send({ type: 'DELETED', object: versioned('a', '1990', 79, 'u-0') });
  watch?.send({ type: 'DELETED', object: versioned('never', '1990') });
  watch?.send({ type: 'ADDED', object: versioned('marker', '2006') });
  await until('all read', () => store.snapshot().services.has('web/marker'));
  assert.equal(store.version, version + 1);
  assert.equal(store.snapshot().services.get('web/a')?.ports[0]?.port, 81);
  watch?.send({ type: 'ADDED', object: versioned('late', '1500') });
  await until('read too', () => store.snapshot().services.has('web/late'));
  // What it has told is true of it.
  while (server.objects.revision < 2006) {
    server.objects.tick();
  }
  watch?.end();
  await until('watched again', () => server.count({ plural: 'services', verb: 'watch' }) === 2);
  const last = server.requests.findLast(({ plural }) => plural === 'services');
  assert.equal(last?.query['resourceVersion'], '2006');
});

test('deleted and made again under the same name while disconnected', async (t) => {
  for (const isExpired of [false, true]) {
    const { server, store, source } = await world(t, { prepare: (fake) => fake.put(service('a', 80)) });
    await source.start();
    const before = store.snapshot().services.get('web/a')?.meta.uid;
    const release = server.failAll({ plural: 'services' }, reset());
    server.watchesOf('services')[0]?.reset();
    server.remove('v1/services', 'web/a');
    server.put(service('a', 80));
    if (isExpired) {
      server.expire();
    }
    release();
    await until('the new one is there', () => {
      const now = store.snapshot().services.get('web/a')?.meta.uid;
      return now !== undefined && now !== before;
    });
    await source.stop();
  }
});

test('an event of an unknown type is passed over', async (t) => {
  const { server, store, source, noted } = await world(t);
  await source.start();
  server.watchesOf('services')[0]?.send({ type: 'PROGRESS', object: { metadata: {} } });
  server.put(service('a'));
  await until('the next event came', () => serviceNames(store).length === 1);
  assert.ok(noted.includes('Service: skipped an event of an unknown type'));
  assert.equal(server.count({ plural: 'services', verb: 'watch' }), 1);
});
