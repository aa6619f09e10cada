import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend, type Echo } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn, serviceWith } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

for (const binary of nginxBinaries()) {
  describe(`what backends are sent by nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      served = await serve(suite, binary, [
        annotated('vhost', { 'upstream-vhost': 'inner.example.org:8080' }),
        annotated('variable', { 'upstream-vhost': '$request_method.example.org' }),
        annotated('hostile', { 'upstream-vhost': 'a"; return 200; #' }),
        annotated('secret-variable', { 'upstream-vhost': '$document_root' }),
        annotated('closing', { 'connection-proxy-header': 'close' }),
        annotated('keeping', { 'connection-proxy-header': 'keep-alive' }),
        annotated('neither', { 'connection-proxy-header': 'maybe' }),
        annotated('old', { 'proxy-http-version': '1.0' }),
        annotated('odd', { 'proxy-http-version': '2' }),
        annotated('cluster', { 'service-upstream': 'true' }, 'cluster'),
        annotated('headless', { 'service-upstream': 'true' }),
        ...serviceOn('app', [backend.port]),
        // No endpoints at all: its own address counts. The rule's port 80 is found as its targetPort.
        serviceWith('cluster', {
          clusterIP: '127.0.0.1',
          clusterIPs: ['127.0.0.1'],
          ports: [{ name: 'http', port: backend.port, targetPort: 80 }],
        }),
      ]);
    });

    async function seen(
      name: string,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<Echo | undefined> {
      const answer = await served.request({ host: `${name}.example.com`, headers });
      assert.equal(answer.status, 200);
      return backend.seen.at(-1);
    }

    it('is another Host, and everything else as without', async () => {
      const spoofed = {
        'x-forwarded-for': '9.9.9.9',
        'x-real-ip': '9.9.9.9',
        'x-forwarded-proto': 'https',
        proxy: 'x',
      };
      const echo = await seen('vhost', spoofed);

      assert.equal(echo?.headers.host, 'inner.example.org:8080');
      assert.equal(echo.rawHeaders.filter((name) => name.toLowerCase() === 'host').length, 1);
      assert.equal(echo.headers['x-forwarded-host'], 'vhost.example.com');
      assert.equal(echo.headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(echo.headers['x-real-ip'], '127.0.0.1');
      assert.equal(echo.headers['x-forwarded-proto'], 'http');
      assert.equal(echo.headers['proxy'], undefined);
      assert.equal((await seen('variable'))?.headers.host, 'GET.example.org');
    });

    it('is a fixed Connection', async () => {
      assert.equal((await seen('closing'))?.headers.connection, 'close');
      assert.equal((await seen('keeping'))?.headers.connection, 'keep-alive');
    });

    it('is another version of HTTP', async () => {
      const version = new Promise((resolve) => {
        backend.server.once('request', (request) => resolve(request.httpVersion));
      });
      await seen('old');

      assert.equal(await version, '1.0');
      assert.match(served.ingress('odd').reasons.join(), /"2" is not allowed: write one of 1\.0, 1\.1/u);
    });

    it("goes to the Service's own address, and to endpoints where it has none", async () => {
      await seen('cluster');
      await seen('headless');
    });

    it('is nothing where a value is refused', async () => {
      for (const name of ['hostile', 'secret-variable', 'neither']) {
        assert.equal((await served.request({ host: `${name}.example.com` })).status, 503);
        assert.equal(served.ingress(name).state, 'rejected');
      }
    });
  });
}
