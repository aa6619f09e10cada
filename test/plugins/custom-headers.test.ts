import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

function configMap(name: string, data: Readonly<Record<string, string>>, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

/** ConfigMaps that keep the routes of who names them closed. */
const closing: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  forbidden: { 'X-Other': 'x' },
  name: { 'X-Bad;Name': 'x' },
  value: { 'X-Frame-Options': 'a\nb' },
};

for (const binary of nginxBinaries()) {
  describe(`headers of answers from nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app', (request, response) => {
        response.setHeader('X-Frame-Options', 'of the backend');
        response.setHeader('Strict-Transport-Security', 'of the backend');
        response.statusCode = request.url === '/error' ? 500 : 200;
        response.end('{}');
      });
      served = await serve(
        suite,
        binary,
        [
          annotated('good', { 'custom-headers': 'default/headers' }),
          annotated('grpc', { 'custom-headers': 'default/headers', 'backend-protocol': 'GRPC' }),
          annotated('no-backend', { 'custom-headers': 'default/headers' }, 'none'),
          annotated('missing', { 'custom-headers': 'default/none' }),
          annotated('bare', { 'custom-headers': 'headers' }),
          annotated('elsewhere', { 'custom-headers': 'other/headers' }),
          ...Object.keys(closing).map((name) => annotated(name, { 'custom-headers': `default/${name}` })),
          ...Object.entries(closing).map(([name, data]) => configMap(name, data)),
          configMap('headers', { 'X-Frame-Options': 'DENY', 'X-Cost': '"$5"; \\ $host' }),
          configMap('headers', { 'X-Cost': 'x' }, 'other'),
          configMap('options', { 'global-allowed-response-headers': 'X-Frame-Options, x-cost' }, 'gateway'),
          ...serviceOn('app', [backend.port]),
        ],
        { optionsConfigMap: 'gateway/options' },
      );
    });

    for (const path of ['/', '/error']) {
      it(`replace those of the backend, word for word, at ${path}`, async () => {
        const answer = await served.request({ host: 'good.example.com', path });

        assert.equal(answer.headers['x-frame-options'], 'DENY');
        assert.equal(answer.headers['x-cost'], '"$5"; \\ $host');
        assert.equal(answer.headers['strict-transport-security'], undefined);
      });
    }

    it('are there where the gateway answers itself', async () => {
      const answer = await served.request({ host: 'no-backend.example.com' });

      assert.equal(answer.status, 503);
      assert.equal(answer.headers['x-frame-options'], 'DENY');
    });

    it('close the routes where they cannot be read', async () => {
      for (const name of ['missing', 'bare', 'elsewhere', ...Object.keys(closing)]) {
        assert.equal((await served.request({ host: `${name}.example.com` })).status, 503, name);
        assert.match(served.ingress(name).reasons.join(), /custom-headers"\]: .*503/u);
      }
    });
  });
}
