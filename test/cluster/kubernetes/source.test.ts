import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMap, ingress, secret, service, serviceNames, until, world } from './world.ts';

test('one complete list of every kind is in the store when start resolves', async (t) => {
  for (const watchList of ['supported', 'rejected'] as const) {
    const { server, store, source } = await world(t, {
      server: { behaviour: { watchList } },
      prepare(fake) {
        fake.put(
          ingress('shop', { secret: 'tls' }),
          secret('tls'),
          secret('other'),
          service('a'),
          service('b'),
        );
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
