import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseExposition } from '../observe/exposition.ts';
import { startBackend } from '../support/backend.ts';
import { eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { figure, sumOf } from '../support/metrics-page.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { makePair } from '../support/tls.ts';

const docs = await readFile(path.resolve(import.meta.dirname, '../../docs/metrics.md'), 'utf8');

onEveryNginx(
  'the page of metrics has what docs/metrics.md lists, of nginx and of what it serves',
  async (t, nginx) => {
    const [one, two] = [await startBackend(t, 'one'), await startBackend(t, 'two')];
    const gateway = await startGateway(t, {
      nginx,
      manifests: {
        'all.yaml': [
          ...serviceOn('web', [one.port, two.port]),
          tlsSecret('pair', await makePair({ names: ['secure.example', '*.wild.example'] })),
          ingress('web', {
            host: 'secure.example',
            paths: [{ service: 'web' }],
            tls: [{ hosts: ['secure.example'], secretName: 'pair' }],
          }),
          ingress('wild', {
            host: '*.wild.example',
            paths: [{ service: 'web' }],
            tls: [{ hosts: ['*.wild.example'], secretName: 'pair' }],
          }),
        ],
      },
    });
    await gateway.get('secure.example');
    let page = '';
    await eventually('the request is counted', async () => {
      page = await gateway.metrics();
      return sumOf(page, 'http_requests_total', { ingress: 'web' }) === 1;
    });
    const samples = parseExposition(page);
    const families = [...page.matchAll(/^# TYPE (\S+)/gmu)].map((match) => match[1] ?? '');
    const undocumented = families.filter(
      (name) => !/^(?:process|nodejs)_/u.test(name) && !docs.includes(`\`${name}\``),
    );
    assert.deepEqual(undocumented, []);
    const expiry = samples.filter(({ name }) => name === 'nginx_ingress_controller_ssl_expire_time_seconds');
    assert.deepEqual(expiry.map(({ labels }) => labels['host'] ?? '').sort(), [
      '*.wild.example',
      'secure.example',
    ]);
    for (const { labels, value } of expiry) {
      assert.equal(labels['secret_name'], 'pair');
      assert.equal(labels['namespace'], 'default');
      assert.ok(value > Date.now() / 1000);
    }
    assert.equal(sumOf(page, 'nginx_ingress_controller_ssl_certificate_info'), 2);
    assert.equal(
      sumOf(page, 'cloud_native_gateway_upstream_endpoints', { namespace: 'default', service: 'web' }),
      2,
    );
    assert.equal(sumOf(page, 'cloud_native_gateway_facts_dropped'), 0);
    assert.ok(sumOf(page, 'cloud_native_gateway_nginx_connections', { state: 'active' }) >= 1);
    assert.ok(figure(page, 'cloud_native_gateway_nginx_requests_total') >= 1);
    for (const [name, state] of [
      ['connections', 'writing'],
      ['connections_total', 'handled'],
    ] as const) {
      assert.ok(sumOf(page, `nginx_ingress_controller_nginx_process_${name}`, { state }) >= 1, name);
    }
  },
);
