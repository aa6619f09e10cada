import assert from 'node:assert/strict';
import { startBackend, type Echo } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceObject, serviceOn, serviceWith } from '../support/objects.ts';
import { https } from '../support/tls.ts';
import { http2 } from '../support/http2-client.ts';

const notFound = '{"error":"route not found"}';

async function whoAnswers(gateway: RunningGateway, host: string, path = '/'): Promise<string | number> {
  const { status, body } = await gateway.get(host, path);
  return status === 200 ? (JSON.parse(body) as Echo).backend : status;
}

onEveryNginx('the default backend of the gateway', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const fallback = await startBackend(t, 'fallback');
  const second = await startBackend(t, 'second');
  const gateway = await startGateway(t, {
    nginx,
    config: { kubernetes: { default_backend_service: 'system/fallback' } },
    manifests: {
      'services.json': serviceOn('app', [app.port]),
      'fallback.json': serviceOn('fallback', [fallback.port], 'system'),
      'ingresses.json': [
        ingress('app', { host: 'app.test', paths: [{ path: '/app', service: 'app' }] }),
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'Ingress',
          metadata: { name: 'bucket', namespace: 'default' },
          spec: {
            ingressClassName: 'nginx',
            rules: [
              {
                host: 'bucket.test',
                http: {
                  paths: [
                    {
                      path: '/files',
                      pathType: 'Prefix',
                      backend: { resource: { kind: 'Bucket', name: 'b' } },
                    },
                    {
                      path: '/app',
                      pathType: 'Prefix',
                      backend: { service: { name: 'app', port: { number: 80 } } },
                    },
                  ],
                },
              },
            ],
          },
        },
        ingress('dead', { host: 'dead.test', paths: [{ service: 'missing' }] }),
      ],
    },
  });

  await t.test('it answers unknown hosts and unknown paths, with the path unchanged', async () => {
    assert.equal(await whoAnswers(gateway, 'app.test', '/app'), 'app');
    for (const host of ['app.test', 'unknown.test']) {
      const echo = JSON.parse((await gateway.get(host, '/x/y?z=1')).body) as Echo;
      assert.deepEqual(
        [echo.backend, echo.url, echo.headers.host, echo.headers['x-forwarded-for']],
        ['fallback', '/x/y?z=1', host, '127.0.0.1'],
      );
    }
    const secure = await https({ port: gateway.httpsPort, host: 'unknown.test' });
    assert.equal((JSON.parse(secure.body) as Echo).backend, 'fallback');
  });

  await t.test('it answers for paths whose backend is no Service', async () => {
    assert.equal(await whoAnswers(gateway, 'bucket.test', '/files'), 'fallback');
    assert.equal(await whoAnswers(gateway, 'bucket.test', '/app'), 'app');
  });

  await t.test('it does not stand in for a route whose Service is missing', async () => {
    assert.equal(await whoAnswers(gateway, 'dead.test'), 503);
  });

  await t.test('its first port counts; without endpoints or Service the answer is 404', async () => {
    await applied(gateway, async () => {
      await gateway.write('fallback.json', [
        serviceWith(
          'fallback',
          {
            ports: [
              { name: 'web', port: 8080 },
              { name: 'http', port: 80 },
            ],
          },
          'system',
        ),
        ...serviceOn('fallback', [fallback.port], 'system').slice(1),
        {
          ...(serviceOn('fallback', [second.port], 'system')[1] as object),
          ports: [{ name: 'web', port: second.port, protocol: 'TCP' }],
        },
      ]);
    });
    assert.equal(await whoAnswers(gateway, 'unknown.test'), 'second');
    await applied(gateway, async () => {
      await gateway.write('fallback.json', serviceObject('fallback', 'system'));
    });
    for (const host of ['unknown.test', 'app.test']) {
      const answer = await gateway.get(host);
      assert.deepEqual([answer.status, answer.body], [404, notFound]);
    }
    assert.equal(await whoAnswers(gateway, 'app.test', '/app'), 'app');
  });
});

onEveryNginx('the default backend of an Ingress', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const own = await startBackend(t, 'own');
  const other = await startBackend(t, 'other');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': [
        ...serviceOn('app', [app.port]),
        ...serviceOn('own', [own.port]),
        ...serviceOn('other', [other.port]),
      ],
      // Equally old Ingresses: the last by name is the first to get what it asks for.
      'hosts.json': [
        ingress('z-creator', {
          host: 'mine.test',
          paths: [{ path: '/app', service: 'app' }],
          defaultBackend: { service: 'own' },
        }),
        ingress('a-guest', {
          host: 'mine.test',
          paths: [{ path: '/guest', service: 'other' }],
          defaultBackend: { service: 'other' },
        }),
        ingress('plain', { host: 'plain.test', paths: [{ path: '/app', service: 'app' }] }),
        ingress('root', {
          host: 'root.test',
          paths: [{ service: 'app' }],
          defaultBackend: { service: 'own' },
        }),
        ingress('broken', {
          host: 'broken.test',
          paths: [{ path: '/app', service: 'app' }],
          defaultBackend: { service: 'missing' },
        }),
      ],
      'catch-all.json': ingress('catch-all', { defaultBackend: { service: 'other' } }),
    },
  });

  await t.test('it serves what no path of its own hosts takes', async () => {
    assert.equal(await whoAnswers(gateway, 'mine.test', '/app'), 'app');
    assert.equal(await whoAnswers(gateway, 'mine.test', '/guest'), 'other');
    assert.equal(await whoAnswers(gateway, 'mine.test', '/elsewhere'), 'own');
    assert.equal(await whoAnswers(gateway, 'root.test', '/elsewhere'), 'app');
    assert.equal(await whoAnswers(gateway, 'broken.test', '/elsewhere'), 503);
    assert.equal(await whoAnswers(gateway, 'broken.test', '/app'), 'app');
  });

  await t.test('one of an Ingress without rules serves unknown hosts alone', async () => {
    assert.equal(await whoAnswers(gateway, 'unknown.test', '/x'), 'other');
    const secure = await https({ port: gateway.httpsPort, host: 'unknown.test', path: '/x' });
    assert.equal((JSON.parse(secure.body) as Echo).backend, 'other');
    const modern = await http2(gateway.httpsPort, { authority: 'unknown.test', path: '/x' });
    assert.equal((JSON.parse(modern.body.toString()) as Echo).backend, 'other');
    assert.equal(await whoAnswers(gateway, 'plain.test', '/elsewhere'), 404);
  });

  await t.test('without it unknown hosts get 404 again', async () => {
    await applied(gateway, async () => {
      await gateway.remove('catch-all.json');
    });
    const plain = await gateway.get('unknown.test', '/x');
    const secure = await https({ port: gateway.httpsPort, host: 'unknown.test', path: '/x' });
    const modern = await http2(gateway.httpsPort, { authority: 'unknown.test', path: '/x' });
    for (const answer of [plain, secure, modern]) {
      assert.deepEqual(
        [answer.status, answer.headers['content-type'], String(answer.body)],
        [404, 'application/json', notFound],
      );
    }
  });
});
