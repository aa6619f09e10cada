import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { https, makePair, type HttpsRequest, type Pair } from '../support/tls.ts';
import type { HttpAnswer } from '../support/http-client.ts';

function secret(name: string, stringData: Readonly<Record<string, string>>, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', stringData };
}

const asked = { 'auth-tls-secret': 'default/ca' };

/** Nobody gets in, with or without a certificate, not even to the paths of other Ingresses. */
const broken: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no-secret': { 'auth-tls-secret': 'default/none' },
  bare: { 'auth-tls-secret': 'ca' },
  foreign: { 'auth-tls-secret': 'other/ca' },
  odd: { 'auth-tls-secret': 'a/b/c' },
  'no-ca': { 'auth-tls-secret': 'default/no-ca' },
  'empty-ca': { 'auth-tls-secret': 'default/empty-ca' },
  'damaged-ca': { 'auth-tls-secret': 'default/damaged-ca' },
  'damaged-crl': { 'auth-tls-secret': 'default/damaged-crl' },
  'odd-name': { ...asked, 'auth-tls-match-cn': 'O=x' },
  'odd-pattern': { ...asked, 'auth-tls-match-cn': 'CN=(' },
  'odd-page': { ...asked, 'auth-tls-error-page': '/login' },
  'odd-pass': { ...asked, 'auth-tls-pass-certificate-to-upstream': 'si' },
};

for (const binary of nginxBinaries()) {
  describe(`client certificates on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;
    let good: Pair;
    let stranger: Pair;
    let auth: Backend;

    before(async () => {
      const ca = await makePair({ commonName: 'our authority', isAuthority: true });
      const otherCa = await makePair({ commonName: 'their authority', isAuthority: true });
      good = await makePair({ commonName: 'ann', issuer: ca });
      stranger = await makePair({ commonName: 'ann', issuer: otherCa });
      backend = await startBackend(suite, 'app');
      auth = await startBackend(suite, 'auth');
      function guarded(name: string, annotations: Readonly<Record<string, string>>, service = 'app'): object {
        return annotated(name, annotations, service, { tls: [{ hosts: [`${name}.example.com`] }] });
      }
      served = await serve(suite, binary, [
        guarded('on', asked),
        guarded('passing', { ...asked, 'auth-tls-pass-certificate-to-upstream': 'true' }),
        guarded('optional', { ...asked, 'auth-tls-verify-client': 'optional' }),
        guarded('any', { ...asked, 'auth-tls-verify-client': 'optional_no_ca' }),
        guarded('off', { ...asked, 'auth-tls-verify-client': 'off' }),
        guarded('odd-verify', { ...asked, 'auth-tls-verify-client': 'yes' }),
        guarded('ann-only', { ...asked, 'auth-tls-match-cn': 'CN=ann$' }),
        guarded('bob-only', { ...asked, 'auth-tls-match-cn': 'CN=(bob|carl)' }),
        guarded('optional-ann', {
          ...asked,
          'auth-tls-verify-client': 'optional',
          'auth-tls-match-cn': 'CN=ann',
        }),
        guarded('page', { ...asked, 'auth-tls-error-page': 'https://help.example.org/certificates' }),
        guarded('plain-too', { ...asked, 'ssl-redirect': 'false' }),
        annotated('no-tls', asked),
        guarded('challenge', asked),
        annotated('challenge-path', {}, 'app', {
          host: 'challenge.example.com',
          paths: [{ service: 'app', path: '/.well-known/acme-challenge/x', pathType: 'Exact' }],
        }),
        guarded('asking', { ...asked, 'auth-url': 'http://auth.default.svc/' }),
        guarded('cors', { ...asked, 'enable-cors': 'true' }),
        guarded('basic', { ...asked, 'auth-type': 'basic', 'auth-secret': 'none' }),
        guarded('no-backend', asked, 'none'),
        // The Ingress whose name comes last is the older one of equally old ones.
        annotated('z-first', { ...asked, 'auth-tls-verify-client': 'optional' }, 'app', {
          host: 'shared.example.com',
          paths: [{ service: 'app', path: '/first' }],
        }),
        ...Object.entries({
          same: { ...asked, 'auth-tls-verify-client': 'optional', 'auth-tls-verify-depth': '3' },
          stricter: asked,
          'other-ca': { 'auth-tls-secret': 'default/second-ca', 'auth-tls-verify-client': 'optional' },
          'own-name': { ...asked, 'auth-tls-verify-client': 'optional', 'auth-tls-match-cn': 'CN=ann' },
          laxer: { ...asked, 'auth-tls-verify-client': 'off' },
        }).map(([name, annotations]) =>
          annotated(name, annotations, 'app', {
            host: 'shared.example.com',
            paths: [{ service: 'app', path: `/${name}` }],
          }),
        ),
        secret('second-ca', { 'ca.crt': otherCa.cert }),
        annotated('free', {}),
        annotated('alone', { 'auth-tls-match-cn': 'CN=x' }),
        ...Object.entries(broken).flatMap(([name, annotations]) => [
          guarded(name, annotations),
          annotated(`${name}-neighbour`, {}, 'app', {
            host: `${name}.example.com`,
            paths: [{ service: 'app', path: '/neighbour' }],
          }),
        ]),
        secret('ca', { 'ca.crt': ca.cert }),
        secret('ca', { 'ca.crt': ca.cert }, 'other'),
        secret('no-ca', { 'tls.crt': ca.cert }),
        secret('empty-ca', { 'ca.crt': '' }),
        secret('damaged-ca', { 'ca.crt': ca.cert.replace(/[A-Za-z]{20}/u, 'AAAAAAAAAAAAAAAAAAAA') }),
        secret('damaged-crl', { 'ca.crt': ca.cert, 'ca.crl': 'x' }),
        ...serviceOn('app', [backend.port]),
        ...serviceOn('auth', [auth.port]),
      ]);
    });

    async function ask(
      name: string,
      client: Pair | null,
      more: Partial<HttpsRequest> = {},
    ): Promise<HttpAnswer> {
      const shown = client === null ? {} : { client };
      return await https({ port: served.httpsPort, host: `${name}.example.com`, ...shown, ...more });
    }

    /** By name: with nothing, with a certificate of ours, and with one of a stranger. */
    const cases: readonly [string, number, number, number][] = [
      ['on', 400, 200, 400],
      ['passing', 400, 200, 400],
      ['optional', 200, 200, 400],
      ['any', 200, 200, 200],
      ['off', 200, 200, 200],
      ['odd-verify', 400, 200, 400],
      ['ann-only', 400, 200, 400],
      ['bob-only', 400, 403, 400],
      ['optional-ann', 403, 200, 400],
      ['page', 302, 200, 302],
      ['plain-too', 400, 200, 400],
      ['no-tls', 400, 200, 400],
      ['basic', 400, 503, 400],
      ['no-backend', 400, 503, 400],
      ['asking', 400, 200, 400],
      ['alone', 200, 200, 200],
    ];
    for (const [name, none, ours, theirs] of cases) {
      it(`${name}: ${none} without, ${ours} with ours, ${theirs} with a stranger's`, async () => {
        const seenBefore = backend.seen.length;

        const got = [
          (await ask(name, null)).status,
          (await ask(name, good)).status,
          (await ask(name, stranger)).status,
        ];

        assert.deepEqual(got, [none, ours, theirs]);
        const expected = [none, ours, theirs].filter((status) => status === 200).length;
        assert.equal(backend.seen.length - seenBefore, expected);
      });
    }

    for (const name of Object.keys(broken)) {
      it(`${name} closes the host to everybody, and says why`, async () => {
        const seenBefore = backend.seen.length;

        const host = `${name}.example.com`;
        const got = [
          (await ask(name, good)).status,
          (await ask(name, good, { path: '/neighbour' })).status,
          (await served.request({ host })).status,
          (await served.request({ host, path: '/neighbour' })).status,
        ];

        assert.ok(
          got.every((status) => status === 503),
          got.join(),
        );
        assert.equal(backend.seen.length, seenBefore);
        assert.match(served.ingress(name).reasons.join(), /auth-tls-.*of the host answers 503/u);
      });
    }

    it('of a host are those of its oldest Ingress; one that asks for more is closed', async () => {
      const statuses: Record<string, number> = {};
      for (const path of ['first', 'same', 'stricter', 'other-ca', 'own-name', 'laxer']) {
        statuses[path] = (await ask('shared', good, { path: `/${path}` })).status;
      }

      assert.deepEqual(statuses, {
        first: 200,
        same: 200,
        stricter: 503,
        'other-ca': 503,
        'own-name': 503,
        laxer: 200,
      });
      assert.match(
        served.ingress('stricter').reasons.join(),
        /cannot hold beside Ingress\/default\/z-first/u,
      );
      assert.match(served.ingress('same').reasons.join(), /verify-depth"\]: has no effect/u);
    });

    it('tells the backend who it is, and nothing that the client forges', async () => {
      const forged = {
        'ssl-client-verify': 'SUCCESS',
        'ssl-client-subject-dn': 'CN=root',
        'ssl-client-cert': 'x',
      };
      await ask('passing', good, { headers: forged });
      const passed = backend.seen.at(-1)?.headers;
      await ask('on', good, { headers: forged });
      const kept = backend.seen.at(-1)?.headers;
      await ask('optional', null, { headers: forged });
      const none = backend.seen.at(-1)?.headers;
      await ask('free', null, { headers: forged });
      const free = backend.seen.at(-1)?.headers;

      assert.deepEqual(
        [passed?.['ssl-client-verify'], passed?.['ssl-client-subject-dn'], passed?.['ssl-client-issuer-dn']],
        ['SUCCESS', 'CN=ann', 'CN=our authority'],
      );
      assert.match(String(passed?.['ssl-client-cert']), /^-----BEGIN%20CERTIFICATE/u);
      assert.equal(kept?.['ssl-client-cert'], undefined);
      assert.deepEqual([none?.['ssl-client-verify'], none?.['ssl-client-subject-dn']], ['NONE', undefined]);
      assert.deepEqual(
        [free?.['ssl-client-verify'], free?.['ssl-client-subject-dn']],
        [undefined, undefined],
      );
      assert.equal(passed?.['x-forwarded-proto'], 'https');
    });

    it('tells an authentication service too', async () => {
      await ask('asking', good);

      assert.equal(auth.seen.at(-1)?.headers['ssl-client-subject-dn'], 'CN=ann');
    });

    it('cannot be got round by the name of another host in the handshake, or by none', async () => {
      const seenBefore = backend.seen.length;

      const other = await ask('on', null, { servername: 'free.example.com' });
      const none = await ask('on', null, { servername: '' });
      const unknown = await ask('on', null, { servername: 'unknown.example.org' });

      assert.deepEqual(
        [other, none, unknown].map(({ status }) => [400, 421].includes(status)),
        [true, true, true],
      );
      assert.equal(backend.seen.length, seenBefore);
    });

    it('cannot be got round over plain HTTP, but for challenges that a rule is for', async () => {
      const seenBefore = backend.seen.length;
      const statuses: number[] = [];
      for (const [host, path] of [
        ['on', '/'],
        ['plain-too', '/x?y'],
        ['no-tls', '/'],
        ['ann-only', '/'],
        ['on', '/.well-known/acme-challenge/x'],
        ['challenge', '/.well-known/acme-challenge/y'],
        ['challenge', '/x/../.well-known/acme-challenge/y'],
      ] as const) {
        statuses.push((await served.request({ host: `${host}.example.com`, path })).status);
      }

      assert.deepEqual(statuses, [308, 308, 403, 308, 308, 308, 308]);
      assert.equal(backend.seen.length, seenBefore);
      const challenge = await served.request({
        host: 'challenge.example.com',
        path: '/.well-known/acme-challenge/x',
      });
      assert.equal(challenge.status, 200);
    });

    it('answers a preflight only to those who may connect at all', async () => {
      assert.equal((await ask('cors', null, { method: 'OPTIONS' })).status, 400);
      assert.equal((await ask('cors', good, { method: 'OPTIONS' })).status, 204);
    });

    it('tells of annotations that do nothing alone', () => {
      assert.match(served.ingress('alone').reasons.join(), /has no effect without auth-tls-secret/u);
      assert.match(
        served.ingress('odd-verify').reasons.join(),
        /"yes" is not allowed: write one of on, off/u,
      );
    });
  });
}
