import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startFastcgi, type FastcgiBackend } from '../support/fastcgi.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

function parameters(name: string, data: Readonly<Record<string, string>>, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

for (const binary of nginxBinaries()) {
  describe(`FastCGI on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let app: FastcgiBackend;
    let served: Served;

    before(async () => {
      app = await startFastcgi(suite, 'app');
      const spoken = { 'backend-protocol': 'fcgi' };
      served = await serve(
        suite,
        binary,
        [
          annotated('plain', spoken),
          annotated('own', { ...spoken, 'fastcgi-index': 'index.php', 'fastcgi-params-configmap': 'own' }),
          annotated('kept-out', { ...spoken, 'allowlist-source-range': '10.0.0.0/8' }),
          annotated('timed', { ...spoken, 'proxy-read-timeout': '7', 'rewrite-target': '/new' }),
          annotated('missing', { ...spoken, 'fastcgi-params-configmap': 'none' }),
          annotated('other', { ...spoken, 'fastcgi-params-configmap': 'else/own' }),
          annotated('bad-value', { ...spoken, 'fastcgi-params-configmap': 'bad-value' }),
          annotated('bad-name', { ...spoken, 'fastcgi-params-configmap': 'bad-name' }),
          annotated('bad-index', { ...spoken, 'fastcgi-index': 'a;b' }),
          annotated('http', { 'fastcgi-index': 'index.php' }),
          parameters('own', { SCRIPT_FILENAME: '/srv/www$fastcgi_script_name', SERVER_NAME: 'other' }),
          parameters('own', { X: 'x' }, 'else'),
          parameters('bad-value', { X: 'a"; return 200;' }),
          parameters('bad-name', { 'A B': 'x' }),
          parameters('options', { 'hide-headers': 'X-Secret' }),
          ...serviceOn('app', [app.port]),
        ],
        { optionsConfigMap: 'default/options' },
      );
    });

    it('has the usual parameters, and headers that no client can forge', async () => {
      const answer = await served.request({
        host: 'plain.example.com',
        path: '/a/b.php?x=y',
        method: 'POST',
        headers: {
          'x-forwarded-for': '1.2.3.4',
          'x-real-ip': '1.2.3.4',
          proxy: 'http://evil.example',
          'x-mine': 'kept',
          'content-type': 'text/x',
        },
        body: 'body',
      });

      assert.deepEqual([answer.status, answer.body, answer.headers['x-secret']], [200, 'app', undefined]);
      const { parameters: seen = {}, body } = app.seen.at(-1) ?? {};
      assert.equal(body, 'body');
      assert.equal(seen['SCRIPT_NAME'], '/a/b.php');
      assert.equal(seen['REQUEST_URI'], '/a/b.php?x=y');
      assert.equal(seen['QUERY_STRING'], 'x=y');
      assert.equal(seen['REQUEST_METHOD'], 'POST');
      assert.equal(seen['CONTENT_LENGTH'], '4');
      assert.equal(seen['CONTENT_TYPE'], 'text/x');
      assert.equal(seen['REMOTE_ADDR'], '127.0.0.1');
      assert.equal(seen['HTTP_X_FORWARDED_FOR'], '127.0.0.1');
      assert.equal(seen['HTTP_X_REAL_IP'], '127.0.0.1');
      assert.equal(seen['HTTP_HOST'], 'plain.example.com');
      assert.equal(seen['HTTP_X_MINE'], 'kept');
      assert.equal(seen['HTTP_PROXY'], undefined);
    });

    it('has those of a ConfigMap in their place', async () => {
      await served.request({ host: 'own.example.com', path: '/dir/' });

      const seen = app.seen.at(-1)?.parameters ?? {};
      assert.equal(seen['SCRIPT_FILENAME'], '/srv/www/dir/index.php');
      assert.equal(seen['SERVER_NAME'], 'other');
      assert.equal(served.ingress('own').state, 'served');
    });

    it('is behind the protections of its route, and rewritten', async () => {
      const seenBefore = app.seen.length;
      assert.equal((await served.request({ host: 'kept-out.example.com' })).status, 403);
      assert.equal(app.seen.length, seenBefore);
      await served.request({ host: 'timed.example.com', path: '/old' });
      assert.equal(app.seen.at(-1)?.parameters['SCRIPT_NAME'], '/new');
      assert.match(served.text, /fastcgi_read_timeout 7s;/u);
    });

    for (const name of ['missing', 'other', 'bad-value', 'bad-name', 'bad-index']) {
      it(`answers 503 where it cannot be built: ${name}`, async () => {
        assert.equal((await served.request({ host: `${name}.example.com` })).status, 503);
        assert.notEqual(served.ingress(name).state, 'served');
      });
    }

    it('is told where it is not spoken', () => {
      assert.match(
        served.ingress('http').reasons.join('\n'),
        /has no effect without backend-protocol: FCGI/u,
      );
    });
  });
}
