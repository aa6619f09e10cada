import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hang } from '../../support/fake-api-server.ts';
import { service, serviceNames, until, world } from './world.ts';

test('a thousand starts and stops: one watch of each kind, no connection left behind', async (t) => {
  const { server, store, source } = await world(t, { prepare: (fake) => fake.put(service('a')) });
  let results = '';
  for (let round = 0; round < 1000; round += 1) {
    const started = source.start();
    if (round % 3 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const stopped = source.stop();
    if (round % 2 === 0) {
      await stopped;
    }
    results += (await started) === 'stopped' ? '.' : '!';
  }
  assert.equal(results.length, 1000);
  assert.equal(await source.start(), 'synced');
  assert.equal(await source.start(), 'synced', 'starting twice is starting once');
  await until('one watch of each', () => server.watches.length === 6);
  await until('no other connection but idle ones', () => server.connections.open <= 14);
  assert.equal(new Set(server.watches.map(({ request }) => request.plural)).size, 6);
  server.put(service('b'));
  await until('followed', () => serviceNames(store).length === 2);
  assert.equal(server.watches.length, 6);
  await source.stop();
  await until('all closed', () => server.connections.open === 0);
});

test('stop while nothing answers: start resolves, nothing is left', async (t) => {
  const { server, source } = await world(t, { prepare: (fake) => fake.failAll({}, hang()) });
  const started = source.start();
  await until('asked', () => server.requests.length >= 6);
  await source.stop();
  assert.equal(await started, 'stopped');
  await until('all closed', () => server.connections.open === 0);
});

test('stop is safe before start, and twice', async (t) => {
  const { source } = await world(t);
  await source.stop();
  await source.stop();
  assert.equal(await source.start(), 'synced');
});

test('started again after a stop it goes on where it was', async (t) => {
  const { server, store, source, noted } = await world(t, {
    prepare: (fake) => fake.put(service('a'), service('b')),
  });
  await source.start();
  await source.stop();
  server.remove('v1/services', 'web/a');
  server.put(service('c'));
  assert.equal(await source.start(), 'synced');
  await until('caught up', () => serviceNames(store).join(' ') === 'web/b web/c');
  assert.equal(noted.filter((line) => line.startsWith('Service: listed')).length, 1);
});
