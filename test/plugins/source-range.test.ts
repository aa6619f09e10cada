import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

/** Clients of the tests have the address 127.0.0.1. By name: annotations, status. */
const cases: Readonly<Record<string, readonly [Readonly<Record<string, string>>, number]>> = {
  allowed: [{ 'allowlist-source-range': '127.0.0.0/8' }, 200],
  'not-allowed': [{ 'allowlist-source-range': '10.0.0.0/8' }, 403],
  'allowed-by-alias': [{ 'whitelist-source-range': '127.0.0.1' }, 200],
  'not-by-alias': [{ 'whitelist-source-range': '10.0.0.0/8' }, 403],
  'own-name-wins': [{ 'whitelist-source-range': '127.0.0.1', 'allowlist-source-range': '10.0.0.0/8' }, 403],
  denied: [{ 'denylist-source-range': '10.0.0.0/8, 127.0.0.1' }, 403],
  'not-denied': [{ 'denylist-source-range': '10.0.0.0/8' }, 200],
  'in-both': [{ 'denylist-source-range': '127.0.0.1', 'allowlist-source-range': '127.0.0.0/8' }, 403],
  'in-neither': [{ 'denylist-source-range': '10.9.0.0/16', 'allowlist-source-range': '10.0.0.0/8' }, 403],
  everybody: [{ 'allowlist-source-range': '0.0.0.0/0' }, 200],
  'ipv6-only': [{ 'allowlist-source-range': '::/0' }, 403],
  'blank-is-absent': [{ 'allowlist-source-range': ' ' }, 200],
  broken: [{ 'allowlist-source-range': '127.0.0.1, 10.0.0.0/33' }, 503],
  'broken-deny': [{ 'denylist-source-range': 'everybody' }, 503],
  'no-address': [{ 'allowlist-source-range': ',' }, 503],
  'broken-deny-beside-allow': [{ 'allowlist-source-range': '127.0.0.1', 'denylist-source-range': 'x' }, 503],
};

for (const binary of nginxBinaries()) {
  describe(`source ranges on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      served = await serve(suite, binary, [
        ...Object.entries(cases).map(([name, [annotations]]) => annotated(name, annotations)),
        annotated('redirected', { 'allowlist-source-range': '10.0.0.0/8', 'force-ssl-redirect': 'true' }),
        annotated('no-backend', { 'allowlist-source-range': '10.0.0.0/8' }, 'none'),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    for (const [name, [, status]] of Object.entries(cases)) {
      it(`${name}: ${status}`, async () => {
        const seenBefore = backend.seen.length;

        const answer = await served.request({ host: `${name}.example.com` });

        assert.equal(answer.status, status);
        assert.equal(
          backend.seen.length - seenBefore,
          status === 200 ? 1 : 0,
          'requests that the backend saw',
        );
      });
    }

    it('cannot be talked into another address by headers', async () => {
      const headers = { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1', forwarded: 'for=10.0.0.1' };

      const answer = await served.request({ host: 'not-allowed.example.com', headers });

      assert.equal(answer.status, 403);
    });

    it('come after the redirect to HTTPS, which tells nothing', async () => {
      const answer = await served.request({ host: 'redirected.example.com' });

      assert.equal(answer.status, 308);
    });

    it('come after the lack of a backend, which lets nobody in', async () => {
      const answer = await served.request({ host: 'no-backend.example.com' });

      assert.equal(answer.status, 503);
    });

    it('hold for every method, a preflight of CORS included', async () => {
      const headers = { origin: 'https://other.example.com', 'access-control-request-method': 'PUT' };
      for (const method of ['OPTIONS', 'HEAD', 'POST', 'TRACE']) {
        const answer = await served.request({ host: 'not-allowed.example.com', method, headers });

        assert.ok([403, 405].includes(answer.status), `${method}: ${answer.status}`);
      }
    });

    it('say why a route is closed and what to write', () => {
      const { state, reasons } = served.ingress('broken');

      assert.equal(state, 'rejected');
      assert.match(
        reasons.join(),
        /allowlist-source-range"\]: "10\.0\.0\.0\/33" is not an IP address or network: write for example/u,
      );
    });
  });
}
