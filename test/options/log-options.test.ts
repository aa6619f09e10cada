import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { eventually } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

/** Names of ingress-nginx, each in brackets. */
const format = ['namespace', 'ingress_name', 'service_name', 'service_port', 'location_path']
  .concat(['proxy_upstream_name', 'proxy_alternative_upstream_name'])
  .map((name) => `${name}=$${name};`)
  .join(' ');

for (const binary of nginxBinaries()) {
  describe(`where nginx ${binary.version} logs, and who sees its figures`, () => {
    const suite = endedWithSuite();
    const received: string[] = [];
    let served: Served;

    before(async () => {
      const collector = createSocket('udp4', (message) => received.push(message.toString()));
      suite.after(() => {
        collector.close();
      });
      collector.bind(0, '127.0.0.1');
      await once(collector, 'listening');
      const app = await startBackend(suite, 'app');
      const data = {
        'log-format-upstream': format,
        'enable-syslog': 'true',
        'syslog-host': '127.0.0.1',
        'syslog-port': String(collector.address().port),
        'access-log-path': '/dev/stdout',
        'access-log-params': 'buffer=4k flush=1s',
        'error-log-path': '/dev/stdout',
        'nginx-status-ipv4-whitelist': '127.0.0.1',
        'nginx-status-ipv6-whitelist': '::1',
        'enable-aio-write': 'true',
        'enable-auth-access-log': 'true',
      };
      served = await serve(
        suite,
        binary,
        [
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'gateway' }, data },
          annotated('app', {}),
          annotated('next', { canary: 'true', 'canary-by-header': 'x-next' }, 'next', {
            host: 'app.example.com',
          }),
          annotated('asked', { 'auth-url': 'http://app.default.svc/question' }),
          ...serviceOn('app', [app.port]),
          ...serviceOn('next', [app.port]),
        ],
        { optionsConfigMap: 'gateway/options' },
      );
    });

    /** The line of a request, once the collector has it. */
    async function lineWith(text: string): Promise<string> {
      const deadline = performance.now() + 30_000;
      while (performance.now() < deadline) {
        const line = received.find((each) => each.includes(text));
        if (line !== undefined) {
          return line;
        }
        await sleep(20);
      }
      throw new Error(`no line with ${text} among ${received.join('\n')}`);
    }

    it('sends requests to a collector, with the variables of ingress-nginx', async () => {
      await served.request({ host: 'app.example.com' });
      const line = await lineWith('ingress_name=app;');

      assert.match(
        line,
        /namespace=default; ingress_name=app; service_name=app; service_port=80; location_path=\/; proxy_upstream_name=default-app-80; proxy_alternative_upstream_name=;/u,
      );
    });

    it('sends questions to authentication services, too', async () => {
      await served.request({ host: 'asked.example.com' });
      await eventually(
        'the question and the request',
        () => received.filter((each) => each.includes('ingress_name=asked;')).length === 2,
      );
    });

    it('tells which canary took a request', async () => {
      await served.request({ host: 'app.example.com', headers: { 'x-next': 'always' } });

      assert.match(
        await lineWith('alternative_upstream_name=default_next'),
        /proxy_alternative_upstream_name=default_next_80;/u,
      );
    });

    it('leaves them empty where no location sets them, without a word in the error log', async () => {
      await served.request({ host: 'nobody.example.com' });

      assert.match(await lineWith('ingress_name=;'), /namespace=; ingress_name=; service_name=;/u);
      assert.doesNotMatch(await served.errorLog(), /uninitialized/u);
    });

    it('shows the figures of nginx to the addresses of the lists, on the catch-all host', async () => {
      const figures = await served.request({ host: 'nobody.example.com', path: '/nginx_status' });

      assert.equal(figures.status, 200);
      assert.match(figures.body, /^Active connections: /u);
      assert.match(served.text, /allow 127\.0\.0\.1;\n *allow ::1;\n *deny all;/u);
      const host = 'app.example.com';
      assert.match((await served.request({ host, path: '/nginx_status' })).body, /"backend":"app"/u);
    });

    it('takes all of the options', () => {
      const told = served.verdicts.filter(({ kind }) => kind === 'ConfigMap');
      assert.deepEqual(
        told.flatMap(({ reasons }) => reasons),
        [],
      );
      assert.match(served.text, /access_log \/dev\/stdout gateway "buffer=4k" "flush=1s";/u);
      assert.match(served.text, /\nerror_log stderr notice;/u);
      assert.match(served.text, /aio threads;\n *aio_write on;/u);
    });
  });
}
