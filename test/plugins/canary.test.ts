import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Echo } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn, type IngressOptions } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

/** A canary of the Ingress `of`, with its host and path. */
function canaryOf(
  of: string,
  name: string,
  service: string,
  annotations: Readonly<Record<string, string>>,
  more: IngressOptions = {},
): object {
  return annotated(name, { canary: 'true', ...annotations }, service, { host: `${of}.example.com`, ...more });
}

for (const binary of nginxBinaries()) {
  describe(`canaries on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;
    const seen = new Map<string, Echo[]>();

    before(async () => {
      const services: object[] = [];
      for (const name of ['stable', 'blue', 'green', 'red']) {
        const backend = await startBackend(suite, name);
        seen.set(name, backend.seen);
        services.push(...serviceOn(name, [backend.port]));
      }
      served = await serve(suite, binary, [
        annotated('shares', {}, 'stable'),
        canaryOf('shares', 'shares-1', 'blue', { 'canary-weight': '10' }),
        canaryOf('shares', 'shares-2', 'green', { 'canary-weight': '20' }),
        canaryOf('shares', 'shares-3', 'red', { 'canary-weight': '60', 'canary-weight-total': '200' }),
        annotated('asked', {}, 'stable'),
        canaryOf('asked', 'asked-1', 'blue', {
          'canary-by-header': 'X-Canary',
          'canary-by-cookie': 'try.it',
        }),
        canaryOf('asked', 'asked-2', 'green', {
          'canary-by-header': 'X-Version',
          'canary-by-header-value': 'v2.0',
        }),
        canaryOf('asked', 'asked-3', 'red', {
          'canary-by-header': 'X-Version',
          'canary-by-header-pattern': '^(v3|v4)\\.',
        }),
        annotated('all', { 'upstream-vhost': 'inner.example.org', 'rewrite-target': '/new' }, 'stable'),
        canaryOf('all', 'all-1', 'blue', { 'canary-weight': '100', 'canary-by-header': 'X-Canary' }),
        annotated('sticky', { affinity: 'cookie', 'session-cookie-name': 'route' }, 'stable'),
        canaryOf('sticky', 'sticky-1', 'blue', { 'canary-weight': '50', 'canary-by-header': 'X-Canary' }),
        annotated('closed', { 'whitelist-source-range': '10.0.0.0/8' }, 'stable'),
        canaryOf('closed', 'closed-1', 'blue', { 'canary-weight': '100' }),
        annotated('unguarded', {}, 'stable'),
        canaryOf('unguarded', 'unguarded-1', 'blue', {
          'canary-weight': '100',
          'whitelist-source-range': '10.0.0.0/8',
        }),
        annotated('stolen', {}, 'stable'),
        canaryOf('stolen', 'thief', 'blue', { 'canary-weight': '100' }, { namespace: 'other' }),
        annotated('down', {}, 'stable'),
        canaryOf('down', 'down-1', 'nobody', { 'canary-weight': '100' }),
        canaryOf('nowhere', 'nowhere-1', 'blue', { 'canary-weight': '100' }),
        ...services,
      ]);
    });

    async function backendOf(name: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
      const answer = await served.request({ host: `${name}.example.com`, headers });
      assert.equal(answer.status, 200, answer.body);
      return (JSON.parse(answer.body) as { backend: string }).backend;
    }

    it('share requests out by weight, three of them at once', async () => {
      const counts: Record<string, number> = {};
      const total = 3000;
      for (let sent = 0; sent < total; sent += 50) {
        for (const name of await Promise.all(Array.from({ length: 50 }, () => backendOf('shares')))) {
          counts[name] = (counts[name] ?? 0) + 1;
        }
      }
      const expected = { stable: 0.4, blue: 0.1, green: 0.2, red: 0.3 };
      for (const [name, share] of Object.entries(expected)) {
        // Five times the standard deviation of 3,000 draws.
        assert.ok(Math.abs((counts[name] ?? 0) / total - share) < 0.045, JSON.stringify(counts));
      }
    });

    it('are chosen by header, then by cookie, then not at all', async () => {
      assert.equal(await backendOf('asked'), 'stable');
      assert.equal(await backendOf('asked', { 'x-canary': 'always' }), 'blue');
      assert.equal(await backendOf('asked', { 'x-canary': 'ALWAYS' }), 'stable');
      assert.equal(await backendOf('asked', { 'x-canary': 'maybe' }), 'stable');
      assert.equal(await backendOf('asked', { cookie: 'a=b; try.it=always; c=d' }), 'blue');
      assert.equal(await backendOf('asked', { cookie: 'tryXit=always' }), 'stable');
      assert.equal(await backendOf('asked', { cookie: 'x-try.it=always' }), 'stable');
      assert.equal(await backendOf('asked', { cookie: 'try.it=always', 'x-canary': 'never' }), 'stable');
      assert.equal(await backendOf('asked', { cookie: 'try.it=never', 'x-canary': 'always' }), 'blue');
      assert.equal(await backendOf('asked', { 'x-version': 'v2.0' }), 'green');
      assert.equal(await backendOf('asked', { 'x-version': 'v2x0' }), 'stable');
      assert.equal(await backendOf('asked', { 'x-version': 'v3.1' }), 'red');
      assert.equal(await backendOf('asked', { 'x-version': 'a v3.1' }), 'stable');
      // Away from one canary is not away from another.
      assert.equal(await backendOf('asked', { 'x-canary': 'never', 'x-version': 'v4.0' }), 'red');
      // Of equally old ones the last by name comes first, as everywhere.
      assert.equal(await backendOf('asked', { 'x-canary': 'always', 'x-version': 'v4.0' }), 'red');
    });

    it('have the settings of the route, and its weight does not hold against a header', async () => {
      assert.equal(await backendOf('all'), 'blue');
      const echo = seen.get('blue')?.at(-1);
      assert.equal(echo?.headers.host, 'inner.example.org');
      assert.equal(echo.url, '/new');
      assert.equal(echo.headers['x-forwarded-host'], 'all.example.com');
      assert.equal(await backendOf('all', { 'x-canary': 'never' }), 'stable');
    });

    it('keep a session where it began', async () => {
      for (let client = 0; client < 12; client += 1) {
        const first = await served.request({ host: 'sticky.example.com' });
        const began = (JSON.parse(first.body) as { backend: string }).backend;
        const cookies = (first.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0] ?? '');
        assert.equal(cookies.length, 2, cookies.join());
        assert.ok(
          cookies.some((cookie) => cookie.startsWith('route_canary=')),
          cookies.join(),
        );
        const cookie = cookies.join('; ');
        for (let again = 0; again < 4; again += 1) {
          const next = await served.request({ host: 'sticky.example.com', headers: { cookie } });
          assert.equal((JSON.parse(next.body) as { backend: string }).backend, began);
          assert.ok(!(next.headers['set-cookie'] ?? []).some((each) => each.startsWith('route_canary=')));
        }
      }
      // Nobody can be sent anywhere by a cookie that the gateway has not set.
      const odd = { cookie: 'route_canary=9', 'x-canary': 'always' };
      assert.equal(await backendOf('sticky', odd), 'blue');
    });

    it('do not open what is closed, and get nothing of what they would open', async () => {
      const closed = await served.request({ host: 'closed.example.com', headers: { 'x-canary': 'always' } });
      assert.equal(closed.status, 403);
      assert.equal(await backendOf('unguarded'), 'stable');
      assert.equal(served.ingress('unguarded-1').state, 'rejected');
      assert.match(
        served.ingress('unguarded-1').reasons.join(),
        /takes no request: .*whitelist-source-range/u,
      );
    });

    it('are of the same namespace', async () => {
      assert.equal(await backendOf('stolen'), 'stable');
      const thief = served.verdicts.find(({ name }) => name === 'thief');
      assert.equal(thief?.state, 'rejected');
    });

    it('leave their requests to the route while they cannot serve them', async () => {
      assert.equal(await backendOf('down'), 'stable');
      assert.match(
        served.ingress('down-1').reasons.join(),
        /there is no Service .*until then Ingress\/default\/down/u,
      );
    });

    it('serve nothing by themselves', async () => {
      assert.equal((await served.request({ host: 'nowhere.example.com' })).status, 404);
      assert.equal(served.ingress('nowhere-1').state, 'rejected');
    });
  });
}
