import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import type { HttpAnswer } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const good = 'https://good.example.org';
const bad = 'https://evil.example.org';
const only = { 'enable-cors': 'true', 'cors-allow-origin': `${good}, https://*.wild.org:81` };

for (const binary of nginxBinaries()) {
  describe(`CORS on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let speaking: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      speaking = await startBackend(suite, 'speaking', (_request, response) => {
        response.writeHead(200, {
          'access-control-allow-origin': 'https://own.example.org',
          'access-control-allow-methods': 'BREW',
        });
        response.end('ok');
      });
      served = await serve(suite, binary, [
        annotated('off', { 'enable-cors': 'false', 'cors-allow-origin': good }),
        annotated('all', { 'enable-cors': 'true' }),
        annotated('only', only),
        annotated('set', {
          ...only,
          'cors-allow-methods': 'PUT,GET',
          'cors-allow-headers': 'X-One, X_Two',
          'cors-expose-headers': '*, X-Three',
          'cors-allow-credentials': 'false',
          'cors-max-age': '600',
        }),
        annotated('wrong', {
          'enable-cors': 'true',
          'cors-allow-origin': 'good.example.org',
          'cors-allow-methods': 'GET; PUT',
          'cors-max-age': 'long',
        }),
        annotated('speaking', only, 'speaking'),
        annotated('redirected', { ...only, 'force-ssl-redirect': 'true' }),
        annotated('closed', { ...only, 'allowlist-source-range': '10.0.0.0/8' }),
        annotated('asked', { ...only, 'auth-type': 'basic', 'auth-secret': 'none' }),
        annotated('limited', { ...only, 'limit-rpm': '1', 'limit-burst-multiplier': '0' }),
        annotated('no-backend', only, 'none'),
        ...serviceOn('app', [backend.port]),
        ...serviceOn('speaking', [speaking.port]),
      ]);
    });

    async function ask(name: string, origin: string | null, method = 'GET'): Promise<HttpAnswer> {
      const headers = origin === null ? {} : { origin, 'access-control-request-method': 'PUT' };
      return await served.request({ host: `${name}.example.com`, method, headers });
    }

    function corsOf({ headers }: HttpAnswer): Record<string, string> {
      const found = Object.entries(headers).filter(([name]) => name.startsWith('access-control-'));
      return Object.fromEntries(found.map(([name, value]) => [name.slice(15), String(value)]));
    }

    const defaults = {
      'allow-credentials': 'true',
      'allow-methods': 'GET, PUT, POST, DELETE, PATCH, OPTIONS',
      'allow-headers':
        'DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization',
      'max-age': '1728000',
    };
    const cases: readonly [string, string | null, Record<string, string>][] = [
      ['off', good, {}],
      ['all', good, { 'allow-origin': '*', ...defaults }],
      ['all', null, { 'allow-origin': '*', ...defaults }],
      ['only', good, { 'allow-origin': good, ...defaults }],
      ['only', 'https://x.wild.org:81', { 'allow-origin': 'https://x.wild.org:81', ...defaults }],
      ['only', bad, {}],
      ['only', `${bad}/?${good}`, {}],
      ['only', null, {}],
      [
        'set',
        good,
        {
          'allow-origin': good,
          'allow-methods': 'PUT,GET',
          'allow-headers': 'X-One, X_Two',
          'expose-headers': '*, X-Three',
          'max-age': '600',
        },
      ],
      ['wrong', good, {}],
      ['speaking', good, { 'allow-origin': good, ...defaults }],
      ['speaking', bad, { 'allow-origin': 'https://own.example.org', 'allow-methods': 'BREW' }],
    ];
    for (const [name, origin, expected] of cases) {
      it(`${name} answers a request of ${origin ?? 'no origin'}`, async () => {
        const answer = await ask(name, origin);

        assert.equal(answer.status, 200);
        assert.deepEqual(corsOf(answer), expected);
      });
    }

    for (const [name, origin, status] of [
      ['all', bad, 204],
      ['all', null, 204],
      ['only', good, 204],
      ['only', bad, 200],
      ['off', good, 200],
      ['speaking', good, 204],
    ] as const) {
      it(`${name} answers ${status} to a preflight of ${origin ?? 'no origin'}`, async () => {
        const seenBefore = backend.seen.length + speaking.seen.length;

        const answer = await ask(name, origin, 'OPTIONS');

        assert.equal(answer.status, status);
        const seen = backend.seen.length + speaking.seen.length - seenBefore;
        assert.equal(seen, status === 204 ? 0 : 1, 'preflights that a backend saw');
        if (status === 204 && name !== 'all') {
          assert.equal(corsOf(answer)['allow-origin'], origin);
          assert.equal(answer.body, '');
        }
      });
    }

    // A preflight is answered by nginx, before all protections; nothing else may pass them.
    const guarded: readonly [string, string, string, number][] = [
      ['redirected', good, 'OPTIONS', 204],
      ['redirected', bad, 'OPTIONS', 308],
      ['redirected', good, 'GET', 308],
      ['closed', good, 'OPTIONS', 204],
      ['closed', bad, 'OPTIONS', 403],
      ['closed', good, 'GET', 403],
      ['asked', good, 'OPTIONS', 503],
      ['asked', good, 'GET', 503],
      ['no-backend', good, 'GET', 503],
      ['limited', good, 'OPTIONS', 204],
      ['limited', good, 'GET', 200],
      ['limited', good, 'GET', 503],
      ['limited', bad, 'OPTIONS', 503],
    ];
    for (const [name, origin, method, status] of guarded) {
      it(`${name}: ${method} of ${origin} gets ${status}`, async () => {
        const seenBefore = backend.seen.length;

        const answer = await ask(name, origin, method);

        assert.equal(answer.status, status);
        assert.equal(backend.seen.length - seenBefore, status === 200 ? 1 : 0);
      });
    }

    it('lets scripts read errors too, so that they can tell what went wrong', async () => {
      assert.equal((await ask('closed', good)).headers['access-control-allow-origin'], good);
    });

    it('keeps the headers that all answers and backends get', async () => {
      await ask('only', good);

      const headers = backend.seen.at(-1)?.headers;
      assert.equal(headers?.['x-forwarded-for'], '127.0.0.1');
      assert.equal(headers?.origin, good);
    });

    it('tells of origins and values that are none, and opens nothing instead', () => {
      const { state, reasons } = served.ingress('wrong');

      assert.equal(state, 'served-with-difference');
      assert.match(reasons.join('\n'), /cors-allow-origin"\]: "good\.example\.org" is not an origin/u);
      assert.match(reasons.join('\n'), /cors-allow-methods"\]: "GET; PUT" is not allowed/u);
      assert.match(reasons.join('\n'), /cors-max-age"\]: "long" is not a whole number/u);
    });
  });
}
