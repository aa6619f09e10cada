import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ApiClient, Stream } from '../../../src/cluster/kubernetes/api-client.ts';
import { textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import { namesOnlyAccept } from '../../../src/cluster/kubernetes/collections.ts';
import { readWatchEvent } from '../../../src/cluster/kubernetes/watch-event.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import {
  create,
  noRealServer as skip,
  pathOf,
  remove,
  startRealApiServer,
  type RealApiServer,
} from '../../support/real-api-server.ts';
import {
  createApiSource,
  type ApiSource,
  type ApiSourceOptions,
} from '../../../src/cluster/kubernetes/source.ts';
import { createStore } from '../../../src/cluster/store.ts';
import { configMap, ingress, secret, service, serviceNames, sound, until } from './world.ts';

/** What the fake API server imitates is what the real one does. */
async function assertFormsAsAssumed(client: ApiClient, canStream: boolean): Promise<void> {
  const path = '/api/v1/namespaces/web/secrets';
  const listed = await client.send({ path, accept: namesOnlyAccept.list });
  assert.ok(listed.kind === 'answer' && listed.status === 200);
  assert.equal(textAt(listed.body, 'kind'), 'PartialObjectMetadataList');
  assert.ok(!JSON.stringify(listed.body).includes('"data"'));
  const wrong = await client.send({ path, accept: namesOnlyAccept.watch });
  assert.ok(wrong.kind === 'answer' && wrong.status === 406);

  const query = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '2' };
  const initial = { ...query, sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
  const limits = { idleMs: 5000, totalMs: 5000 };
  const streamed = await client.open({ path, query: initial, accept: namesOnlyAccept.watch }, limits);
  if (streamed.kind !== 'stream') {
    assert.ok(streamed.kind === 'answer' && streamed.status === 422 && !canStream, JSON.stringify(streamed));
    return;
  }
  assert.ok(canStream);
  const events = (await textOf(streamed))
    .split('\n')
    .filter((line) => line !== '')
    .map(readWatchEvent);
  assert.ok(events.some((event) => event.kind === 'bookmark' && event.isEndOfList));
  assert.ok(events.some((event) => event.kind === 'put'));
}

/** A source of a user without any rights. */
async function startOutsider(t: TestContext, server: RealApiServer): Promise<ApiSource> {
  const source = createApiSource({
    connection: sound(await openConnection({ kubeconfig: server.kubeconfigOf('outsider') })),
    store: createStore(),
    namespace: '',
    namespaceSelectorSet: false,
    references: { prefixes: ['x'], secrets: [], configMaps: [] },
  });
  t.after(() => source.stop());
  void source.start();
  return source;
}

async function textOf({ chunks }: Stream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) {
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

for (const [name, gates] of [
  ['streamed lists', 'WatchList=true'],
  ['pages', 'WatchList=false'],
] as const) {
  test(`a real API server is followed by ${name}`, { skip, timeout: 300_000 }, async (t) => {
    const server = await startRealApiServer(t, { 'feature-gates': gates });
    const { client, kubeconfig } = server;
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } };
    await create(
      client,
      namespace,
      secret('tls', 'one'),
      secret('private'),
      configMap('options', { a: 'b' }),
    );
    await create(client, ingress('shop', { secret: 'tls' }), service('a'));
    for (let at = 0; at < 600; at += 1) {
      await create(client, configMap(`filler-${at}`, { at: String(at) }));
    }

    await assertFormsAsAssumed(client, gates === 'WatchList=true');

    const skipped: string[] = [];
    const store = createStore();
    const options: ApiSourceOptions = {
      connection: sound(await openConnection({ kubeconfig })),
      store,
      namespace: '',
      namespaceSelectorSet: true,
      references: {
        prefixes: ['nginx.ingress.kubernetes.io'],
        secrets: [],
        configMaps: ['web/options'],
      },
      observer: { skipped: (kind, reason) => skipped.push(`${kind} ${reason}`) },
    };
    const source = createApiSource(options);
    t.after(() => source.stop());
    assert.equal(await source.start(), 'synced');
    assert.ok(store.snapshot().services.has('web/a') && store.snapshot().namespaces.has('web'));
    assert.equal(store.snapshot().ingresses[0]?.meta.name, 'shop');
    assert.deepEqual([...store.snapshot().secrets.keys()], ['web/tls']);
    assert.deepEqual([...store.snapshot().configMaps.keys()], ['web/options']);
    assert.equal(store.snapshot().secrets.get('web/tls')?.data['auth']?.reveal(), 'one');

    await create(client, service('b'), service('c'));
    await until('created', () => serviceNames(store).filter((key) => key.startsWith('web/')).length === 3);
    await remove(client, service('b'));
    await until('deleted', () => !store.snapshot().services.has('web/b'));
    const changed = { ...secret('tls', 'two') };
    const answer = await client.send({ method: 'PUT', path: pathOf(changed, 'tls'), body: changed });
    assert.ok(answer.kind === 'answer' && answer.status === 200);
    await until('changed', () => store.snapshot().secrets.get('web/tls')?.data['auth']?.reveal() === 'two');
    await remove(client, ingress('shop'));
    await until('forgotten', () => !store.snapshot().secrets.has('web/tls'));

    // A user who may do nothing gets no further than being told so.
    const outsider = await startOutsider(t, server);
    await until('forbidden', () => outsider.status().every((one) => one.isUnavailable));
    assert.match(outsider.status()[0]?.degradedReason ?? '', /403: .* is forbidden: User "outsider"/u);

    await source.stop();
    await create(client, service('d'));
    assert.equal(await source.start(), 'synced');
    await until('caught up', () => store.snapshot().services.has('web/d'));
    assert.deepEqual(skipped, []);
    assert.deepEqual(store.snapshot().findings, []);
  });
}

test(
  'etcd of a real API server is emptied: what it had is gone, and what comes is seen',
  { skip },
  async (t) => {
    const server = await startRealApiServer(t);
    const { client, kubeconfig } = server;
    // Far past the version that an empty etcd is at when the API server has set itself up.
    for (let round = 0; round < 20; round += 1) {
      const some = Array.from({ length: 100 }, (_, at) => configMap(`c-${round}-${at}`, {}, 'default'));
      await Promise.all(some.map((one) => create(client, one)));
    }
    await create(client, service('old', 80, 'default'));
    const store = createStore();
    const restarts: string[] = [];
    const source = createApiSource({
      connection: sound(await openConnection({ kubeconfig })),
      store,
      namespace: '',
      namespaceSelectorSet: false,
      references: { prefixes: ['x'], secrets: [], configMaps: [] },
      observer: { restarted: (kind, reason) => restarts.push(`${kind} ${reason}`) },
    });
    t.after(() => source.stop());
    await source.start();
    assert.ok(store.snapshot().services.has('default/old'));
    await server.empty();
    await create(client, service('new', 80, 'default'));
    await until('the new one is seen', () => store.snapshot().services.has('default/new'), 120_000);
    await until('the old one is gone', () => !store.snapshot().services.has('default/old'), 60_000);
    assert.ok(restarts.includes('Service rewound'), restarts.join());
    await create(client, service('later', 80, 'default'));
    await until('it is followed on', () => store.snapshot().services.has('default/later'), 60_000);
    await until('all is well', () => source.status().every((one) => one.degradedReason === null), 60_000);
  },
);
