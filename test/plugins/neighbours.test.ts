import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { handshake, https, makePair, type Pair } from '../support/tls.ts';

type Annotations = Readonly<Record<string, string>>;

/** Of equally old Ingresses those of the namespace that comes last have the host. */
const own = 'own';
const strange = 'a-stranger';

function annotations(short: Annotations): { readonly annotations: Annotations } {
  return {
    annotations: Object.fromEntries(
      Object.entries(short).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]),
    ),
  };
}

/** The host of somebody, and what a stranger asks for with a path of it. */
const asked: Readonly<Record<string, Annotations>> = {
  certificates: { 'auth-tls-secret': `${strange}/none` },
  denying: { 'server-snippet': 'allow 1.2.3.4;\ndeny all;' },
  returning: { 'server-snippet': 'if ($arg_x) { return 200; }\nreturn 403;' },
  root: { 'app-root': '/zz' },
  ciphers: { 'ssl-ciphers': 'NULL-SHA256' },
};

for (const binary of nginxBinaries()) {
  describe(`neighbours of other namespaces on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let pages: Backend;
    let theirs: Pair;
    let served: Served;

    before(async () => {
      const app = await startBackend(suite, 'app', (request, response) => {
        response.writeHead(request.url === '/missing' ? 404 : 200);
        response.end('app');
      });
      const stranger = await startBackend(suite, 'stranger');
      pages = await startBackend(suite, 'pages', (_request, response) => {
        response.writeHead(404);
        response.end('page');
      });
      theirs = await makePair({ names: ['passed.example.com', 'guarded.example.com'] });
      const secure = await startBackend(suite, 'secure', undefined, { tls: theirs });
      const ownPair = await makePair({ names: ['ciphers.example.com'] });
      served = await serve(
        suite,
        binary,
        [
          ...Object.entries(asked).flatMap(([name, more]) => [
            ingress(name, {
              namespace: own,
              host: `${name}.example.com`,
              paths: [{ service: 'app' }],
              ...(name === 'ciphers' && { tls: [{ hosts: [`${name}.example.com`], secretName: 'pair' }] }),
            }),
            ingress(`${name}-beside`, {
              namespace: strange,
              host: `${name}.example.com`,
              paths: [{ path: '/zz', service: 'stranger' }],
              ...annotations(more),
            }),
          ]),
          tlsSecret('pair', ownPair, own),
          // Only its fallback is the global default backend's.
          ingress('sticky', {
            namespace: strange,
            host: 'sticky.example.com',
            paths: [{ path: '/foo', service: 'stranger' }],
            ...annotations({ affinity: 'cookie', 'session-cookie-name': 'session' }),
          }),
          ...['passed', 'guarded'].map((name) =>
            ingress(name, {
              namespace: own,
              host: `${name}.example.com`,
              paths: [{ service: 'secure' }],
              ...annotations({ 'ssl-passthrough': 'true' }),
            }),
          ),
          ingress('guarded-admin', {
            namespace: own,
            host: 'guarded.example.com',
            paths: [{ path: '/admin', service: 'app' }],
            ...annotations({ 'allowlist-source-range': '10.0.0.0/8' }),
          }),
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'options', namespace: 'default' },
            data: {
              'allow-snippet-annotations': 'true',
              'annotations-risk-level': 'Critical',
              'custom-http-errors': '404',
            },
          },
          ...serviceOn('app', [app.port], own),
          ...serviceOn('secure', [secure.port], own),
          ...serviceOn('stranger', [stranger.port], strange),
          ...serviceOn('pages', [pages.port]),
        ],
        {
          optionsConfigMap: 'default/options',
          defaultBackendService: 'default/pages',
          enableSslPassthrough: true,
        },
      );
    });

    for (const name of ['certificates', 'denying', 'returning']) {
      it(`close their own routes alone: ${name}`, async () => {
        const host = `${name}.example.com`;
        assert.equal((await served.request({ host })).body, 'app');
        assert.equal((await served.request({ host, path: '/zz' })).status, 503);
        assert.equal(served.ingress(name).state, 'served');
        assert.equal(served.ingress(`${name}-beside`).state, 'rejected');
      });
    }

    it('send nobody elsewhere', async () => {
      assert.equal((await served.request({ host: 'root.example.com' })).body, 'app');
      assert.equal((await served.request({ host: 'root.example.com', path: '/zz' })).status, 200);
      assert.match(
        served.ingress('root-beside').reasons.join('\n'),
        /has no effect on root\.example\.com, which belongs to Ingress\/own\/root/u,
      );
    });

    it('choose no ciphers', async () => {
      const found = await handshake({
        port: served.httpsPort,
        servername: 'ciphers.example.com',
        version: 'TLSv1.2',
      });
      assert.equal(found.protocol, 'TLSv1.2');
    });

    it('set no cookie on pages of errors that are not theirs', async () => {
      for (const [host, path] of [
        ['root.example.com', '/missing'],
        ['nobody.example.com', '/'],
      ] as const) {
        const { body, headers } = await served.request({ host, path });
        assert.deepEqual([body, headers['set-cookie']], ['page', undefined]);
      }
    });

    it('keep TLS of a host at the gateway where one of them protects a path', async () => {
      const port = served.httpsPort;
      assert.equal((await handshake({ port, servername: 'passed.example.com' })).serial, theirs.serial);
      const guarded = 'guarded.example.com';
      assert.notEqual((await handshake({ port, servername: guarded })).serial, theirs.serial);
      assert.equal((await https({ port, host: guarded, path: '/admin' })).status, 403);
      assert.match(
        served.ingress('guarded').reasons.join('\n'),
        /allowlist-source-range of .*guarded-admin/u,
      );
      assert.match(served.ingress('guarded-admin').reasons.join('\n'), /keeps TLS of guarded/u);
    });
  });
}
