import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const host = 'shared.example.com';

for (const binary of nginxBinaries()) {
  describe(`headers that are printed once for a server, with nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      served = await serve(
        suite,
        binary,
        [
          ingress('asks', {
            host,
            paths: ['/a', '/b', '/c'].map((path) => ({ path, service: 'app' })),
            annotations: {
              'nginx.ingress.kubernetes.io/upstream-vhost': 'inner.example.org',
              'nginx.ingress.kubernetes.io/enable-cors': 'true',
            },
          }),
          ingress('other', { host, paths: [{ path: '/other', service: 'app' }] }),
          ...serviceOn('app', [backend.port]),
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'options', namespace: 'default' },
            data: { 'hide-headers': 'X-Powered-By' },
          },
        ],
        { optionsConfigMap: 'default/options' },
      );
    });

    const spoofed = { 'x-forwarded-for': '9.9.9.9', 'x-real-ip': '9.9.9.9', 'ssl-client-verify': 'SUCCESS' };

    it('reach every location that asked for them', async () => {
      assert.equal(served.text.split('proxy_set_header Host inner.example.org;').length, 2);
      for (const path of ['/a', '/b/x', '/c']) {
        const answer = await served.request({ host, path, headers: spoofed });
        assert.equal(answer.headers['access-control-allow-origin'], '*', path);
        const echo = backend.seen.at(-1);
        assert.equal(echo?.headers.host, 'inner.example.org', path);
        assert.equal(echo.headers['x-real-ip'], '127.0.0.1', path);
        assert.equal(echo.headers['x-forwarded-for'], '127.0.0.1', path);
        assert.equal(echo.headers['ssl-client-verify'], undefined, path);
      }
    });

    it('leave those hidden that are hidden everywhere', async () => {
      for (const path of ['/a', '/other']) {
        const answer = await served.request({ host, path });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['x-powered-by'], undefined, path);
      }
    });

    it('reach nobody else', async () => {
      const answer = await served.request({ host, path: '/other', headers: spoofed });

      assert.equal(answer.status, 200);
      const echo = backend.seen.at(-1);
      assert.equal(echo?.headers.host, host);
      assert.equal(echo.headers['x-real-ip'], '127.0.0.1');
      assert.equal(echo.headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(echo.headers['ssl-client-verify'], undefined);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      const missing = await served.request({ host, path: '/nothing' });
      assert.equal(missing.status, 404);
      assert.equal(missing.headers['access-control-allow-origin'], undefined);
    });
  });
}
