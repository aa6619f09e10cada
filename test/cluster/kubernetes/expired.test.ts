import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../support/fake-api-server.ts';
import { service, serviceNames, until, world } from './world.ts';

for (const watchList of ['supported', 'rejected'] as const) {
  test(`the version is gone when the watch connects (streamed lists ${watchList})`, async (t) => {
    const { server, store, source, noted } = await world(t, {
      server: { behaviour: { watchList } },
      prepare: (fake) => fake.put(service('a'), service('b'), service('c')),
    });
    await source.start();
    await until('watched', () => server.watchesOf('services').length === 1);
    server.failNext({ plural: 'services', verb: 'watch' }, status(500), 2);
    server.watchesOf('services')[0]?.reset();
    server.remove('v1/services', 'web/a');
    server.put(service('d'));
    server.expire();
    await until('listed again', () => serviceNames(store).join(' ') === 'web/b web/c web/d');
    assert.ok(noted.includes('Service: restarted expired'));
  });

  test(`the version is gone in the middle of the watch (streamed lists ${watchList})`, async (t) => {
    const { server, store, source } = await world(t, {
      server: { behaviour: { watchList } },
      prepare: (fake) => fake.put(service('a'), service('b'), service('c')),
    });
    await source.start();
    await until('watched', () => server.watchesOf('services').length === 1);
    const [watch] = server.watchesOf('services');
    watch?.pause();
    server.remove('v1/services', 'web/a');
    server.put(service('d'));
    server.expire();
    watch?.send({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    await until('listed again', () => serviceNames(store).join(' ') === 'web/b web/c web/d');
    assert.equal(server.mostWatches, 1);
  });
}

test('continue tokens that expire: started over, in one piece in the end', async (t) => {
  for (const refused of [1, 3]) {
    const { server, store, source } = await world(t, {
      server: { behaviour: { watchList: 'rejected' } },
      prepare(fake) {
        fake.put(...Array.from({ length: 600 }, (_, at) => service(`s-${at}`)));
        fake.expireTokens(refused);
      },
    });
    await source.start();
    assert.equal(store.snapshot().services.size, 600);
    const lists = server.requests.filter(({ verb, plural }) => verb === 'list' && plural === 'services');
    assert.equal(lists.at(-1)?.query['limit'], refused === 1 ? '500' : undefined);
    await source.stop();
  }
});

test('an expired watch right after each list is not asked for without end', async (t) => {
  const { server, source } = await world(t, {
    source: { timings: { backoffMinMs: 50, backoffMaxMs: 2000 } },
  });
  await source.start();
  const release = server.failAll({ plural: 'services', verb: 'watch' }, status(410));
  server.watchesOf('services')[0]?.reset();
  const before = server.count({ plural: 'services' });
  const start = performance.now();
  await until('half a second has passed', () => performance.now() - start > 500);
  const asked = server.count({ plural: 'services' }) - before;
  release();
  assert.ok(asked < 60, `${asked} requests in half a second`);
});
