import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceOn } from '../support/objects.ts';

interface Generation {
  readonly number: number;
  readonly generation: string;
  readonly outcome: string;
}

async function generations(gateway: RunningGateway): Promise<readonly Generation[]> {
  return (await gateway.debug('/debug/generations')) as readonly Generation[];
}

/** Reloads and starts of nginx so far, from the metrics. */
async function reloads(gateway: RunningGateway): Promise<number> {
  const page = await gateway.metrics();
  const counts = [...page.matchAll(/^cloud_native_gateway_reloads_total\{[^}]*\} (\d+)$/gmu)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** How often the cluster has been translated. */
async function builds(gateway: RunningGateway): Promise<number> {
  const count = /^cloud_native_gateway_stage_duration_seconds_count\{[^}]*stage="translate"[^}]*\} (\d+)$/mu;
  return Number(count.exec(await gateway.metrics())?.[1] ?? Number.NaN);
}

/** How long a change has been waiting; 0 when none waits. */
async function pendingSeconds(gateway: RunningGateway): Promise<number> {
  const page = await gateway.metrics();
  return Number(/^cloud_native_gateway_change_pending_seconds (\S+)$/mu.exec(page)?.[1] ?? Number.NaN);
}

/** A change that reloads, behind changes that must not: when it is live the others have been taken in. */
async function settle(gateway: RunningGateway, host: string): Promise<void> {
  await applied(gateway, async () => {
    await gateway.write('marker.yaml', ingress('marker', { host, paths: [{ service: 'web' }] }));
  });
}

onEveryNginx('bursts and empty edits cost few reloads', async (t, nginx) => {
  const backend = await startBackend(t, 'web');
  const web = serviceOn('web', [backend.port]);
  const shop = ingress('shop', { host: 'shop.example', paths: [{ service: 'web' }] });
  const gateway = await startGateway(t, {
    nginx,
    manifests: { 'web.yaml': web, 'shop.yaml': shop },
  });

  await t.test('100 edits make few reloads, and the last one is served', async () => {
    const before = await reloads(gateway);
    const began = performance.now();
    for (let edit = 1; edit <= 100; edit += 1) {
      await gateway.write(
        'burst.yaml',
        ingress('burst', { host: `burst-${edit}.example`, paths: [{ service: 'web' }] }),
      );
      await sleep(60);
    }
    const seconds = (performance.now() - began) / 1000;
    await eventually('the last edit is live', async () => {
      return (await gateway.debugText('/debug/config')).body.includes('burst-100.example');
    });
    assert.equal((await gateway.get('burst-100.example')).status, 200);
    assert.equal((await gateway.get('burst-99.example')).status, 404);
    const made = (await reloads(gateway)) - before;
    t.diagnostic(`100 edits in ${seconds.toFixed(1)} s: ${made} reloads`);
    // The longest wait in a burst is 5 s or ten passes: a pass per second would be far too many.
    assert.ok(made >= 1 && made <= 3 + seconds / 2, `${made} reloads in ${seconds} s`);
    const passes = (await generations(gateway)).filter(
      ({ outcome }) => outcome === 'live' || outcome === 'superseded',
    );
    assert.equal(passes.length, made + before, 'every reload is listed');
  });

  await t.test('edits that change nothing in nginx.conf reload nothing', async () => {
    await settle(gateway, 'marker-1.example');
    const before = await reloads(gateway);
    const built = await builds(gateway);
    const live = (await generations(gateway)).find(({ outcome }) => outcome === 'live');
    for (let again = 0; again < 5; again += 1) {
      await gateway.write('shop.yaml', shop);
    }
    const now = new Date();
    await utimes(path.join(gateway.manifests, 'shop.yaml'), now, now);
    await gateway.write('web.yaml', web.toReversed());
    const labelled = structuredClone(shop) as { metadata: { labels?: object; annotations?: object } };
    labelled.metadata.labels = { team: 'web', tier: 'front' };
    labelled.metadata.annotations = { 'example.com/note': 'none of our business' };
    await gateway.write('shop.yaml', labelled);
    await gateway.write('note.yaml', '# only a comment\n');
    await gateway.write('copy.yaml', shop);
    await gateway.write('crd.yaml', {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w' },
    });
    await eventually('a pass has taken the labels in', async () => {
      return (await builds(gateway)) > built && (await pendingSeconds(gateway)) === 0;
    });
    assert.equal(await reloads(gateway), before);
    assert.deepEqual(
      (await generations(gateway)).find(({ outcome }) => outcome === 'live'),
      live,
    );
    assert.equal((await gateway.get('shop.example')).status, 200);
    await settle(gateway, 'marker-2.example');
    assert.equal(await reloads(gateway), before + 1, 'only the change that needs one has reloaded');
  });
});
