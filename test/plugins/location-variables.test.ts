import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const auth = 'http://auth.default.svc.cluster.local';

for (const binary of nginxBinaries()) {
  describe(`the variables of ingress-nginx on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let asked: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      asked = await startBackend(suite, 'auth');
      served = await serve(suite, binary, [
        annotated(
          'vhost',
          { 'upstream-vhost': '$service_name.$namespace.svc.cluster.local:$service_port' },
          'app',
          {
            paths: [{ service: 'app' }, { path: '/b', service: 'other' }],
          },
        ),
        annotated('braced', { 'upstream-vhost': '${ingress_name}-${proxy_upstream_name}' }),
        annotated(
          'rewritten',
          { 'rewrite-target': '/$namespace/$1', 'x-forwarded-prefix': '/${service_name}' },
          'app',
          { paths: [{ path: '/in/(.*)', service: 'app' }] },
        ),
        annotated('path', { 'upstream-vhost': 'x$location_path' }, 'app', {
          paths: [{ path: '/a$host "b"', pathType: 'Exact', service: 'app' }],
        }),
        annotated('asked', {
          'auth-url': `${auth}/?$namespace=$ingress_name`,
          'auth-proxy-set-headers': 'default/headers',
        }),
        annotated('spaced', { 'auth-url': `${auth}/$location_path` }),
        annotated('hashed', { 'upstream-hash-by': '$service_name' }),
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'headers', namespace: 'default' },
          data: { 'X-Path': '$location_path' },
        },
        ...serviceOn('app', [backend.port]),
        ...serviceOn('other', [backend.port]),
        ...serviceOn('auth', [asked.port]),
      ]);
    });

    async function hostSeen(name: string, path = '/'): Promise<string | undefined> {
      const { status } = await served.request({ host: `${name}.example.com`, path });
      assert.equal(status, 200);
      return backend.seen.at(-1)?.headers.host;
    }

    it('stand for the Service of each route', async () => {
      assert.equal(await hostSeen('vhost'), 'app.default.svc.cluster.local:80');
      assert.equal(await hostSeen('vhost', '/b'), 'other.default.svc.cluster.local:80');
      assert.equal(await hostSeen('braced'), 'braced-default-app-80');
    });

    it('stand in the paths that backends see', async () => {
      await served.request({ host: 'rewritten.example.com', path: '/in/x' });

      assert.equal(backend.seen.at(-1)?.url, '/default/x');
      assert.equal(backend.seen.at(-1)?.headers['x-forwarded-prefix'], '/app');
    });

    it('are text, whatever a path has in it', async () => {
      assert.equal(await hostSeen('path', '/a$host%20%22b%22'), 'x/a$host "b"');
    });

    it('stand in questions, but for what could end them', async () => {
      await served.request({ host: 'asked.example.com' });

      assert.equal(asked.seen.at(-1)?.url, '/?default=asked');
      assert.equal(asked.seen.at(-1)?.headers['x-path'], '/');
      assert.equal((await served.request({ host: 'spaced.example.com' })).status, 503);
      assert.equal((await served.request({ host: 'hashed.example.com' })).status, 503);
    });

    it('are printed only where they are used', () => {
      assert.equal(served.text.match(/set \$service_name /gu)?.length, 6);
      assert.equal(served.text.match(/set \$ingress_name /gu)?.length, 2);
    });
  });
}
