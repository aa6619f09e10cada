import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { endNginxWith } from '../support/nginx-processes.ts';
import { ingress, serviceOn } from '../support/objects.ts';

const run = promisify(execFile);

/** Runs a test on a small disk of its own, or skips it where we may not mount one. */
async function onSmallDisk(
  t: TestContext,
  work: (t: TestContext, disk: string) => Promise<void>,
): Promise<void> {
  const disk = await mkdtemp('/tmp/cng-disk-');
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]);
  } catch {
    await rmdir(disk);
    t.skip('no disk can be mounted');
    return;
  }
  // What the test has started ends with the inner one, before its disk is gone.
  await t.test('on a small disk', async (inner) => await work(inner, disk));
  await run('umount', ['-l', disk]);
  await rmdir(disk);
}

/** Writes until there is no room left. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (const size of [65_536, 4096, 1]) {
      while (
        await handle.write(Buffer.alloc(size)).then(
          () => true,
          () => false,
        )
      ) {
        // Goes on until it fails.
      }
    }
  } finally {
    await handle.close();
  }
}

async function kill(gateway: RunningGateway): Promise<void> {
  const exit = once(gateway.process, 'exit');
  gateway.process.kill('SIGKILL');
  await exit;
}

function site(name: string): object {
  return ingress(name, { host: `${name}.test`, paths: [{ service: 'web' }] });
}

onEveryNginx('a restart on a full disk serves on, and goes on when there is room', async (outer, nginx) => {
  await onSmallDisk(outer, async (t, disk) => {
    const web = await startLoadBackend(t, 'web');
    const config = { nginx: { state_dir: path.join(disk, 'state') } };
    const first = await startGateway(t, {
      nginx,
      config,
      manifests: { 'web.yaml': serviceOn('web', [web.port]), 'one.yaml': site('one') },
    });
    endNginxWith(t, first);
    const load = startLoad(t, {
      port: first.httpPort,
      host: 'one.test',
      clients: 2,
      restMs: () => 20,
      keepAlive: false,
    });
    await kill(first);
    await fill(path.join(disk, 'fill'));
    const second = await startGateway(t, { nginx, config, after: first });
    assert.match((await second.health('/ready')).body, /"stale":"[^"]*cannot be written/u);
    assert.equal((await second.health('/healthz')).status, 200);
    await second.write('two.yaml', site('two'));
    await rm(path.join(disk, 'fill'));
    await eventually('two is live', async () => (await second.get('two.test')).status === 200);

    await kill(second);
    await fill(path.join(disk, 'fill'));
    const last = await startGateway(t, { nginx, config, after: first });
    const count = await load.stop();
    t.diagnostic(describeLoad(count));
    assert.equal(lostOf(count), 0);
    assert.equal(await last.stop(), 0, 'the end does not wait for room');
    await rm(path.join(disk, 'fill'));
  });
});

onEveryNginx('a first start on a full disk says what to do', async (outer, nginx) => {
  await onSmallDisk(outer, async (t, disk) => {
    await fill(path.join(disk, 'fill'));
    const config = { nginx: { state_dir: path.join(disk, 'state') } };
    const gateway = await startGateway(t, { nginx, config, unready: true });
    await eventually('it ends', () => gateway.process.exitCode !== null);
    assert.equal(gateway.process.exitCode, 74);
  });
});
