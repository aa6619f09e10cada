import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import type { ApiClient, Stream } from '../../../src/cluster/kubernetes/api-client.ts';
import { textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import { namesOnlyAccept } from '../../../src/cluster/kubernetes/collections.ts';
import { readWatchEvent } from '../../../src/cluster/kubernetes/watch-event.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import { collectionOf, type FakeObject } from '../../support/fake-api-server-objects.ts';
import { startCluster } from './real-cluster.ts';
import {
  createApiSource,
  type ApiSource,
  type ApiSourceOptions,
} from '../../../src/cluster/kubernetes/source.ts';
import { createStore } from '../../../src/cluster/store.ts';
import { resourcePath } from '../../../src/cluster/kubernetes/resource.ts';
import { configMap, ingress, secret, service, serviceNames, sound, until } from './world.ts';

const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
const skip =
  assets === ''
    ? 'NOT RUN against a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd'
    : false;

function pathOf(raw: object, name?: string): string {
  const object = raw as FakeObject;
  const collection = collectionOf(object);
  const { namespace } = object.metadata;
  const plural = collection.slice(collection.lastIndexOf('/') + 1);
  return resourcePath({
    apiVersion: object.apiVersion,
    plural,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  });
}

async function create(client: ApiClient, ...objects: readonly object[]): Promise<void> {
  for (const body of objects) {
    const answer = await client.send({ method: 'POST', path: pathOf(body), body });
    assert.ok(answer.kind === 'answer' && answer.status === 201, JSON.stringify(answer));
  }
}

async function remove(client: ApiClient, object: object): Promise<void> {
  const path = pathOf(object, (object as FakeObject).metadata.name);
  const answer = await client.send({ method: 'DELETE', path });
  assert.ok(answer.kind === 'answer' && answer.status === 200, JSON.stringify(answer));
}

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
async function startOutsider(t: TestContext, kubeconfig: string): Promise<ApiSource> {
  const text = await readFile(kubeconfig, 'utf8');
  const path = `${kubeconfig}.outsider`;
  await writeFile(path, text.replace('"token":"all"', '"token":"none"'));
  const source = createApiSource({
    connection: sound(await openConnection({ kubeconfig: path })),
    store: createStore(),
    namespace: '',
    namespaceSelectorSet: false,
    references: { annotationsPrefix: 'x', secrets: [], configMaps: [] },
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
    const { client, kubeconfig } = await startCluster(t, assets, { 'feature-gates': gates });
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
        annotationsPrefix: 'nginx.ingress.kubernetes.io',
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
    const outsider = await startOutsider(t, kubeconfig);
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
