import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFirstDoubted, judgeDisappearance } from '../../../src/cluster/kubernetes/disappearance.ts';
import { raw, status } from '../../support/fake-api-server.ts';
import { service, serviceNames, until, world } from './world.ts';

function keys(count: number, prefix = 'k'): string[] {
  return Array.from({ length: count }, (_, at) => `web/${prefix}-${at}`);
}

test('a list that lost most of what there was is doubted once', () => {
  for (const [known, missing, isDoubted] of [
    [0, 0, false],
    [1, 1, true],
    [2, 1, false],
    [10, 5, false],
    [10, 6, true],
    [100, 30, false],
    [100, 31, true],
    [1000, 300, false],
    [30, 10, false],
    [30, 11, true],
  ] as const) {
    const judged = judgeDisappearance(known, keys(missing), null);
    assert.equal(judged.kind, isDoubted ? 'doubted' : 'believed', `${missing} of ${known}`);
  }
  const suspects = new Set(keys(50));
  assert.equal(judgeDisappearance(100, keys(50), suspects).kind, 'believed');
  assert.equal(judgeDisappearance(100, keys(55), suspects).kind, 'believed');
  assert.equal(
    judgeDisappearance(100, keys(50, 'other'), suspects).kind,
    'doubted',
    'others vanished this time',
  );
});

test('a first list that lost most of what an earlier life has seen is doubted until a second one has no less', () => {
  for (const [earlier, found, before, isDoubted] of [
    [0, 0, null, false],
    [0, 50, null, false],
    [20, 0, null, true],
    [20, 0, 0, false],
    [20, 4, 0, false],
    [20, 0, 4, true],
    [20, 12, null, false],
    [20, 9, null, true],
    [100, 69, null, true],
    [100, 70, null, false],
    [100, 200, null, false],
  ] as const) {
    assert.equal(
      isFirstDoubted(earlier, found, before),
      isDoubted,
      `${found} of ${earlier}, ${before} before`,
    );
  }
});

const empty = '{"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"99999"},"items":[]}';

for (const watchList of ['supported', 'rejected'] as const) {
  test(`an empty list once wipes nothing (streamed lists ${watchList})`, async (t) => {
    const {
      server,
      store,
      source,
      status: statusOf,
    } = await world(t, {
      server: { behaviour: { watchList } },
      source: { timings: { confirmMs: 50 } },
      prepare: (fake) => fake.put(...keys(20).map((key) => service(key.slice(4)))),
    });
    await source.start();
    await until('watched', () => server.watchesOf('services').length === 1);
    const sizes = new Set<number>();
    store.onDirty(() => sizes.add(store.snapshot().services.size));
    const end =
      '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"99999","annotations":{"k8s.io/initial-events-end":"true"}}}}\n';
    const isStreamed = watchList === 'supported';
    server.expire();
    server.objects.tick();
    server.failNext(
      { plural: 'services', verb: isStreamed ? 'watch' : 'list' },
      raw([isStreamed ? end : empty], isStreamed),
    );
    server.watchesOf('services')[0]?.send({ type: 'ERROR', object: { code: 410 } });
    await until('doubted', () =>
      (statusOf('Service').degradedReason ?? '').startsWith('20 of 20 objects are missing'),
    );
    await until('believed to be there', () => statusOf('Service').degradedReason === null);
    server.put(service('last'));
    await until('followed', () => store.snapshot().services.has('web/last'));
    assert.deepEqual([...sizes], [21]);
  });
}

for (const isTrue of [false, true]) {
  test(`an empty list at a start: ${isTrue ? 'true' : 'wrong'}`, async (t) => {
    const { server, store, source } = await world(t, {
      server: { behaviour: { watchList: 'rejected' } },
      source: { timings: { confirmMs: 50 } },
      prepare: (fake) => fake.put(...(isTrue ? [] : keys(20).map((key) => service(key.slice(4))))),
    });
    if (!isTrue) {
      server.failNext({ plural: 'services', verb: 'list' }, raw([empty]));
    }
    await source.start({ Service: 20, Ingress: 0 });
    assert.equal(serviceNames(store).length, isTrue ? 0 : 20);
    assert.equal(server.count({ plural: 'services', verb: 'list' }), 2);
    assert.equal(server.count({ plural: 'ingresses', verb: 'list' }), 1, 'nothing to doubt');
    assert.equal(source.counts().Service, isTrue ? 0 : 20);
  });
}

test('what a second list confirms is deleted', async (t) => {
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(...keys(20).map((key) => service(key.slice(4)))),
  });
  await source.start();
  const release = server.failAll({ plural: 'services' }, status(503));
  server.watchesOf('services')[0]?.end();
  for (const key of keys(19)) {
    server.remove('v1/services', key);
  }
  server.expire();
  release();
  await until('deleted', () => serviceNames(store).length === 1);
  const lists = server.requests.filter(({ plural, verb }) => plural === 'services' && verb === 'list');
  const whole = lists.filter(({ query }) => query['limit'] !== '1');
  assert.equal(whole.length, 1, 'one list to confirm');
});

test('deletions told one by one are believed', async (t) => {
  const { server, store, source } = await world(t, {
    prepare: (fake) => fake.put(...keys(20).map((key) => service(key.slice(4)))),
  });
  await source.start();
  for (const key of keys(20)) {
    server.remove('v1/services', key);
  }
  await until('deleted', () => serviceNames(store).length === 0);
});

test('a list that fails or is forbidden wipes nothing', async (t) => {
  const {
    server,
    store,
    source,
    status: statusOf,
  } = await world(t, {
    server: { behaviour: { watchList: 'rejected' } },
    prepare: (fake) => fake.put(service('a')),
  });
  await source.start();
  await until('watched', () => server.watchesOf('services').length === 1);
  for (const fault of [status(500), status(403), raw(['']), raw(['{}'])]) {
    const release = server.failAll({ plural: 'services', verb: 'list' }, fault);
    server.expire();
    const lists = server.count({ plural: 'services', verb: 'list' });
    server.watchesOf('services')[0]?.send({ type: 'ERROR', object: { code: 410 } });
    await until('failed three times', () => server.count({ plural: 'services', verb: 'list' }) >= lists + 3);
    assert.deepEqual(serviceNames(store), ['web/a']);
    release();
    await until('watched again', () => server.watchesOf('services').length === 1);
    assert.equal(statusOf('Service').degradedReason, null);
  }
});
