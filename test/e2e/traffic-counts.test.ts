import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { endNginxWith } from '../support/nginx-processes.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { figure, sumOf } from '../support/metrics-page.ts';

const host = 'counted.example';
/** Every line of the log names it: so a megabyte, at which it is put aside, is soon full. */
const longPath = `/${'long/'.repeat(300)}`;

async function rotations(gateway: RunningGateway): Promise<number> {
  return figure(await gateway.metrics(), 'cloud_native_gateway_traffic_log_rotations_total');
}

onEveryNginx(
  'each request is counted once, over reloads, rotations and a killed gateway',
  async (t, nginx) => {
    const backend = await startLoadBackend(t, 'web');
    const options = {
      nginx,
      config: { metrics: { log_size: 1 } },
      manifests: {
        'web.yaml': [
          ...serviceOn('web', [backend.port]),
          ingress('web', { host, paths: [{ path: longPath, service: 'web' }] }),
        ],
      },
    };
    const first = await startGateway(t, options);
    endNginxWith(t, first);
    const load = startLoad(t, {
      port: first.httpPort,
      host,
      path: longPath,
      clients: 8,
      keepAlive: true,
      restMs: () => 0,
    });
    for (const name of ['one', 'two']) {
      await applied(first, async () => {
        await first.write(
          `${name}.yaml`,
          ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] }),
        );
      });
    }
    await eventually('a rotation', async () => (await rotations(first)) > 0);
    const exit = once(first.process, 'exit');
    first.process.kill('SIGKILL');
    await exit;
    const away = load.count.answered;
    await eventually('requests without a gateway', () => load.count.answered > away + 100);
    const second = await startGateway(t, { ...options, after: first });
    await eventually('another rotation', async () => (await rotations(second)) > 0);
    await applied(second, async () => {
      await second.write(
        'three.yaml',
        ingress('three', { host: 'three.example', paths: [{ service: 'web' }] }),
      );
    });

    const count = await load.stop();

    t.diagnostic(describeLoad(count));
    let page = '';
    await eventually('all of them on the page', async () => {
      page = await second.metrics();
      return sumOf(page, 'http_requests_total', { ingress: 'web', status: '200' }) >= count.answered;
    }).catch(() => undefined);
    assert.equal(sumOf(page, 'http_requests_total', { ingress: 'web', status: '200' }), count.answered);
    assert.equal(
      sumOf(page, 'nginx_ingress_controller_requests', { ingress: 'web', status: '200' }),
      count.answered,
    );
    assert.equal(sumOf(page, 'http_request_duration_seconds_count', { endpoint: longPath }), count.answered);
    assert.equal(figure(page, 'cloud_native_gateway_traffic_malformed_lines_total'), 0);
    assert.equal(figure(page, 'cloud_native_gateway_traffic_log_gaps_total'), 0);
    const folder = path.join(second.stateDir, 'traffic');
    await eventually('nothing but the log is left', async () => (await readdir(folder)).length === 1);
  },
);
