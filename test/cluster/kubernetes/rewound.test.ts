import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reset } from '../../support/fake-api-server.ts';
import { secret, service, serviceNames, until, world } from './world.ts';

function named(name: string, uid: string, port = 80): object {
  const object = service(name, port) as { metadata: object };
  return { ...object, metadata: { ...object.metadata, uid } };
}

for (const watchList of ['supported', 'rejected'] as const) {
  test(`etcd is restored from an older backup (streamed lists ${watchList})`, async (t) => {
    const { server, store, source, noted, status } = await world(t, {
      server: { behaviour: { watchList } },
      prepare: (fake) => fake.put(...['a', 'b', 'c', 'd', 'e'].map((name) => named(name, name))),
    });
    await source.start();
    await until('watched', () => server.watchesOf('services').length === 1);
    for (let at = 0; at < 50; at += 1) {
      server.put(named('a', 'a', 1000 + at));
    }
    server.put(service('new'));
    await until('seen', () => store.snapshot().services.has('web/new'));
    server.objects.restore(
      900,
      ['a', 'b', 'c', 'd', 'e'].map((name) => named(name, name)),
    );
    server.dropConnections();
    await until('what the backup lacks is gone', () => serviceNames(store).length === 5);
    assert.equal(store.snapshot().services.get('web/a')?.ports[0]?.port, 80, 'the older form counts');
    await until('well', () => status('Service').degradedReason === null);
    assert.ok(noted.includes('Service: restarted rewound'));
    await until('watched again', () => server.watchesOf('services').length === 1);
    server.put(named('b', 'b', 8080));
    await until('changes are seen', () => store.snapshot().services.get('web/b')?.ports[0]?.port === 8080);
  });
}

test('etcd is emptied while the connection is silent: the idle end shows it', async (t) => {
  const { server, store, source } = await world(t, {
    source: { timings: { watchIdleMs: 200 } },
    prepare: (fake) => fake.put(service('a'), service('b'), secret('s')),
  });
  await source.start();
  for (let at = 0; at < 20; at += 1) {
    server.objects.tick();
  }
  server.put(service('b', 81));
  await until('seen', () => store.snapshot().services.get('web/b')?.ports[0]?.port === 81);
  // No connection is lost, and the watches from the version of before stay open without a word.
  server.objects.restore(10, [service('z')]);
  await until('followed', () => serviceNames(store).join() === 'web/z');
  server.put(service('y'));
  await until('followed on', () => serviceNames(store).join() === 'web/y,web/z');
});

test('an idle end does not make trouble well again, the word of the server does', async (t) => {
  const { server, source, status } = await world(t, {
    source: { timings: { watchIdleMs: 150, confirmedMs: 50 } },
    prepare: (fake) => fake.put(service('a')),
  });
  await source.start();
  await until('watched', () => server.watchesOf('services').length === 1);
  const allow = server.failAll({ plural: 'services', verb: 'list' }, reset());
  server.watchesOf('services')[0]?.reset();
  await until('trouble', () => status('Service').degradedReason !== null);
  const before = server.count({ plural: 'services', verb: 'watch' });
  await until('asked on', () => server.count({ plural: 'services', verb: 'list' }) >= 8);
  assert.equal(
    server.count({ plural: 'services', verb: 'watch' }),
    before,
    'no watch from an unknown version',
  );
  assert.notEqual(status('Service').degradedReason, null);
  allow();
  // Nothing happens in the cluster: neither event nor bookmark is needed.
  await until('well', () => status('Service').degradedReason === null);
});
