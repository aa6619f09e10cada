import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { startLoadBackend, type LoadBackend } from '../support/load-backend.ts';
import { eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { isRunning, nginxOf } from '../support/nginx-processes.ts';
import { ingress, serviceOn } from '../support/objects.ts';

const host = 'life.example';

async function serving(
  t: TestContext,
  nginx: NginxBinary,
): Promise<{ gateway: RunningGateway; backend: LoadBackend }> {
  const backend = await startLoadBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx,
    config: { nginx: { worker_shutdown_timeout: 20 } },
    manifests: {
      'web.yaml': [
        ...serviceOn('web', [backend.port]),
        ingress('web', { host, paths: [{ service: 'web' }] }),
      ],
    },
  });
  return { gateway, backend };
}

/** Whether somebody listens on a port of 127.0.0.1. */
async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function exitOf(gateway: RunningGateway): Promise<number | null> {
  if (gateway.process.exitCode === null && gateway.process.signalCode === null) {
    await once(gateway.process, 'exit');
  }
  return gateway.process.exitCode;
}

/** Sends the signal while a request is under way; everything must end in good order. */
async function drains(t: TestContext, nginx: NginxBinary, signal: NodeJS.Signals): Promise<void> {
  const { gateway, backend } = await serving(t, nginx);
  const { master, workers } = await nginxOf(gateway);
  assert.ok(master !== null && workers.length > 0);
  const underWay = gateway.get(host, '/slow?3000');
  await eventually('the request is under way', () => backend.asked('/slow') === 1);
  gateway.process.kill(signal);
  await eventually('nginx takes no connection any more', async () => !(await accepts(gateway.httpPort)));
  assert.equal(gateway.process.exitCode, null, 'the gateway stays as long as nginx carries a request');
  const ready = await gateway.health('/ready');
  assert.equal(ready.status, 503);
  assert.match(ready.body, /shutting down/);
  assert.equal((await gateway.health('/healthz')).status, 200);
  assert.deepEqual(await underWay.then(({ status, body }) => ({ status, body })), {
    status: 200,
    body: 'web',
  });
  assert.equal(await exitOf(gateway), 0);
  assert.equal(gateway.log.at(-1)?.message, 'Ended');
  for (const pid of [master, ...workers]) {
    assert.equal(await isRunning(pid), false, `nginx ${pid} is gone`);
  }
}

describe('ends of the running program', { concurrency: 2 }, () => {
  onEveryNginx('SIGTERM lets requests under way end', async (t, nginx) => {
    await drains(t, nginx, 'SIGTERM');
  });

  onEveryNginx('SIGINT does the same', async (t, nginx) => {
    await drains(t, nginx, 'SIGINT');
  });

  onEveryNginx('whoever signals twice does not wait for requests under way', async (t, nginx) => {
    const { gateway, backend } = await serving(t, nginx);
    const { master, workers } = await nginxOf(gateway);
    // Longer than the test waits for anything.
    const underWay = gateway.get(host, '/slow?60000').then(
      () => 'answered',
      () => 'cut',
    );
    await eventually('the request is under way', () => backend.asked('/slow') === 1);
    gateway.process.kill('SIGTERM');
    await eventually('it drains', () => gateway.log.some(({ message }) => message === 'Ending'));
    gateway.process.kill('SIGINT');
    assert.equal(await exitOf(gateway), 0);
    assert.equal(await underWay, 'cut');
    for (const pid of [master, ...workers]) {
      assert.equal(await isRunning(pid ?? 0), false, `nginx ${pid} is gone`);
    }
  });

  onEveryNginx('SIGTERM in the middle of a change ends in good order', async (t, nginx) => {
    const { gateway } = await serving(t, nginx);
    const { master } = await nginxOf(gateway);
    await gateway.write('more.yaml', ingress('more', { host: 'more.example', paths: [{ service: 'web' }] }));
    await eventually(
      'a worker of the change answers',
      async () => (await gateway.get('more.example')).status === 200,
    );
    assert.equal(await gateway.stop(), 0);
    assert.equal(await isRunning(master ?? 0), false);
  });

  onEveryNginx('SIGTERM right after the start ends it, with nginx or without', async (t, nginx) => {
    const gateway = await startGateway(t, { nginx, unready: true, manifests: { 'none.yaml': '' } });
    await eventually('the program has begun', () =>
      gateway.log.some(({ message }) => message === 'Starting'),
    );
    assert.equal(await gateway.stop(), 0);
    assert.equal((await nginxOf(gateway)).master, null);
  });

  test('an earlier signal ends it too', async (t) => {
    // Before the program has its handlers the signal itself ends it; what must not be is a process that stays.
    const [nginx] = nginxBinaries();
    assert.ok(nginx);
    const gateway = await startGateway(t, { nginx, unready: true });
    gateway.process.kill('SIGTERM');
    await exitOf(gateway);
    assert.equal((await nginxOf(gateway)).master, null);
  });
});
