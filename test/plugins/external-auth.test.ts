import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { startDns } from '../support/dns.ts';
import type { HttpAnswer } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn, serviceWith } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const service = 'http://auth.security.svc.cluster.local';

function asking(path: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { 'auth-url': `${service}${path}`, ...more };
}

/** Answers by the path that it is asked for. */
function answerAuth(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?')[0] ?? '';
  const statuses: Readonly<Record<string, number>> = {
    '/no': 401,
    '/never': 403,
    '/broken': 500,
    '/away': 302,
  };
  response.writeHead(statuses[path] ?? 200, {
    'www-authenticate': 'Bearer realm="x"',
    ...(path !== '/shared' && { 'set-cookie': 'session=1' }),
    'x-user': 'ann',
    location: 'https://elsewhere.example.org/',
    ...(path === '/fat' && { 'x-fat': 'x'.repeat(6000) }),
  });
  response.end('said by the service');
}

/** What is asked for and cannot be built: everybody gets 503. */
const broken: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no-service': { 'auth-url': 'http://none.security.svc.cluster.local/' },
  'no-port': { 'auth-url': `${service}:81/` },
  'no-endpoint': { 'auth-url': 'http://idle.security.svc/' },
  'own-machine': { 'auth-url': 'http://localhost/' },
  metadata: { 'auth-url': 'http://169.254.169.254/latest' },
  'no-url': { 'auth-url': 'auth.example.org' },
  'odd-scheme': { 'auth-url': 'ftp://auth.example.org/' },
  'odd-host': { 'auth-url': 'http://a..b/' },
  'odd-variable': { 'auth-url': `${service}/$nothing` },
  'chosen-host': { 'auth-url': 'http://$arg_host/' },
  'any-host': { 'auth-url': 'https://$host/oauth2/auth' },
  'decoded-uri': { 'auth-url': `${service}/?x=$uri` },
  'odd-method': asking('/ok', { 'auth-method': 'BREW' }),
  'odd-response-headers': asking('/ok', { 'auth-response-headers': 'X User' }),
  'odd-redirect': asking('/ok', { 'auth-request-redirect': 'https://$host' }),
  'odd-cookie': asking('/ok', { 'auth-always-set-cookie': 'si' }),
  'odd-duration': asking('/ok', { 'auth-cache-key': 'x', 'auth-cache-duration': '200' }),
  'no-config-map': asking('/ok', { 'auth-proxy-set-headers': 'default/none' }),
  'bare-config-map': asking('/ok', { 'auth-proxy-set-headers': 'headers' }),
  'foreign-config-map': asking('/ok', { 'auth-proxy-set-headers': 'security/headers' }),
  'odd-config-map': asking('/ok', { 'auth-proxy-set-headers': 'default/odd-headers' }),
  'odd-config-value': asking('/ok', { 'auth-proxy-set-headers': 'default/odd-values' }),
};

function configMap(name: string, data: object, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

for (const binary of nginxBinaries()) {
  describe(`external authentication on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let auth: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      auth = await startBackend(suite, 'auth', answerAuth);
      const failing = await startBackend(suite, 'failing', (_request, response) => {
        response.writeHead(401);
        response.end('of the backend');
      });
      const dns = await startDns(suite, {
        'auth.example.org': { a: ['127.0.0.1'] },
        'own-host.example.com': { a: ['127.0.0.1'] },
      });
      const signIn = { 'auth-signin': 'https://login.example.org/start' };
      served = await serve(
        suite,
        binary,
        [
          annotated('ok', asking('/ok', { 'auth-response-headers': 'X-User, x-group' })),
          annotated('no', asking('/no')),
          annotated('never', asking('/never')),
          annotated('broken-service', asking('/broken')),
          annotated('away', asking('/away')),
          annotated('sign-in', asking('/no', signIn)),
          annotated(
            'sign-in-own',
            asking('/no', { 'auth-signin': 'https://$host/in?rd=$escaped_request_uri' }),
          ),
          annotated(
            'sign-in-query',
            asking('/no', { 'auth-signin': 'https://x.org/?a=b', 'auth-signin-redirect-param': 'to' }),
          ),
          annotated('sign-in-odd', asking('/no', { 'auth-signin': 'login.example.org' })),
          annotated('sign-in-failing', asking('/ok', signIn), 'failing'),
          annotated(
            'method',
            asking('/ok', { 'auth-method': 'POST', 'auth-request-redirect': 'https://a.b/c' }),
          ),
          annotated('query', { 'auth-url': `${service}/ok?u=$request_uri&m=$request_method` }),
          annotated('headers', asking('/ok', { 'auth-proxy-set-headers': 'default/headers' })),
          annotated('by-name', { 'auth-url': `http://auth.example.org:${auth.port}/ok` }),
          annotated('unknown-name', { 'auth-url': 'http://unknown.example.org/ok' }),
          annotated('by-address', { 'auth-url': `http://127.0.0.1:${auth.port}/ok` }),
          annotated('own-host', { 'auth-url': `http://$host:${auth.port}/ok` }),
          annotated(
            'cached',
            asking('/shared', { 'auth-cache-key': '$http_authorization', 'auth-response-headers': 'X-User' }),
          ),
          annotated('cached-too', asking('/shared', { 'auth-cache-key': '$http_authorization' })),
          annotated('not-shared', asking('/ok', { 'auth-cache-key': 'x' })),
          annotated('odd-key', asking('/ok', { 'auth-cache-key': '$nothing' })),
          annotated('fat', asking('/fat', { 'proxy-buffer-size': '16k', 'proxy-body-size': '10m' })),
          annotated('always', asking('/ok', { 'auth-always-set-cookie': 'true' }), 'failing'),
          annotated('redirected', asking('/no', { 'force-ssl-redirect': 'true' })),
          annotated('no-backend', asking('/ok'), 'none'),
          annotated('both', asking('/ok', { 'allowlist-source-range': '10.0.0.0/8' })),
          annotated('any', asking('/ok', { 'allowlist-source-range': '10.0.0.0/8', satisfy: 'any' })),
          annotated('any-no', asking('/no', { 'allowlist-source-range': '10.0.0.0/8', satisfy: 'any' })),
          annotated('any-broken', {
            ...broken['no-service'],
            'allowlist-source-range': '127.0.0.1',
            satisfy: 'any',
          }),
          annotated('cors', asking('/no', { 'enable-cors': 'true', 'cors-allow-origin': 'https://a.b' })),
          annotated('rewritten', asking('/no', { 'rewrite-target': '/new' })),
          annotated('grpc', asking('/no', { 'backend-protocol': 'GRPC' })),
          annotated('challenge', asking('/no'), 'app', {
            paths: [{ service: 'app' }, { path: '/.well-known/acme-challenge/x', service: 'app' }],
          }),
          annotated('challenge-regex', asking('/no', { 'use-regex': 'true' }), 'app', {
            paths: [{ path: '/.well-known/acme-challenge/x|/admin', service: 'app' }],
          }),
          annotated('alone', { 'auth-signin': 'https://login.example.org/' }),
          ...Object.entries(broken).map(([name, annotations]) =>
            annotated(name, annotations, 'app', name === 'any-host' ? { host: '*.example.com' } : {}),
          ),
          configMap('headers', { 'X-Fixed': 'a "b" {c};', 'X-Seen': '$request_method $host' }),
          configMap('headers', {}, 'security'),
          configMap('odd-headers', { 'X:Y': 'z' }),
          configMap('odd-values', { 'X-Y': '$nothing' }),
          ...serviceOn('app', [backend.port]),
          ...serviceOn('failing', [failing.port]),
          ...serviceOn('auth', [auth.port], 'security'),
          serviceWith('idle', { ports: [{ port: 80 }] }, 'security'),
        ],
        { resolvers: [`127.0.0.1:${dns.port}`] },
      );
    });

    async function ask(
      name: string,
      options: { path?: string; headers?: Record<string, string>; method?: string; body?: string } = {},
    ): Promise<HttpAnswer> {
      return await served.request({ host: `${name}.example.com`, ...options });
    }

    const statuses: readonly [string, number][] = [
      ['ok', 200],
      ['no', 401],
      ['never', 403],
      ['broken-service', 500],
      ['away', 500],
      ['by-name', 200],
      ['unknown-name', 500],
      ['by-address', 200],
      ['own-host', 200],
      ['odd-key', 200],
      ['sign-in-odd', 401],
      ['redirected', 308],
      ['no-backend', 503],
      ['both', 403],
      ['any', 200],
      ['any-no', 401],
      ['any-broken', 503],
      ['cors', 401],
      ['rewritten', 401],
      ['grpc', 401],
      ['challenge', 401],
      ['alone', 200],
    ];
    for (const [name, status] of statuses) {
      it(`${name}: ${status}`, async () => {
        const seenBefore = backend.seen.length;

        assert.equal((await ask(name)).status, status);

        assert.equal(backend.seen.length - seenBefore, status === 200 ? 1 : 0);
      });
    }

    it('asks about paths that a regex takes beside those without a login', async () => {
      for (const path of ['/admin', '/.well-known/acme-challenge/x']) {
        assert.equal((await ask('challenge-regex', { path })).status, 401);
      }
      assert.match(
        served.ingress('challenge-regex').reasons.join(),
        /auth-url"\]: holds for .* as a regex it could/u,
      );
      assert.equal((await ask('challenge', { path: '/.well-known/acme-challenge/x' })).status, 200);
    });

    for (const name of Object.keys(broken)) {
      it(`${name} is closed to everybody, and says why`, async () => {
        const seenBefore = backend.seen.length;

        assert.equal((await ask(name)).status, 503);

        assert.equal(backend.seen.length, seenBefore);
        assert.notEqual(served.ingress(name).state, 'served');
        assert.match(served.ingress(name).reasons.join(), /auth-/u);
      });
    }

    it('asks with what tells the request, and with nothing that the client forges', async () => {
      const forged = {
        'x-original-url': 'x',
        'x-original-uri': 'x',
        'x-original-method': 'x',
        'x-forwarded-for': 'x',
        'x-real-ip': 'x',
        'x-forwarded-proto': 'x',
        'x-sent-from': 'x',
        'x-auth-request-redirect': 'x',
      };

      await ask('ok', {
        path: '/a/b?c=d',
        method: 'PUT',
        body: 'body',
        headers: { ...forged, cookie: 'a=b' },
      });

      const asked = auth.seen.at(-1);
      assert.deepEqual([asked?.method, asked?.url, asked?.body], ['GET', '/ok', '']);
      const headers = asked?.headers ?? {};
      const told = Object.fromEntries(
        [...Object.keys(forged), 'host', 'cookie', 'content-length', 'connection'].map((name) => [
          name,
          headers[name],
        ]),
      );
      assert.deepEqual(told, {
        'x-original-url': 'http://ok.example.com/a/b?c=d',
        'x-original-uri': '/a/b?c=d',
        'x-original-method': 'PUT',
        'x-forwarded-for': '127.0.0.1',
        'x-real-ip': '127.0.0.1',
        'x-forwarded-proto': undefined,
        'x-sent-from': 'nginx-ingress-controller',
        'x-auth-request-redirect': '/a/b?c=d',
        host: 'auth.security.svc.cluster.local',
        cookie: 'a=b',
        'content-length': undefined,
        connection: told['connection'],
      });
    });

    it('gives the backend headers of the answer, and never those of the client', async () => {
      const answer = await ask('ok', { headers: { 'x-user': 'mallory', 'x-group': 'admin' } });

      const seen = backend.seen.at(-1)?.headers;
      assert.deepEqual([seen?.['x-user'], seen?.['x-group']], ['ann', undefined]);
      assert.equal(seen?.['x-forwarded-for'], '127.0.0.1');
      assert.deepEqual(answer.headers['set-cookie'], ['session=1']);
    });

    it('passes what the service says about logging in', async () => {
      const { headers, body } = await ask('no');

      assert.equal(headers['www-authenticate'], 'Bearer realm="x"');
      assert.doesNotMatch(body, /said by the service/u);
    });

    const pages: readonly [string, string, string][] = [
      ['sign-in', '/a?b=c', 'https://login.example.org/start?rd=http://sign-in.example.com/a?b=c'],
      [
        'sign-in',
        '/a%20b+c?d=e&f=100%25&g',
        'https://login.example.org/start?rd=http://sign-in.example.com/a%2520b%2Bc?d=e%26f=100%2525%26g',
      ],
      [
        'sign-in',
        `/${'%d0%bf'.repeat(20)}?a&b`,
        `https://login.example.org/start?rd=http://sign-in.example.com/${'%25d0%25bf'.repeat(20)}?a%26b`,
      ],
      ['sign-in-own', '/a&b', 'https://sign-in-own.example.com/in?rd=/a%26b'],
      ['sign-in-query', '/', 'https://x.org/?a=b&to=http://sign-in-query.example.com/'],
    ];
    for (const [name, path, location] of pages) {
      it(`${name} sends ${path.slice(0, 30)} to the page to log in`, async () => {
        const seenBefore = backend.seen.length;

        const answer = await ask(name, { path });

        assert.deepEqual([answer.status, answer.headers.location], [302, location]);
        assert.equal(backend.seen.length, seenBefore);
      });
    }

    it('leaves a 401 of the backend itself alone', async () => {
      const answer = await ask('sign-in-failing');

      assert.deepEqual([answer.status, answer.body], [401, 'of the backend']);
      assert.equal(answer.headers['set-cookie'], undefined);
      assert.deepEqual((await ask('always')).headers['set-cookie'], ['session=1']);
    });

    it('asks with the method, redirect, query and headers that are wanted', async () => {
      await ask('method');
      assert.deepEqual(
        [auth.seen.at(-1)?.method, auth.seen.at(-1)?.headers['x-auth-request-redirect']],
        ['POST', 'https://a.b/c'],
      );
      await ask('query', { path: '/x?y', method: 'DELETE' });
      assert.equal(auth.seen.at(-1)?.url, '/ok?u=/x?y&m=DELETE');
      await ask('headers');
      assert.deepEqual(
        [auth.seen.at(-1)?.headers['x-fixed'], auth.seen.at(-1)?.headers['x-seen']],
        ['a "b" {c};', 'GET headers.example.com'],
      );
      await ask('by-name');
      assert.equal(auth.seen.at(-1)?.headers.host, 'auth.example.org');
    });

    it('shares answers between requests with an equal key alone, of one host', async () => {
      const seenBefore = auth.seen.length;
      for (const [name, key] of [
        ['cached', 'a'],
        ['cached', 'a'],
        ['cached', 'b'],
        ['cached-too', 'a'],
        ['cached', 'a'],
      ] as const) {
        assert.equal((await ask(name, { headers: { authorization: key } })).status, 200);
      }

      assert.equal(auth.seen.length - seenBefore, 3);
      assert.equal(backend.seen.at(-1)?.headers['x-user'], 'ann');
    });

    it('shares no answer that sets a cookie', async () => {
      const seenBefore = auth.seen.length;

      await ask('not-shared');
      await ask('not-shared');

      assert.equal(auth.seen.length - seenBefore, 2);
    });

    it('has the buffers of the route, and asks about large bodies without sending them', async () => {
      const body = 'x'.repeat(3 * 1024 * 1024);

      const answer = await ask('fat', { method: 'POST', body });

      assert.equal(answer.status, 200);
      assert.equal(backend.seen.at(-1)?.body.length, body.length);
      assert.equal(auth.seen.at(-1)?.body, '');
    });

    it('answers a preflight itself, and lets challenges of certificate authorities through', async () => {
      const headers = { origin: 'https://a.b' };

      assert.equal((await ask('cors', { method: 'OPTIONS', headers })).status, 204);
      assert.equal(
        (await ask('cors', { method: 'OPTIONS', headers: { origin: 'https://c.d' } })).status,
        401,
      );
      assert.equal((await ask('challenge', { path: '/.well-known/acme-challenge/x' })).status, 200);
      assert.equal((await ask('challenge', { path: '/.well-known/acme-challenge/y' })).status, 401);
    });

    it('has no door to the question itself', async () => {
      const path = /location = (\/_cng\/external-auth-\w+)/u.exec(served.text)?.[1] ?? 'none';

      assert.equal((await ask('ok', { path })).status, 404);
    });
  });
}
