import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import { createApiClient, type ApiClient } from '../../../src/cluster/kubernetes/api-client.ts';
import { resourcePath } from '../../../src/cluster/kubernetes/resource.ts';
import {
  hang,
  reset,
  startFakeApiServer,
  status,
  type FakeApiServer,
} from '../../support/fake-api-server.ts';
import { connectTo, ingress } from './world.ts';

async function start(t: TestContext): Promise<{ server: FakeApiServer; client: ApiClient }> {
  const server = await startFakeApiServer();
  const client = createApiClient(await connectTo(server.url));
  t.after(async () => {
    client.close();
    await server.close();
  });
  return { server, client };
}

const leases = { apiVersion: 'coordination.k8s.io/v1', plural: 'leases', namespace: 'gateway' };

function lease(holder: string, resourceVersion?: string): object {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'leader',
      namespace: 'gateway',
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    spec: { holderIdentity: holder },
  };
}

test('a Lease: created once, updated only from its latest version', async (t) => {
  const { client, server } = await start(t);
  const path = resourcePath({ ...leases, name: 'leader' });
  const missing = await client.send({ path });
  assert.ok(missing.kind === 'answer' && missing.status === 404);
  const created = await client.send({ method: 'POST', path: resourcePath(leases), body: lease('a') });
  assert.ok(created.kind === 'answer' && created.status === 201);
  const again = await client.send({ method: 'POST', path: resourcePath(leases), body: lease('b') });
  assert.ok(again.kind === 'answer' && again.status === 409);
  assert.equal(textAt(again.body, 'reason'), 'AlreadyExists');
  const version = textAt(created.body, 'metadata', 'resourceVersion');
  const renewed = await client.send({ method: 'PUT', path, body: lease('b', version) });
  assert.ok(renewed.kind === 'answer' && renewed.status === 200);
  const late = await client.send({ method: 'PUT', path, body: lease('c', version) });
  assert.ok(late.kind === 'answer' && late.status === 409);
  assert.match(late.message, /the object has been modified/u);
  assert.equal(
    textAt(server.objects.get('coordination.k8s.io/v1/leases', 'gateway/leader'), 'spec', 'holderIdentity'),
    'b',
  );
});

test('a patch of the status changes the status alone', async (t) => {
  const { client, server } = await start(t);
  server.put(ingress('shop'));
  const target = { apiVersion: 'networking.k8s.io/v1', plural: 'ingresses', namespace: 'web', name: 'shop' };
  const patched = await client.send({
    method: 'PATCH',
    path: resourcePath({ ...target, subresource: 'status' }),
    body: { spec: { rules: [] }, status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } },
  });
  assert.ok(patched.kind === 'answer' && patched.status === 200);
  const shop = server.objects.get('networking.k8s.io/v1/ingresses', 'web/shop');
  assert.ok(shop !== null);
  assert.deepEqual(shop['status'], { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } });
  assert.equal((shop['spec'] as { rules: unknown[] }).rules.length, 1);
});

test('Events are created with names of their own', async (t) => {
  const { client, server } = await start(t);
  const body = { apiVersion: 'v1', kind: 'Event', metadata: { generateName: 'shop.' }, reason: 'Rejected' };
  for (const round of [1, 2]) {
    const path = resourcePath({ apiVersion: 'v1', plural: 'events', namespace: 'web' });
    const answer = await client.send({ method: 'POST', path, body });
    assert.ok(answer.kind === 'answer' && answer.status === 201, `round ${round}`);
  }
  assert.equal(server.objects.list('v1/events').length, 2);
});

test('connections are used again, and a hundred requests need no more than the pool has', async (t) => {
  const { client, server } = await start(t);
  for (let round = 0; round < 20; round += 1) {
    await client.send({ path: '/api/v1/services' });
  }
  assert.equal(server.connections.total, 1);
  await Promise.all(Array.from({ length: 100 }, () => client.send({ path: '/api/v1/services' })));
  assert.ok(server.connections.total <= 9, `${server.connections.total} connections`);
});

test('an idle connection that the server closed is no failure for reading, and no second write', async (t) => {
  const { client, server } = await start(t);
  await client.send({ path: '/api/v1/services' });
  server.failNext({ verb: 'list' }, reset());
  const answer = await client.send({ path: '/api/v1/services' });
  assert.ok(answer.kind === 'answer' && answer.status === 200);
  server.failNext({ verb: 'create' }, reset());
  const written = await client.send({ method: 'POST', path: resourcePath(leases), body: lease('a') });
  assert.equal(written.kind, 'failure');
  assert.equal(server.count({ verb: 'create' }), 1);
});

test('a no of the server is a value: status, words, Retry-After', async (t) => {
  const { client, server } = await start(t);
  server.failNext({}, status(429, { retryAfter: 7 }));
  const busy = await client.send({ path: '/api/v1/services' });
  assert.ok(busy.kind === 'answer');
  assert.deepEqual([busy.status, busy.message, busy.retryAfterMs], [429, 'made to answer 429', 7000]);
  server.failNext({}, status(502, { body: '<html>\n<b>bad\u0007gateway</b>' }));
  const proxy = await client.send({ path: '/api/v1/services' });
  assert.ok(proxy.kind === 'answer' && proxy.message === '<html> <b>bad gateway</b>', JSON.stringify(proxy));
});

test('a request can be stopped at any moment', async (t) => {
  const { client, server } = await start(t);
  server.failAll({}, () => undefined);
  const stopped = AbortSignal.abort();
  const never = await client.send({ path: '/api/v1/services', signal: stopped });
  assert.deepEqual(never, { kind: 'failure', reason: 'stopped', isStale: false });
  const controller = new AbortController();
  const waiting = client.send({ path: '/api/v1/services', signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  assert.equal((await waiting).kind, 'failure');
});

test('paths of all sorts', () => {
  assert.equal(resourcePath({ apiVersion: 'v1', plural: 'pods' }), '/api/v1/pods');
  assert.equal(
    resourcePath({ ...leases, name: 'a b', subresource: 'status' }),
    '/apis/coordination.k8s.io/v1/namespaces/gateway/leases/a%20b/status',
  );
});

test('a server with a path of its own, as behind Rancher, is asked below it', async (t) => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('content-type', 'application/json').end('{"kind":"Pod"}');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  for (const path of ['', '/', '/k8s/clusters/c-1', '/k8s/clusters/c-1/']) {
    const client = createApiClient(await connectTo(`http://127.0.0.1:${port}${path}`));
    const query = { labelSelector: 'a=b' };
    const answer = await client.send({ path: '/api/v1/namespaces/web/pods/a%20b', query });
    assert.ok(answer.kind === 'answer' && answer.status === 200);
    const stream = await client.open({ path: '/api/v1/pods', query }, { idleMs: 5000, totalMs: 5000 });
    assert.equal(stream.kind, 'stream');
    client.close();
  }
  const plain = ['/api/v1/namespaces/web/pods/a%20b?labelSelector=a%3Db', '/api/v1/pods?labelSelector=a%3Db'];
  const below = plain.map((path) => `/k8s/clusters/c-1${path}`);
  assert.deepEqual(asked, [...plain, ...plain, ...below, ...below]);
});

test('a request that is aborted says why, where a reason was given', async (t) => {
  const { client, server } = await start(t);
  server.failAll({}, hang());
  const path = '/api/v1/pods';
  const late = await client.send({ path, signal: AbortSignal.any([abortedWith('no answer within 2 s')]) });
  assert.ok(late.kind === 'failure');
  assert.equal(late.reason, 'no answer within 2 s');
  const stopped = await client.send({ path, signal: abortedWith(undefined) });
  assert.ok(stopped.kind === 'failure');
  assert.equal(stopped.reason, 'stopped');
});

/** A signal that is aborted when the request is under way. */
function abortedWith(reason: string | undefined): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 50);
  return controller.signal;
}
