import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, serviceNames, until, world } from './world.ts';

test('a server without streamed lists is asked for one once a kind, then for pages', async (t) => {
  const { server, store, source, noted } = await world(t, {
    server: { behaviour: { watchList: 'rejected' } },
    prepare: (fake) => fake.put(service('a')),
  });
  await source.start();
  server.expire();
  server.watchesOf('services')[0]?.send({ type: 'ERROR', object: { kind: 'Status', code: 410 } });
  await until('listed again', () => server.count({ verb: 'list', plural: 'services' }) === 2);
  await until('watched again', () => server.watchesOf('services').length === 1);
  const streamed = server.requests.filter(
    ({ plural, query }) => plural === 'services' && query['sendInitialEvents'] === 'true',
  );
  assert.equal(streamed.length, 1);
  assert.ok(noted.includes('Service: restarted expired'));
  assert.deepEqual(serviceNames(store), ['web/a']);
});

test('a streamed list without an end falls back to pages', async (t) => {
  const { server, store, source } = await world(t, {
    server: { behaviour: { watchList: 'no-end-bookmark' } },
    prepare: (fake) => fake.put(service('a')),
  });
  await source.start();
  assert.deepEqual(serviceNames(store), ['web/a']);
  assert.equal(server.count({ verb: 'list', plural: 'services' }), 1);
  await until('one watch of each', () => server.watches.length === 6);
});

test('a streamed list that dies midway shows nothing of what it had', async (t) => {
  const { server, store, source } = await world(t, {
    server: { behaviour: { watchList: 'dies-midway' } },
    prepare: (fake) => fake.put(...Array.from({ length: 20 }, (_, at) => service(`s-${at}`))),
  });
  const sizes = new Set<number>();
  store.onDirty(() => sizes.add(store.snapshot().services.size));
  await source.start();
  assert.equal(store.snapshot().services.size, 20);
  sizes.delete(0);
  assert.deepEqual([...sizes], [20], 'half a list was never seen');
  assert.equal(server.count({ verb: 'list', plural: 'services' }), 1);
});

test('what changes during a streamed list is in it', async (t) => {
  const { server, store, source } = await world(t);
  const release = server.failAll({ verb: 'watch', plural: 'services' }, (response) => {
    response.writeHead(200);
    response.write(
      `{"type":"ADDED","object":${versionedService('a', '5')}}\n{"type":"ADDED","object":${versionedService('b', '3')}}\n`,
    );
    response.write('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"4"}}}\n');
    response.write(
      `{"type":"DELETED","object":${versionedService('b', '7')}}\n{"type":"MODIFIED","object":${versionedService('a', '8')}}\n`,
    );
    response.write(
      '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}\n',
    );
  });
  await source.start();
  release();
  assert.deepEqual(serviceNames(store), ['web/a']);
  assert.equal(store.snapshot().services.get('web/a')?.meta.resourceVersion, '8');
});

test('pages: all of them, in one consistent version', async (t) => {
  const { server, store, source } = await world(t, {
    server: { behaviour: { watchList: 'rejected' } },
    prepare: (fake) => fake.put(...Array.from({ length: 1201 }, (_, at) => service(`s-${at}`))),
  });
  const version = String(server.objects.revision);
  await source.start();
  assert.equal(store.snapshot().services.size, 1201);
  const pages = server.requests.filter(({ verb, plural }) => verb === 'list' && plural === 'services');
  assert.deepEqual(
    pages.map(({ query }) => [query['limit'], query['resourceVersion'], query['continue'] === undefined]),
    [
      ['500', undefined, true],
      ['500', undefined, false],
      ['500', undefined, false],
    ],
  );
  await until('watched', () => server.watchesOf('services').length === 1);
  assert.equal(server.watchesOf('services')[0]?.request.query['resourceVersion'], version);
});

test('a list compared with what is known finds what the watch never told', async (t) => {
  const { server, store, source, noted } = await world(t, {
    source: { timings: { relistMs: 1000, watchLifeMs: [1000, 1000] } },
    prepare: (fake) => fake.put(service('a'), service('gone')),
  });
  await source.start();
  server.objects.put(service('a', 81), { isSilent: true });
  server.objects.remove('v1/services', 'web/gone', { isSilent: true });
  server.put(service('b'));
  server.watchesOf('services')[0]?.bookmark();
  await until('drift is found', () => noted.includes('Service: drifted 1'));
  await until('put right', () => store.snapshot().services.get('web/a')?.ports[0]?.port === 81);
  assert.deepEqual(serviceNames(store), ['web/a', 'web/b']);
});

function versionedService(name: string, version: string): string {
  const metadata = { name, namespace: 'web', resourceVersion: version };
  return JSON.stringify({ ...service(name), metadata });
}
