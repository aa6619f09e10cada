import assert from 'node:assert/strict';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { applied, eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { endpointSlices, ingress, serviceObject } from '../support/objects.ts';

const host = 'switch.example';
const keptClients = 60;

onEveryNginx('a switch of all endpoints loses nothing', async (t, nginx) => {
  const backends = new Map<string, Awaited<ReturnType<typeof startLoadBackend>>>();
  for (const name of ['one', 'two', 'three']) {
    backends.set(name, await startLoadBackend(t, name));
  }
  function backend(name: string): Awaited<ReturnType<typeof startLoadBackend>> {
    const found = backends.get(name);
    assert.ok(found);
    return found;
  }
  const gateway = await startGateway(t, {
    nginx,
    config: { nginx: { worker_shutdown_timeout: 60 } },
    manifests: {
      'web.yaml': [serviceObject('web'), ingress('web', { host, paths: [{ service: 'web' }] })],
      'slices.yaml': endpointSlices('web', [backend('one').port]),
    },
  });
  async function switchTo(name: string): Promise<void> {
    await applied(gateway, async () => {
      await gateway.write('slices.yaml', endpointSlices('web', [backend(name).port]));
    });
    const answers = await Promise.all(Array.from({ length: 20 }, async () => (await gateway.get(host)).body));
    assert.deepEqual(new Set(answers), new Set([name]), 'fresh connections reach the new endpoint alone');
  }

  const target = { port: gateway.httpPort, host };
  const quick = startLoad(t, { ...target, clients: 8, restMs: () => 10, keepAlive: false });
  const slow = startLoad(t, { ...target, path: '/slow?400', clients: 16, restMs: () => 0, keepAlive: false });
  const kept = startLoad(t, {
    ...target,
    clients: keptClients,
    restMs: (client) => 20 + client * 8,
    keepAlive: true,
  });
  for (const name of ['two', 'one', 'two']) {
    await switchTo(name);
  }
  // A kept connection may bring one more request to a worker of before, and so to the endpoint of before.
  const asked = kept.rounds();
  await eventually('every kept connection is a new one', () => kept.rounds() >= asked + 2);
  await backend('one').retire();
  const lostBefore = { ...kept.count, refused: new Map(kept.count.refused) };
  assert.equal(
    lostOf(lostBefore),
    lostBefore.resetIdle,
    'an endpoint that stays for that long costs no request',
  );

  // One that ends at once costs the kept connections at most one request each, and fresh connections none.
  await switchTo('three');
  await backend('two').retire();
  const then = kept.rounds();
  await eventually('every kept connection is a new one', () => kept.rounds() >= then + 2);
  for (const [name, load] of Object.entries({ quick, slow, kept })) {
    t.diagnostic(`${name}: ${describeLoad(await load.stop())}`);
  }
  assert.equal(lostOf(quick.count), 0);
  assert.equal(lostOf(slow.count), 0);
  const { refused, cut, unanswered, lostFresh } = kept.count;
  assert.deepEqual(
    [...refused.keys()].filter((status) => status !== 502),
    [],
  );
  assert.ok((refused.get(502) ?? 0) <= keptClients);
  assert.deepEqual({ cut, unanswered, lostFresh }, { cut: 0, unanswered: 0, lostFresh: 0 });
});
