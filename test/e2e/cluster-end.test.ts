import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe } from 'node:test';
import { promisify } from 'node:util';
import { balance, isReady } from '../support/balance.ts';
import { startBackend, type Echo } from '../support/backend.ts';
import { inCluster, openCluster, serviceAt, sliceAt } from '../support/cluster-gateway.ts';
import { eventually, type RunningGateway } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { shellScript } from '../support/nginx-instance.ts';
import { ingress } from '../support/objects.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { startTcpFront } from '../support/tcp-front.ts';

const host = 'stay.example';

/** Far longer than what happens in it takes. */
const nginxWithGrace = { shutdown_grace_period: 15, worker_shutdown_timeout: 20 };

/** What answers a fresh connection: the name of a backend, a status, or the code of an error. */
async function answerOf(gateway: RunningGateway): Promise<string> {
  try {
    const { status, body } = await gateway.get(host);
    return status === 200 ? (JSON.parse(body) as Echo).backend : String(status);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Processes below this one that only wait. */
function waitersOf(pid: number | undefined): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.filter((child) => child !== '' && nameOf(child) === 'sleep');
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // It has ended since it was listed.
    return '';
  }
}

describe('the end', { concurrency: true }, () => {
  inCluster('the end comes in order, and what is in flight completes', async (t, nginx, address) => {
    const release: (() => void)[] = [];
    const slow = await startBackend(
      t,
      'slow',
      (_, response) => {
        release.push(() => response.end());
      },
      { address },
    );
    const one = await startBackend(t, 'one', undefined, { address });
    const two = await startBackend(t, 'two', undefined, { address });
    const cluster = await openCluster(t, [
      ...serviceAt('web', one.port),
      ...serviceAt('slow', slow.port),
      ingress('web', { host, paths: [{ service: 'web' }, { service: 'slow', path: '/slow' }] }),
    ]);
    const gateway = await cluster.start({ nginx, pod: 'a', config: { nginx: nginxWithGrace } });
    await eventually('it leads', () => cluster.leaseHolder() === 'a');
    const inFlight = http({ port: gateway.httpPort, host, path: '/slow', timeoutMs: 60_000 });
    await eventually('a request is in flight', () => release.length === 1);

    const exit = new Promise((resolve) => {
      gateway.process.once('exit', resolve);
    });
    gateway.process.kill('SIGTERM');
    await eventually('it is unready', async () => !(await isReady(gateway)));
    assert.match((await gateway.health('/ready')).body, /shutting down/u);
    assert.equal((await gateway.health('/healthz')).status, 200, 'a probe must not end it now');
    assert.equal(await answerOf(gateway), 'one', 'new connections are still served');
    cluster.api.put(sliceAt('web', two.port));
    await eventually('endpoints are followed', async () => (await answerOf(gateway)) === 'two');
    assert.equal(cluster.leaseHolder(), 'a', 'it still leads');

    await eventually('nginx takes no connection', async () => (await answerOf(gateway)) === 'ECONNREFUSED');
    assert.equal(gateway.process.exitCode, null, 'it waits for what is in flight');
    release[0]?.();
    assert.equal((await inFlight).status, 200);
    assert.equal(await exit, 0);
    assert.equal(cluster.leaseHolder(), '', 'the Lease is given up');
    const order = ['Ending', 'nginx ended', 'Ended'];
    assert.deepEqual(
      gateway.log.map(({ message }) => message).filter((message) => order.includes(message)),
      order,
    );
  });

  inCluster('a pass that does not end keeps neither nginx nor the Lease', async (t, nginx, address) => {
    const backend = await startBackend(t, 'web', undefined, { address });
    const cluster = await openCluster(t, [
      ...serviceAt('web', backend.port),
      ingress('web', { host, paths: [{ service: 'web' }] }),
    ]);
    const folder = await temporaryDirectory(t);
    const stuck = path.join(folder, 'stuck');
    // nginx itself, which waits for ever where a test of it is asked for.
    const binary = await shellScript(
      folder,
      'nginx',
      `if [ "$1" = -t ] && [ -e ${stuck} ]; then exec sleep 600; fi\nexec ${nginx.path} "$@"`,
    );
    const gateway = await cluster.start({
      nginx: { ...nginx, path: binary },
      pod: 'a',
      config: { nginx: { worker_shutdown_timeout: 5 } },
      env: { CNG_DEADLINE_FACTOR: '0.2' },
    });
    await eventually('it leads', () => cluster.leaseHolder() === 'a');
    // What nginx has put in the place of its log freezes nobody.
    const log = path.join(gateway.stateDir, 'logs', 'error.log');
    await rm(log);
    await promisify(execFile)('mkfifo', [log]);
    writeFileSync(stuck, '');
    cluster.api.put(ingress('other', { host: 'other.example', paths: [{ service: 'web' }] }));
    await eventually('a test is under way', () => waitersOf(gateway.process.pid).length > 0);
    assert.equal((await gateway.health('/healthz')).status, 200);
    const exit = new Promise((resolve) => {
      gateway.process.once('exit', resolve);
    });
    gateway.process.kill('SIGTERM');
    assert.equal(await exit, 74);
    const ending = gateway.log.map(({ message }) => message);
    assert.ok(ending.includes('What is under way does not end; nginx and the Lease are ended without it'));
    assert.ok(ending.includes('nginx ended'));
    assert.equal(cluster.leaseHolder(), '', 'the Lease is given up');
    assert.equal(await answerOf(gateway), 'ECONNREFUSED');
  });

  inCluster(
    'one replica is replaced by the next under load, and nothing is lost',
    async (t, nginx, address) => {
      const backend = await startLoadBackend(t, 'web', address);
      const cluster = await openCluster(t, [
        ...serviceAt('web', backend.port),
        ingress('web', { host, paths: [{ service: 'web' }] }),
      ]);
      const front = await startTcpFront(t);
      const { gateways } = balance(t, front);
      const first = await cluster.start({ nginx, pod: 'pod-0', config: { nginx: nginxWithGrace } });
      gateways.add(first);
      await eventually('it is led to', () => front.targets.length === 1);

      const to = { port: front.port, host };
      const fresh = startLoad(t, { ...to, clients: 8, restMs: (client) => 20 + client, keepAlive: false });
      // Those that keep a connection are cut off by an nginx that has no keepalive_min_timeout.
      const keepsAlive = Number(nginx.version.split('.')[1]) >= 29;
      const kept = keepsAlive
        ? startLoad(t, { ...to, clients: 8, restMs: (client) => 20 + client, keepAlive: true })
        : null;
      const next = await cluster.start({ nginx, pod: 'pod-1' });
      gateways.add(next);
      await eventually('both are led to', () => front.targets.length === 2);
      const rounds = fresh.rounds();
      await eventually('both are asked', () => fresh.rounds() >= rounds + 10);
      const exit = new Promise((resolve) => {
        first.process.once('exit', resolve);
      });
      first.process.kill('SIGTERM');
      await eventually('the old one is not led to', () => {
        return front.targets.length === 1 && front.targets[0] === next.httpPort;
      });
      assert.equal(await exit, 0);
      const after = fresh.rounds();
      await eventually('the new one alone serves', () => fresh.rounds() >= after + 10);
      const [one, two] = [await fresh.stop(), await kept?.stop()];
      t.diagnostic(`replaced, fresh connections: ${describeLoad(one)}`);
      assert.equal(lostOf(one), 0);
      if (two !== undefined) {
        t.diagnostic(`replaced, kept connections: ${describeLoad(two)}`);
        assert.equal(lostOf(two), 0);
      }
      assert.equal(front.refused, 0);
    },
  );
});
