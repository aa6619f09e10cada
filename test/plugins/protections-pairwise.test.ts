import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

type Annotations = Readonly<Record<string, string>>;

/** Each keeps the client of this test out, by itself or because it cannot be built. */
const protections: Readonly<Record<string, Annotations>> = {
  allow: { 'allowlist-source-range': '10.0.0.0/8' },
  deny: { 'denylist-source-range': '127.0.0.1' },
  'allow-broken': { 'allowlist-source-range': '127.0.0.1, nobody' },
  basic: { 'auth-type': 'basic', 'auth-secret': 'users' },
  'basic-broken': { 'auth-type': 'basic', 'auth-secret': 'none' },
  asked: { 'auth-url': 'http://auth.default.svc/' },
  'asked-sign-in': { 'auth-url': 'http://auth.default.svc/', 'auth-signin': 'https://login.example.org/' },
  'asked-broken': { 'auth-url': 'http://none.default.svc/' },
  certificate: { 'auth-tls-secret': 'default/none' },
  limit: { 'limit-rps': 'many' },
  'limit-exempt': { 'limit-rps': '1', 'limit-allowlist': 'x' },
  any: {
    'allowlist-source-range': '10.0.0.0/8',
    'auth-type': 'basic',
    'auth-secret': 'users',
    'auth-url': 'http://auth.default.svc/',
    satisfy: 'any',
  },
};

/** Each changes where requests go or how they are answered. */
const features: Readonly<Record<string, Annotations>> = {
  plain: {},
  rewrite: { 'rewrite-target': '/new' },
  captures: { 'rewrite-target': '/new/$1' },
  regex: { 'use-regex': 'true' },
  cors: { 'enable-cors': 'true' },
  'app-root': { 'app-root': '/start' },
  https: { 'force-ssl-redirect': 'true' },
  moved: { 'permanent-redirect': 'https://example.org/' },
  temporal: { 'temporal-redirect': 'https://example.org/' },
  vhost: { 'upstream-vhost': 'example.org' },
  alias: { 'server-alias': 'alias.example.org' },
  sticky: { affinity: 'cookie' },
  hashed: { 'upstream-hash-by': '$request_uri' },
  grpc: { 'backend-protocol': 'GRPC' },
  buffered: { 'proxy-buffering': 'on', 'proxy-body-size': '0', 'proxy-request-buffering': 'off' },
  retried: { 'proxy-next-upstream': 'http_403 http_500 non_idempotent' },
  silent: { 'enable-access-log': 'false' },
  snippets: {
    'configuration-snippet':
      'allow all;\nadd_header X-A a;\nproxy_set_header X-B b;\nif ($arg_x) { set $y 1; }\nrewrite ^/x$ /start;',
    'server-snippet': 'location = /elsewhere { return 418; }\nmore_set_headers "X-C: c";',
    'auth-snippet': 'proxy_set_header X-D d;',
  },
  fastcgi: { 'backend-protocol': 'FCGI', 'fastcgi-index': 'index.php' },
  auto: { 'backend-protocol': 'AUTO_HTTP' },
  spare: { 'default-backend': 'app' },
  pages: { 'default-backend': 'pages', 'custom-http-errors': '400,401,403,404,429,500,502,503' },
  'own-pages': { 'default-backend': 'app', 'custom-http-errors': '400,401,403,404,429,500,502,503' },
};

const options = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'options', namespace: 'default' },
  data: { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' },
};

const requests: readonly { readonly path: string; readonly method: string }[] = [
  { path: '/', method: 'GET' },
  { path: '/start', method: 'GET' },
  { path: '/_cng/x', method: 'GET' },
  { path: '//x/../new', method: 'HEAD' },
  { path: '/x', method: 'POST' },
  { path: '/x', method: 'OPTIONS' },
];

for (const binary of nginxBinaries()) {
  describe(`protections beside other features on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      const pages = await startBackend(suite, 'pages');
      const auth = await startBackend(suite, 'auth', (_request, response) => {
        response.writeHead(401);
        response.end();
      });
      const users = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'users', namespace: 'default' },
        stringData: { auth: 'ann:{PLAIN}secret' },
      };
      const objects = [
        ...Object.entries(protections).flatMap(([protection, asked]) =>
          Object.entries(features).map(([feature, more]) =>
            annotated(
              `${protection}-${feature}`,
              { ...more, ...asked },
              // The stand-in is for a Service without endpoints.
              feature === 'spare' ? 'none' : 'app',
            ),
          ),
        ),
        annotated('open', {}),
        options,
        users,
        ...serviceOn('app', [backend.port]),
        ...serviceOn('auth', [auth.port]),
        ...serviceOn('pages', [pages.port]),
      ];
      served = await serve(suite, binary, objects, { optionsConfigMap: 'default/options' });
    });

    for (const protection of Object.keys(protections)) {
      it(`${protection} lets nothing through to a backend`, async () => {
        const seenBefore = backend.seen.length;
        for (const feature of Object.keys(features)) {
          for (const { path, method } of requests) {
            const host = `${protection}-${feature}.example.com`;
            const headers = { origin: 'https://example.org' };

            const { status } = await served.request({ host, path, method, headers });

            const isPreflight = method === 'OPTIONS' && feature === 'cors' && status === 204;
            assert.ok(status >= 300 || isPreflight, `${method} ${host}${path}: ${status}`);
          }
        }

        assert.equal(backend.seen.length, seenBefore);
      });
    }

    it('is tried on a gateway that serves what is open', async () => {
      assert.equal((await served.request({ host: 'open.example.com' })).status, 200);
    });
  });
}
