import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeLoad, lostOf, startLoad, type LoadCount } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import {
  applied,
  eventually,
  onEveryNginx,
  startGateway,
  type GatewayOptions,
  type RunningGateway,
} from '../support/gateway.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { endNginxWith, isRunning, nginxOf } from '../support/nginx-processes.ts';
import { ingress, serviceOn } from '../support/objects.ts';

const host = 'stay.example';
/** How long the master of nginx is stopped, in milliseconds. */
const stopMs = 10_000;

async function serving(
  t: TestContext,
  nginx: NginxBinary,
  more: Partial<GatewayOptions> = {},
): Promise<RunningGateway> {
  const backend = await startLoadBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'web.yaml': [
        ...serviceOn('web', [backend.port]),
        ingress('web', { host, paths: [{ service: 'web' }] }),
      ],
    },
    ...more,
  });
  endNginxWith(t, gateway);
  return gateway;
}

async function kill(gateway: RunningGateway): Promise<void> {
  const exit = once(gateway.process, 'exit');
  gateway.process.kill('SIGKILL');
  await exit;
}

function other(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] });
}

async function addHost(gateway: RunningGateway, name: string): Promise<void> {
  await applied(gateway, async () => {
    await gateway.write(`${name}.yaml`, other(name));
  });
  assert.equal((await gateway.get(`${name}.example`)).status, 200);
}

/** For how long nobody was answered: it depends on the machine, so it is told and not asserted. */
function outage({ longestGapMs }: LoadCount): string {
  return `nobody was answered for ${(longestGapMs / 1000).toFixed(1)} s`;
}

function said(gateway: RunningGateway, message: string): readonly object[] {
  return gateway.log.filter((line) => line.message === message);
}

/** Waits until a gateway that took over an nginx has had its own first pass: it is ready before. */
async function live(gateway: RunningGateway): Promise<void> {
  await eventually('a generation of its own', async () => {
    return ((await gateway.debug('/debug/generations')) as object[]).length > 0;
  });
}

describe('what ends, comes back', { concurrency: 2 }, () => {
  onEveryNginx(
    'kill -9 of the gateway costs nothing, and the next one takes over without a reload',
    async (t, nginx) => {
      const first = await serving(t, nginx);
      const load = startLoad(t, { port: first.httpPort, host, clients: 8, restMs: () => 5, keepAlive: true });
      const before = await nginxOf(first);
      const generation = await first.debug('/debug/generations');
      await kill(first);
      const asked = load.rounds();
      await eventually('clients are served without a gateway', () => load.rounds() > asked + 20);
      const second = await startGateway(t, { nginx, after: first });
      await live(second);
      assert.deepEqual(await nginxOf(second), before, 'the same master and the same workers: no reload');
      assert.deepEqual(
        ((await second.debug('/debug/generations')) as { generation: string }[]).map((one) => one.generation),
        (generation as { generation: string }[]).map((one) => one.generation),
      );
      assert.doesNotMatch(await second.metrics(), /^cloud_native_gateway_reloads_total\{[^}]*\} [1-9]/mu);
      const count = await load.stop();
      t.diagnostic(`kill -9 of the gateway and a new one: ${describeLoad(count)}`);
      assert.equal(lostOf(count), 0);
      await addHost(second, 'later');
      assert.equal((await nginxOf(second)).master, before.master, 'a change reloads the adopted nginx');
    },
  );

  onEveryNginx(
    'a gateway killed in the middle of a change leaves one that the next can finish',
    async (t, nginx) => {
      let gateway = await serving(t, nginx);
      const load = startLoad(t, {
        port: gateway.httpPort,
        host,
        clients: 8,
        restMs: () => 5,
        keepAlive: false,
      });
      for (const [round, pauseMs] of [0, 60, 150].entries()) {
        await gateway.write(`change-${round}.yaml`, other(`change-${round}`));
        await eventually('the change is noticed', async () => {
          const page = await gateway.metrics();
          return (
            !/^cloud_native_gateway_change_pending_seconds 0$/mu.test(page) ||
            said(gateway, 'A generation is live').length > 1
          );
        });
        // Each time at another moment of the pass: before the test, after it, while the reload is proved.
        await sleep(pauseMs);
        await kill(gateway);
        gateway = await startGateway(t, { nginx, after: gateway });
        await live(gateway);
        assert.equal((await gateway.get(`change-${round}.example`)).status, 200);
      }
      const count = await load.stop();
      t.diagnostic(`kill -9 of the gateway during three changes: ${describeLoad(count)}`);
      assert.equal(lostOf(count), 0);
    },
  );

  onEveryNginx('kill -9 of the nginx master: a new nginx takes over from its workers', async (t, nginx) => {
    const gateway = await serving(t, nginx);
    const load = startLoad(t, {
      port: gateway.httpPort,
      host,
      clients: 8,
      restMs: () => 5,
      keepAlive: false,
    });
    const { master } = await nginxOf(gateway);
    assert.ok(master !== null);
    process.kill(master, 'SIGKILL');
    await eventually('another master runs', async () => {
      const now = await nginxOf(gateway);
      return now.master !== null && now.master !== master;
    });
    await eventually('it is live', () => said(gateway, 'A generation is live').length === 2);
    const count = await load.stop();
    t.diagnostic(`kill -9 of the nginx master: ${describeLoad(count)}; ${outage(count)}`);
    assert.equal(count.cut + count.unanswered + count.refused.size, 0);
    await addHost(gateway, 'after');
  });

  onEveryNginx('kill -9 of all of nginx: it is started again', async (t, nginx) => {
    const gateway = await serving(t, nginx);
    const load = startLoad(t, {
      port: gateway.httpPort,
      host,
      clients: 8,
      restMs: () => 5,
      keepAlive: false,
    });
    await eventually('clients are served', () => load.rounds() > 5);
    const { master, workers } = await nginxOf(gateway);
    assert.ok(master !== null && workers.length === 2);
    for (const pid of [master, ...workers]) {
      process.kill(pid, 'SIGKILL');
    }
    await eventually('requests are answered again', async () => {
      return (await gateway.get(host).catch(() => null))?.status === 200;
    });
    await eventually('it is live', () => said(gateway, 'A generation is live').length === 2);
    const count = await load.stop();
    t.diagnostic(`kill -9 of all of nginx: ${describeLoad(count)}; ${outage(count)}`);
    assert.equal((await gateway.health('/ready')).status, 200);
    await addHost(gateway, 'after');
  });

  onEveryNginx(
    'a stopped master costs no request, and the change comes when it continues',
    async (t, nginx) => {
      const gateway = await serving(t, nginx);
      const { master } = await nginxOf(gateway);
      assert.ok(master !== null);
      const load = startLoad(t, {
        port: gateway.httpPort,
        host,
        clients: 8,
        restMs: () => 5,
        keepAlive: true,
      });
      process.kill(master, 'SIGSTOP');
      const stopped = sleep(stopMs);
      await gateway.write('late.yaml', other('late'));
      await eventually('the change has been tried twice', () => {
        return said(gateway, 'The configuration could not be applied; what is served stays').length >= 2;
      });
      const [failure] = said(gateway, 'The configuration could not be applied; what is served stays') as {
        fault: { kind: string; message: string };
      }[];
      assert.equal(failure?.fault.kind, 'environment');
      assert.match(
        failure.fault.message,
        new RegExp(`master ${master} is stopped; continue it with SIGCONT`, 'u'),
      );
      assert.equal((await gateway.health('/ready')).status, 200, 'what is served is served');
      assert.match(await gateway.metrics(), /^cloud_native_gateway_last_attempt_successful 0$/mu);
      await stopped;
      assert.equal((await gateway.health('/healthz')).status, 200, 'the loop is not stuck');
      const count = await load.stop();
      t.diagnostic(`SIGSTOP of the nginx master during a change: ${describeLoad(count)}`);
      assert.equal(lostOf(count), 0);
      process.kill(master, 'SIGCONT');
      await eventually(
        'the change is served',
        async () => (await gateway.get('late.example')).status === 200,
      );
      assert.equal((await nginxOf(gateway)).master, master);
    },
  );

  onEveryNginx('a stale pid file and stale sockets harm nobody', async (t, nginx) => {
    const first = await serving(t, nginx);
    const { master, workers } = await nginxOf(first);
    await kill(first);
    for (const pid of [master, ...workers]) {
      assert.ok(pid !== null);
      process.kill(pid, 'SIGKILL');
    }
    const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
    t.after(() => {
      bystander.kill('SIGKILL');
    });
    const run = path.join(first.stateDir, 'run');
    await writeFile(path.join(run, 'nginx.pid'), `${bystander.pid}\n`);
    assert.ok(
      (await lstat(path.join(run, 'private.sock'))).isSocket(),
      'a killed nginx leaves its socket behind',
    );
    const second = await startGateway(t, { nginx, after: first });
    assert.equal((await second.get(host)).status, 200);
    assert.equal(
      await isRunning(bystander.pid ?? 0),
      true,
      'whoever has the number of the stale pid file lives',
    );
    assert.equal(bystander.exitCode, null);
    assert.equal(Number(await readFile(path.join(run, 'nginx.pid'), 'utf8')), (await nginxOf(second)).master);
    await addHost(second, 'after');
  });

  onEveryNginx(
    'a start with a configuration that cannot be tested serves the verified one',
    async (t, nginx) => {
      const first = await serving(t, nginx);
      const folder = path.dirname(first.configFile);
      assert.equal(await first.stop(), 0);
      const broken = path.join(folder, 'no-tests');
      const wrapper = path.join(folder, 'nginx-without-test');
      await writeFile(broken, '');
      await writeFile(
        wrapper,
        `#!/bin/sh\ncase " $* " in *" -t "*) if [ -e ${broken} ]; then echo "out of luck" >&2; exit 3; fi ;; esac\n` +
          `exec ${nginx.path} "$@"\n`,
        { mode: 0o755 },
      );
      await writeFile(path.join(first.manifests, 'new.yaml'), JSON.stringify(other('new')));
      const second = await startGateway(t, {
        nginx: { ...nginx, path: wrapper },
        after: first,
        unready: true,
      });
      endNginxWith(t, second);
      await eventually('the verified configuration is served', async () => {
        return (await second.get(host).catch(() => null))?.status === 200;
      });
      assert.equal((await second.get('new.example')).status, 404);
      assert.equal((await second.health('/ready')).status, 503, 'it is not what the manifests say');
      await rm(broken);
      await eventually(
        'the new configuration is served',
        async () => (await second.get('new.example')).status === 200,
      );
      await eventually('ready', async () => (await second.health('/ready')).status === 200);
    },
  );

  onEveryNginx('a restart without objects is a complete start', async (t, nginx) => {
    const first = await serving(t, nginx);
    assert.equal(await first.stop(), 0);
    await rm(path.join(first.manifests, 'web.yaml'));
    const second = await startGateway(t, { nginx, after: first });
    const answer = await second.get(host);
    assert.deepEqual([answer.status, answer.body], [404, '{"error":"route not found"}']);
  });
});
