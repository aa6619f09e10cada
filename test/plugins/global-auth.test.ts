import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { before, describe, it } from 'node:test';
import type { ConfigMap } from '../../src/cluster/objects.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { app, ingress, meta, run, verdictOf } from '../translate/world.ts';

const service = 'http://auth.security.svc.cluster.local';
const optionsConfigMap = 'gateway/options';

function options(data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'gateway' }, data };
}

/** Lets those in who have the word. */
function answerAuth(request: IncomingMessage, response: ServerResponse): void {
  const isIn = request.headers.authorization === 'good' || request.url === '/own';
  // nginx shares nothing that has a cookie of its own.
  const cookie = request.url === '/shared' ? {} : { 'set-cookie': 'session=1' };
  response.writeHead(isIn ? 200 : 401, { 'x-user': 'ann', ...cookie });
  response.end();
}

for (const binary of nginxBinaries()) {
  describe(`a check of all Ingresses on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let auth: Backend;
    let served: Served;

    async function world(
      on: Parameters<typeof serve>[0],
      data: Readonly<Record<string, string>>,
      nginx: NginxBinary = binary,
    ): Promise<Served> {
      return await serve(
        on,
        nginx,
        [
          options(data),
          annotated('plain', {}),
          annotated('other', {}, 'app', { namespace: 'other' }),
          annotated('out', { 'enable-global-auth': 'false' }),
          annotated('own', { 'auth-url': `${service}/own` }),
          annotated('own-broken', { 'auth-url': 'http://none.security.svc/', 'enable-global-auth': 'false' }),
          annotated('parts', { 'auth-method': 'POST', 'auth-response-headers': 'X-Mine' }),
          annotated('regex', { 'rewrite-target': '/$1' }, 'app', {
            paths: [{ path: '/(.*)', service: 'app' }],
          }),
          annotated('challenge', {}, 'app', {
            paths: [{ service: 'app' }, { path: '/.well-known/acme-challenge', service: 'app' }],
          }),
          ...serviceOn('app', [backend.port]),
          ...serviceOn('app', [backend.port], 'other'),
          ...serviceOn('auth', [auth.port], 'security'),
        ],
        { optionsConfigMap },
      );
    }

    before(async () => {
      backend = await startBackend(suite, 'app');
      auth = await startBackend(suite, 'auth', answerAuth);
      served = await world(suite, {
        'global-auth-url': `${service}/check?n=$namespace`,
        'global-auth-method': 'POST',
        'global-auth-signin': 'https://login.example.org/',
        'global-auth-signin-redirect-param': 'to',
        'global-auth-response-headers': 'X-User',
        'global-auth-request-redirect': 'https://a.b/c',
        'global-auth-snippet': 'proxy_set_header X-Snippet yes;',
      });
    });

    async function ask(name: string, word = '', path = '/x'): Promise<number> {
      const headers = word === '' ? {} : { authorization: word };
      return (await served.request({ host: `${name}.example.com`, path, headers })).status;
    }

    it('keeps everybody out who does not pass it', async () => {
      const seenBefore = backend.seen.length;
      for (const name of ['plain', 'other', 'parts', 'regex', 'challenge']) {
        assert.equal(await ask(name), 302, name);
        assert.equal(await ask(name, 'bad'), 302, name);
      }
      assert.equal(backend.seen.length, seenBefore);
      for (const name of ['plain', 'other', 'parts', 'regex', 'challenge']) {
        assert.equal(await ask(name, 'good'), 200, name);
      }
    });

    it('leaves out who says so, who has one of his own, and paths without a login', async () => {
      assert.equal(await ask('out'), 200);
      assert.equal(await ask('own'), 200);
      assert.equal(auth.seen.at(-1)?.url, '/own');
      assert.equal(await ask('own-broken', 'good'), 503);
      assert.equal(await ask('challenge', '', '/.well-known/acme-challenge/x'), 200);
    });

    it('asks, sends on and sends away as the options say', async () => {
      const headers = { authorization: 'good', 'x-user': 'mallory' };
      const { headers: answered } = await served.request({ host: 'other.example.com', path: '/a', headers });

      const asked = auth.seen.at(-1);
      assert.deepEqual([asked?.method, asked?.url], ['POST', '/check?n=other']);
      assert.equal(asked?.headers['x-auth-request-redirect'], 'https://a.b/c');
      assert.equal(asked.headers['x-snippet'], 'yes');
      assert.equal(backend.seen.at(-1)?.headers['x-user'], 'ann');
      assert.deepEqual(answered['set-cookie'], ['session=1']);
      const away = await served.request({ host: 'plain.example.com', path: '/a?b' });
      assert.equal(away.headers.location, 'https://login.example.org/?to=http://plain.example.com/a?b');
    });

    it('takes nothing from annotations of a check that is not asked for', async () => {
      await ask('parts', 'good');

      assert.equal(backend.seen.at(-1)?.headers['x-mine'], undefined);
      assert.match(served.ingress('parts').reasons.join(), /auth-method"\]: has no effect without auth-url/u);
    });

    it('shares answers for a while where it has a key', async (t) => {
      const cached = await world(t, {
        'global-auth-url': `${service}/shared`,
        'global-auth-cache-key': '$http_authorization',
        'global-auth-cache-duration': '401 10m',
      });
      const headers = { authorization: 'bad-again' };
      await cached.request({ host: 'plain.example.com', headers });
      const seenBefore = auth.seen.length;

      assert.equal((await cached.request({ host: 'plain.example.com', headers })).status, 401);

      assert.equal(auth.seen.length, seenBefore);
    });

    it('closes all routes but those without it where it cannot be asked', async (t) => {
      const closed = await world(t, { 'global-auth-url': 'http://none.security.svc/' });
      for (const [name, status] of [
        ['plain', 503],
        ['regex', 503],
        ['out', 200],
        ['own', 200],
      ] as const) {
        assert.equal((await closed.request({ host: `${name}.example.com` })).status, status, name);
      }
      assert.match(
        closed.ingress('plain').reasons.join(),
        /the option global-auth-url asks for a check, and there is no Service "security\/none"/u,
      );
    });

    it('closes all routes where it cannot be read', async (t) => {
      const closed = await world(t, { 'global-auth-url': 'none' });
      for (const name of ['plain', 'out', 'own']) {
        assert.equal((await closed.request({ host: `${name}.example.com` })).status, 503, name);
      }
    });
  });
}

describe('a check whose plugin is switched off', () => {
  it('closes every route', () => {
    const configMap: ConfigMap = {
      kind: 'ConfigMap',
      meta: meta('options', { namespace: 'gateway' }),
      data: { 'global-auth-url': `${service}/` },
    };
    const result = run([...app('a'), configMap, ingress('i', { rules: { 'h.net': ['Prefix / a:80'] } })], {
      settings: { optionsConfigMap },
      plugins: builtinPlugins({ disabled: ['external-auth'] }),
    });

    assert.match(
      verdictOf(result, 'ConfigMap/gateway/options').reasons.join(),
      /external-auth, which is switched off/u,
    );
    const [server] = result.model.servers.filter(({ isDefault }) => !isDefault);
    assert.equal(server?.locations[0]?.action.answer?.status, 503);
  });
});
