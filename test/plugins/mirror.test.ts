import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { eventually } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

for (const binary of nginxBinaries()) {
  describe(`mirrors on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let app: Backend;
    let copies: Backend;
    let served: Served;

    before(async () => {
      app = await startBackend(suite, 'app');
      copies = await startBackend(suite, 'copies');
      const service = 'http://copies.default.svc.cluster.local';
      served = await serve(suite, binary, [
        annotated('copied', { 'mirror-target': `${service}$request_uri` }),
        annotated('named', {
          'mirror-target': `${service}/all/of$request_uri`,
          'mirror-host': 'test.example.org',
          'mirror-request-body': 'off',
        }),
        annotated('closed', {
          'mirror-target': `${service}$request_uri`,
          'whitelist-source-range': '10.0.0.0/8',
        }),
        annotated('missing', { 'mirror-target': 'http://nobody.default.svc.cluster.local$request_uri' }),
        annotated('hostile', { 'mirror-target': `${service}/;} server { listen 9` }),
        annotated('lonely', { 'mirror-host': 'test.example.org' }),
        annotated('redirected', {
          'mirror-target': `${service}$request_uri`,
          'permanent-redirect': 'http://new.example',
        }),
        ...serviceOn('app', [app.port]),
        ...serviceOn('copies', [copies.port]),
      ]);
    });

    async function copyOf(path: string): Promise<Backend['seen'][number]> {
      await eventually(`a copy of ${path}`, () => copies.seen.some(({ url }) => url.endsWith(path)));
      return copies.seen.find(({ url }) => url.endsWith(path)) ?? assert.fail();
    }

    it('get a copy with method, URI, body and the headers of the gateway', async () => {
      const answer = await served.request({
        host: 'copied.example.com',
        path: '/a%20b?c=d',
        method: 'POST',
        body: 'hello',
        headers: { 'x-forwarded-for': '9.9.9.9', upgrade: 'websocket', connection: 'upgrade' },
      });
      assert.equal(answer.status, 200);
      const copy = await copyOf('/a%20b?c=d');

      assert.equal(copy.method, 'POST');
      assert.equal(copy.headers.host, 'copies.default.svc.cluster.local');
      assert.equal(copy.headers['content-length'], '5');
      assert.equal(copy.headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(copy.headers['x-forwarded-host'], 'copied.example.com');
      assert.equal(copy.headers.upgrade, undefined);
    });

    it('have another host and no body where that is asked for', async () => {
      await served.request({ host: 'named.example.com', path: '/x', method: 'POST', body: 'hello' });
      const copy = await copyOf('/all/of/x');

      assert.equal(copy.headers.host, 'test.example.org');
      assert.equal(copy.headers['content-length'] ?? '0', '0');
      assert.equal(copy.headers['transfer-encoding'], undefined);
    });

    it('get nothing of what the route refuses or answers itself', async () => {
      const already = copies.seen.length;
      assert.equal((await served.request({ host: 'closed.example.com', path: '/closed' })).status, 403);
      assert.equal((await served.request({ host: 'redirected.example.com', path: '/away' })).status, 301);
      await served.request({ host: 'copied.example.com', path: '/after' });
      await copyOf('/after');
      assert.equal(copies.seen.length, already + 1);
    });

    it('are never a reason to lose the route', async () => {
      for (const [name, reason] of [
        ['missing', /there is no Service .*until then there are no copies/u],
        ['hostile', /mirror-target/u],
        ['lonely', /has no effect without mirror-target/u],
      ] as const) {
        assert.equal((await served.request({ host: `${name}.example.com` })).status, 200, name);
        assert.match(served.ingress(name).reasons.join(), reason);
      }
    });

    it('are out of reach for clients', async () => {
      const path = /location = (\/_cng\/mirror-[0-9a-f]+)/u.exec(served.text)?.[1] ?? assert.fail();
      assert.equal((await served.request({ host: 'copied.example.com', path })).status, 404);
    });
  });
}
