import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import type { HttpAnswer } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceObject, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const errors = 'custom-http-errors';
const all = '400,401,403,404,429,500,502,503';

const options = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'options', namespace: 'default' },
  data: { 'custom-http-errors': '404, 503,499 ,700', 'limit-req-status-code': '429' },
};

for (const binary of nginxBinaries()) {
  describe(`custom errors on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let app: Backend;
    let pages: Backend;
    let global: Backend;
    let auth: Backend;
    let served: Served;

    async function ask(
      name: string,
      path = '/a?b=c',
      headers: Readonly<Record<string, string>> = {},
      method = 'GET',
    ): Promise<HttpAnswer> {
      return await served.request({ host: `${name}.example.com`, path, headers, method });
    }

    before(async () => {
      // Answers with the status that the path asks for.
      app = await startBackend(suite, 'app', (request, response) => {
        response.writeHead(Number(/^\/(\d{3})/u.exec(request.url ?? '')?.[1] ?? 200));
        response.end('app');
      });
      // A sloppy page server: every page is a success, but for what it is asked to say.
      pages = await startBackend(suite, 'pages', (request, response) => {
        response.writeHead(request.headers['x-code'] === '418' ? 202 : 200);
        response.end(`page ${String(request.headers['x-code'])}`);
      });
      global = await startBackend(suite, 'global', (request, response) => {
        response.writeHead(Number(request.headers['x-code'] ?? 404));
        response.end(`global ${String(request.headers['x-code'])}`);
      });
      auth = await startBackend(suite, 'auth', (request, response) => {
        response.writeHead(Number(request.headers['x-answer'] ?? 200));
        response.end();
      });
      const named = { 'default-backend': 'pages' };
      const asked = { 'auth-url': 'http://auth.default.svc/' };
      const signIn = { 'auth-signin': 'https://login.example.org/' };
      const keptOut = { 'allowlist-source-range': '10.0.0.0/8' };
      served = await serve(
        suite,
        binary,
        [
          annotated('plain', {}),
          annotated('own', { ...named, [errors]: ',404,418,503' }),
          annotated('own-global', { [errors]: '404' }),
          annotated('passing', { ...named, [errors]: '404,502', 'disable-proxy-intercept-errors': 'true' }),
          annotated('down', { ...named, [errors]: '502' }, 'down'),
          annotated('empty', { [errors]: '503' }, 'empty'),
          annotated('kept-out', { ...named, ...keptOut, [errors]: all }),
          annotated('own-app', { ...keptOut, 'default-backend': 'app', [errors]: all }),
          annotated('asked', { ...named, ...asked, [errors]: all }),
          annotated('asked-sign-in', { ...named, ...asked, ...signIn, [errors]: all }),
          annotated('limited', {
            ...named,
            [errors]: '429',
            'limit-rpm': '1',
            'limit-burst-multiplier': '0',
          }),
          annotated('rewritten', { ...named, [errors]: '404', 'rewrite-target': '/404' }),
          annotated('moved', { ...named, [errors]: '404', 'permanent-redirect': 'https://example.org/' }),
          annotated('crossed', { ...named, [errors]: '404', 'enable-cors': 'true' }),
          annotated('nobody', { 'default-backend': 'empty', [errors]: '404' }),
          annotated('bad', { [errors]: '200' }),
          ingress('fallback', {
            host: 'fallback.example.com',
            paths: [{ path: '/only', service: 'app' }],
            defaultBackend: { service: 'app' },
            annotations: {
              'nginx.ingress.kubernetes.io/default-backend': 'pages',
              [`nginx.ingress.kubernetes.io/${errors}`]: '404',
            },
          }),
          options,
          serviceObject('empty'),
          ...serviceOn('app', [app.port]),
          ...serviceOn('pages', [pages.port]),
          ...serviceOn('global', [global.port]),
          ...serviceOn('auth', [auth.port]),
          // Nobody listens there.
          ...serviceOn('down', [1]),
        ],
        { optionsConfigMap: 'default/options', defaultBackendService: 'default/global' },
      );
    });

    it('come from the default backend of the Ingress, which is told everything', async () => {
      const headers = { accept: 'text/x', 'x-code': '1', 'x-request-id': 'r1', 'content-type': 'a/b' };
      const answer = await served.request({
        host: 'own.example.com',
        path: '/404?b=c',
        method: 'POST',
        headers,
        body: 'body',
      });

      assert.deepEqual([answer.status, answer.body], [200, 'page 404']);
      const seen = pages.seen.at(-1);
      assert.equal(seen?.method, 'POST');
      assert.equal(seen.url, '/?b=c');
      assert.equal(seen.body, '');
      const told = Object.entries(seen.headers).filter(([name]) =>
        /^x-(?!forwarded|scheme|real)/u.test(name),
      );
      assert.deepEqual(Object.fromEntries(told), {
        'x-code': '404',
        'x-format': 'text/x',
        'x-original-uri': '/404?b=c',
        'x-namespace': 'default',
        'x-ingress-name': 'own',
        'x-service-name': 'app',
        'x-service-port': '80',
        'x-request-id': 'r1',
      });
      assert.equal(seen.headers.host, 'own.example.com');
      assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
    });

    it('have the status that the default backend gives them', async () => {
      assert.equal((await ask('own', '/418')).status, 202);
      assert.equal((await ask('own', '/404', {}, 'HEAD')).status, 200);
    });

    it('leave other answers alone', async () => {
      for (const status of [200, 403, 500]) {
        const answer = await ask('own', `/${status}`);
        assert.deepEqual([answer.status, answer.body], [status, 'app']);
      }
    });

    it('come from the global default backend where the Ingress has none, or names nothing', async () => {
      for (const name of ['plain', 'own-global']) {
        const answer = await ask(name, '/404');
        assert.deepEqual([answer.status, answer.body], [404, 'global 404']);
        assert.equal(global.seen.at(-1)?.headers['x-ingress-name'], name);
      }
      assert.equal((await ask('own-global', '/503')).body, 'app');
      assert.equal((await ask('plain', '/502')).body, 'app');
    });

    it('replace the errors of nginx itself', async () => {
      assert.equal((await ask('down')).body, 'page 502');
      const answer = await ask('empty');
      assert.deepEqual([answer.status, answer.body], [503, 'global 503']);
    });

    it('leave the answers of the backend alone where that is asked for', async () => {
      const answer = await ask('passing', '/404');
      assert.deepEqual([answer.status, answer.body], [404, 'app']);
    });

    it('show a refusal as one, whatever the page says', async () => {
      const seenBefore = app.seen.length;
      const answer = await ask('kept-out');
      assert.deepEqual([answer.status, answer.body], [403, 'page 403']);
      const own = await ask('own-app');
      assert.equal(own.status, 403);
      assert.equal(app.seen.length, seenBefore);
      assert.match(
        served.ingress('own-app').reasons.join('\n'),
        /makes no error pages, .* app is protected by allowlist-source-range of Ingress\/default\/own-app/u,
      );
    });

    it('never turn what an authentication service says into a yes', async () => {
      const seenBefore = app.seen.length;
      for (const [said, status] of [
        ['401', 401],
        ['403', 403],
        ['404', 200],
        ['500', 200],
      ] as const) {
        const answer = await ask('asked', '/a', { 'x-answer': said });
        // The pages for other statuses are the page server's, and not what is protected.
        assert.equal(answer.status, status, said);
        assert.match(answer.body, /^page/u);
      }
      assert.equal(app.seen.length, seenBefore);
      assert.equal((await ask('asked', '/a', { 'x-answer': '200' })).body, 'app');
    });

    it('leave the way to sign in', async () => {
      const answer = await ask('asked-sign-in', '/a', { 'x-answer': '401' });
      assert.equal(answer.status, 302);
      assert.match(answer.headers['location'] ?? '', /^https:\/\/login\.example\.org\//u);
      assert.equal((await ask('asked-sign-in', '/a', { 'x-answer': '403' })).status, 403);
    });

    it('work beside limits, rewrites, redirects and CORS', async () => {
      assert.equal((await ask('limited')).body, 'app');
      assert.equal((await ask('limited')).body, 'page 429');
      assert.equal((await ask('rewritten')).body, 'page 404');
      assert.equal((await ask('moved')).status, 301);
      assert.equal((await ask('crossed', '/404', { origin: 'https://x.example' }, 'OPTIONS')).status, 204);
      assert.equal((await ask('crossed', '/404', { origin: 'https://x.example' })).body, 'page 404');
    });

    it('hold for spec.defaultBackend', async () => {
      assert.equal((await ask('fallback', '/404')).body, 'page 404');
      assert.equal(pages.seen.at(-1)?.headers['x-service-name'], 'app');
    });

    it('fall back to the global default backend, and say so', async () => {
      assert.equal((await ask('nobody', '/404')).body, 'global 404');
      assert.match(served.ingress('nobody').reasons.join('\n'), /default-backend"\]: makes no error pages/u);
    });

    it('refuse what is no error', async () => {
      assert.equal(served.ingress('bad').state, 'rejected');
      assert.equal((await ask('bad')).status, 503);
      const found = served.verdicts.find(({ kind }) => kind === 'ConfigMap');
      assert.match(found?.reasons[0]?.message ?? '', /leaves out "499", "700"/u);
    });
  });

  describe(`custom errors without anybody to make pages: nginx ${binary.version}`, () => {
    it('are the answers as they are', async (t) => {
      const app = await startBackend(t, 'app', (_request, response) => {
        response.writeHead(404);
        response.end('app');
      });
      const objects = [annotated('own', { [errors]: '404' }), ...serviceOn('app', [app.port])];

      const served = await serve(t, binary, objects);

      const answer = await served.request({ host: 'own.example.com' });
      assert.deepEqual([answer.status, answer.body], [404, 'app']);
      assert.match(served.ingress('own').reasons.join('\n'), /neither default-backend nor/u);
    });
  });
}
