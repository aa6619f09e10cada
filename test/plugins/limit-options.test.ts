import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const options = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'options', namespace: 'default' },
  data: {
    'whitelist-source-range': '10.0.0.0/8',
    'denylist-source-range': '10.9.0.0/16',
    'limit-req-status-code': '429',
    'limit-conn-status-code': '430',
    'retry-non-idempotent': 'true',
    'proxy-buffer-size': '16k',
    'proxy-busy-buffers-size': '32k',
    'proxy-max-temp-file-size': '16k',
    'no-auth-locations': '/open',
  },
};

for (const binary of nginxBinaries()) {
  describe(`the defaults of limits come from the global options: nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const app = await startBackend(suite, 'app');
      const local = { 'allowlist-source-range': '127.0.0.1' };
      served = await serve(
        suite,
        binary,
        [
          annotated('plain', {}),
          annotated('own', local),
          annotated('own-deny', { 'denylist-source-range': '192.0.2.0/24' }),
          annotated('limited', { ...local, 'limit-rpm': '1', 'limit-burst-multiplier': '0' }),
          annotated('retried', { ...local, 'proxy-next-upstream': 'http_502' }),
          annotated('larger', { ...local, 'proxy-buffer-size': '64k' }),
          annotated('fewer', { ...local, 'proxy-buffers-number': '2' }),
          annotated('guarded', { ...local, 'auth-type': 'basic', 'auth-secret': 'none' }, 'app', {
            paths: [{ service: 'app' }, { path: '/open', service: 'app' }],
          }),
          options,
          ...serviceOn('app', [app.port]),
        ],
        { optionsConfigMap: 'default/options' },
      );
    });

    const cases: readonly [string, string, number][] = [
      ['plain', '/', 403],
      ['own', '/', 200],
      ['own-deny', '/', 403],
      ['limited', '/', 200],
      ['limited', '/', 429],
      ['larger', '/', 200],
      ['fewer', '/', 200],
      ['guarded', '/', 503],
      ['guarded', '/open', 200],
      ['guarded', '/openly', 503],
    ];
    for (const [name, path, status] of cases) {
      it(`${name} answers ${status} to ${path}`, async () => {
        assert.equal((await served.request({ host: `${name}.example.com`, path })).status, status);
      });
    }

    it('keep to what nginx accepts together with an annotation', () => {
      assert.match(served.text, /proxy_buffers 4 64k;[^}]*proxy_busy_buffers_size 64k;/u);
      assert.match(served.text, /proxy_buffers 4 64k;[^}]*proxy_max_temp_file_size 64k;/u);
      assert.match(served.text, /proxy_buffers 2 16k;[^}]*proxy_busy_buffers_size 16k;/u);
      assert.match(served.text, /proxy_next_upstream http_502 non_idempotent;/u);
      assert.match(served.text, /limit_conn_status 430;/u);
    });
  });
}
