import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHealthApp } from '../../src/observe/health.ts';
import { sampleView } from './sample-view.ts';

function unexpected(error: Error): void {
  throw error;
}

test('healthy and ready answer 200 with exactly the promised JSON', async () => {
  const app = createHealthApp(sampleView(), unexpected);
  const health = await app.request('/healthz');
  assert.equal(health.status, 200);
  assert.match(health.headers.get('content-type') ?? '', /^application\/json/);
  assert.equal(health.headers.get('cache-control'), 'no-store');
  assert.equal(await health.text(), '{"status":"healthy"}');
  const ready = await app.request('/ready');
  assert.equal(ready.status, 200);
  assert.equal(await ready.text(), '{"status":"ready"}');
});

test('unhealthy and not ready answer 503 with the reason, independently of each other', async () => {
  let reason = 'no complete listing of Secrets yet';
  const app = createHealthApp(
    sampleView({
      readiness: () => ({ ready: false, reason }),
      liveness: () => ({ healthy: false, reason: 'the loop has not moved for 60 s with changes pending' }),
    }),
    unexpected,
  );
  const ready = await app.request('/ready');
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { status: 'not ready', reason });
  reason = 'draining';
  assert.deepEqual(await (await app.request('/ready')).json(), { status: 'not ready', reason: 'draining' });
  const health = await app.request('/healthz');
  assert.equal(health.status, 503);
  assert.deepEqual(await health.json(), {
    status: 'unhealthy',
    reason: 'the loop has not moved for 60 s with changes pending',
  });
});

test('a stale view of the cluster is told, and is no reason to be unready', async () => {
  const stale = 'Ingress: the API server answers 403: forbidden';
  const view = sampleView({ readiness: () => ({ ready: true, reason: null, stale }) });
  const answer = await createHealthApp(view, unexpected).request('/ready');
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { status: 'ready', stale });
});

test('HEAD has the status without a body, other methods 405, other paths 404', async () => {
  const app = createHealthApp(
    sampleView({ readiness: () => ({ ready: false, reason: 'starting' }) }),
    unexpected,
  );
  const head = await app.request('/ready', { method: 'HEAD' });
  assert.equal(head.status, 503);
  assert.equal(await head.text(), '');
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const refused = await app.request('/healthz', { method });
    assert.equal(refused.status, 405, method);
    assert.equal(refused.headers.get('allow'), 'GET, HEAD');
    assert.match(JSON.stringify(await refused.json()), /read-only/);
  }
  for (const path of ['/', '/healthz/', '/metrics', '/debug/config', '/%2e%2e/ready/x']) {
    const missing = await app.request(path);
    assert.equal(missing.status, 404, path);
    assert.deepEqual(await missing.json(), {
      error: 'there is nothing at this path',
      paths: ['/healthz', '/ready'],
    });
  }
});

test('a probe that comes through a proxy is answered: a load balancer may ask so', async () => {
  const answer = await createHealthApp(sampleView(), unexpected).request('/ready', {
    headers: { 'X-Real-IP': '192.0.2.7' },
  });
  assert.equal(answer.status, 200);
  await answer.text();
});

test('an exception in the view is reported and shows nothing of itself', async () => {
  const reported: string[] = [];
  const app = createHealthApp(
    sampleView({
      liveness: () => {
        throw new Error('hunter2');
      },
    }),
    (error, path) => reported.push(`${path}: ${error.message}`),
  );
  const answer = await app.request('/healthz');
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /hunter2|sample-view|\.ts/);
  assert.deepEqual(reported, ['/healthz: hunter2']);
});
