import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiClient } from '../../../src/cluster/kubernetes/api-client.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import { collectionOf, type FakeObject } from '../../support/fake-api-server-objects.ts';
import { startCluster } from './real-cluster.ts';
import { createApiSource, type ApiSourceOptions } from '../../../src/cluster/kubernetes/source.ts';
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

    await source.stop();
    await create(client, service('d'));
    assert.equal(await source.start(), 'synced');
    await until('caught up', () => store.snapshot().services.has('web/d'));
    assert.deepEqual(skipped, []);
    assert.deepEqual(store.snapshot().findings, []);
  });
}
