import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { describeLoad, lostOf, startLoad, type Load } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { startDownload, startUpload, startWebsocket } from '../support/load-long.ts';
import { applied, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceOn } from '../support/objects.ts';

const host = 'load.example';
const edits = 16;

/** Whether clients that keep a connection may lose a request: only `keepalive_min_timeout` (1.27.4) prevents it. */
function mayResetIdle(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major < 1 || (major === 1 && (minor < 27 || (minor === 27 && patch < 4)));
}

/** An edit that changes nginx.conf and leaves the host of the load as it is. */
async function edit(gateway: RunningGateway, number: number): Promise<void> {
  await applied(gateway, async () => {
    await gateway.write(
      'other.yaml',
      ingress('other', { host: `other-${number}.example`, paths: [{ service: 'web' }] }),
    );
  });
}

async function stopAll(loads: Readonly<Record<string, Load>>, t: TestContext): Promise<number> {
  let lost = 0;
  for (const [name, load] of Object.entries(loads)) {
    const count = await load.stop();
    t.diagnostic(`${name}: ${describeLoad(count)}`);
    assert.ok(count.answered > 0, `${name} was answered at least once`);
    lost += lostOf(count);
  }
  return lost;
}

onEveryNginx(`${edits} reloads under load lose nothing that they need not`, async (t, nginx) => {
  const backend = await startLoadBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx,
    // Longer than the test: what is under way at the first reload must outlive the last.
    config: { nginx: { worker_shutdown_timeout: 60 } },
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      'load.yaml': ingress('load', { host, paths: [{ service: 'web' }] }),
    },
  });
  const target = { port: gateway.httpPort, host };
  const upload = startUpload(t, target);
  const download = startDownload(t, target, backend);
  const websocket = await startWebsocket(t, target);
  const single = {
    'one connection for each request': startLoad(t, {
      ...target,
      clients: 8,
      restMs: () => 10,
      keepAlive: false,
    }),
    'slow answers, one connection for each': startLoad(t, {
      ...target,
      path: '/slow?700',
      clients: 16,
      restMs: () => 0,
      keepAlive: false,
    }),
  };
  const kept = {
    'keep-alive, a request now and then': startLoad(t, {
      ...target,
      clients: 150,
      restMs: (client) => 20 + client * 3,
      keepAlive: true,
    }),
    'keep-alive, one request behind the other': startLoad(t, {
      ...target,
      clients: 8,
      restMs: () => 0,
      keepAlive: true,
    }),
    'keep-alive, slow answers': startLoad(t, {
      ...target,
      path: '/slow?500',
      clients: 16,
      restMs: () => 5,
      keepAlive: true,
    }),
  };
  for (let number = 1; number <= edits; number += 1) {
    await edit(gateway, number);
  }
  assert.equal(await stopAll(single, t), 0, 'no request with a connection of its own is ever lost');
  const lost = await stopAll(kept, t);
  if (!mayResetIdle(nginx.version)) {
    assert.equal(lost, 0, 'no request of a keep-alive client is lost');
  }
  for (const { count } of Object.values(kept)) {
    const { cut, unanswered, lostFresh, refused } = count;
    assert.deepEqual(
      { cut, unanswered, lostFresh, refused: [...refused] },
      { cut: 0, unanswered: 0, lostFresh: 0, refused: [] },
    );
  }
  const slow = [single['slow answers, one connection for each'], kept['keep-alive, slow answers']];
  const slowAnswers = slow.reduce((sum, { count }) => sum + count.answered, 0);
  // What an old nginx resets it has never read: the client may send it again.
  assert.equal(backend.asked('/slow'), slowAnswers, 'whatever reached the backend was answered');
  for (const [name, long] of Object.entries({ upload, download, websocket })) {
    const { pieces } = await long.finish();
    t.diagnostic(`${name}: ${pieces} pieces, all of them arrived`);
  }
});
