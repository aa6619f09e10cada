import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import type { HttpAnswer } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

type Annotations = Readonly<Record<string, string>>;

const prefix = 'nginx.ingress.kubernetes.io';

const basic: Annotations = { 'auth-type': 'basic', 'auth-secret': 'users' };

/** nginx says 413 before it looks who asks, and a snippet says what it likes. */
function pagesOf(service: string | null, more: Annotations): Annotations {
  return {
    ...(service !== null && { 'default-backend': service }),
    'custom-http-errors': '404,413,418',
    'proxy-body-size': '1',
    ...more,
  };
}

/** Each would be asked for a page by somebody whom the route keeps out. */
const cases: Readonly<Record<string, { readonly annotations: Annotations; readonly path?: string }>> = {
  password: { annotations: pagesOf('app', basic) },
  list: { annotations: pagesOf('app', { 'allowlist-source-range': '10.0.0.0/8' }) },
  asked: { annotations: pagesOf('app', { 'auth-url': 'http://auth.default.svc/' }) },
  canary: { annotations: pagesOf('canary', basic) },
  elsewhere: { annotations: pagesOf('elsewhere', basic) },
  global: { annotations: pagesOf(null, basic) },
  returning: {
    annotations: pagesOf('app', { ...basic, 'configuration-snippet': 'if ($arg_bad) { return 418; }' }),
    path: '/?bad=1',
  },
  renaming: {
    annotations: pagesOf('app', { ...basic, 'configuration-snippet': 'if ($arg_bad) { return 404; }' }),
    path: '/?bad=1&action=delete',
  },
  'by-host': { annotations: pagesOf('app', {}) },
};

for (const binary of nginxBinaries()) {
  describe(`error pages of protected Services on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    const backends = new Map<string, Backend>();
    let served: Served;

    async function post(name: string, path = '/?action=delete'): Promise<HttpAnswer> {
      return await served.request({ host: `${name}.example.com`, path, method: 'POST', body: 'much' });
    }

    before(async () => {
      for (const name of ['app', 'canary', 'elsewhere', 'open', 'pages']) {
        backends.set(
          name,
          await startBackend(suite, name, (request, response) => {
            response.writeHead(request.url === '/missing' ? 404 : 200);
            response.end(name);
          }),
        );
      }
      const auth = await startBackend(suite, 'auth', (_request, response) => {
        response.writeHead(401);
        response.end();
      });
      served = await serve(
        suite,
        binary,
        [
          ...Object.entries(cases).map(([name, { annotations }]) => annotated(name, annotations)),
          annotated(
            'canary-2',
            { ...cases['canary']?.annotations, canary: 'true', 'canary-weight': '1' },
            'canary',
            {
              host: 'canary.example.com',
            },
          ),
          annotated('elsewhere-2', basic, 'elsewhere'),
          ingress('by-host-2', {
            host: 'by-host.example.com',
            paths: [{ path: '/beside', service: 'app' }],
            annotations: { [`${prefix}/server-snippet`]: 'deny all;' },
          }),
          annotated('told', pagesOf('pages', basic)),
          annotated('single-page', pagesOf('open', {}), 'open'),
          {
            apiVersion: 'v1',
            kind: 'Secret',
            metadata: { name: 'users', namespace: 'default' },
            stringData: { auth: 'ann:{PLAIN}secret' },
          },
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'options', namespace: 'default' },
            data: { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' },
          },
          ...[...backends].flatMap(([name, { port }]) => serviceOn(name, [port])),
          ...serviceOn('auth', [auth.port]),
        ],
        { optionsConfigMap: 'default/options', defaultBackendService: 'default/app' },
      );
    });

    for (const [name, { path }] of Object.entries(cases)) {
      it(`are not a way around ${name}`, async () => {
        const seen = [...backends.values()].map((backend) => backend.seen.length);

        const answer = await post(name, path);

        assert.ok([404, 413, 418].includes(answer.status), String(answer.status));
        assert.deepEqual(
          [...backends.values()].map((backend) => backend.seen.length),
          seen,
        );
        assert.match(served.ingress(name).reasons.join('\n'), /makes no error pages, .* is protected by/u);
      });
    }

    it('come from a Service that nothing protects, to everybody', async () => {
      const answer = await post('told');

      assert.deepEqual([answer.status, answer.body], [200, 'pages']);
      assert.equal(served.ingress('told').state, 'served');
    });

    it('come from the own Service where nothing protects it', async () => {
      const answer = await served.request({ host: 'single-page.example.com', path: '/missing' });

      assert.deepEqual([answer.status, answer.body], [200, 'open']);
      assert.equal(served.ingress('single-page').state, 'served');
    });
  });
}
