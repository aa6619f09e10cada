import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inCluster, metricOf, openCluster, serviceAt } from '../support/cluster-gateway.ts';
import { eventually, type LogLine, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { nginxOf } from '../support/nginx-processes.ts';
import { ingress, tlsSecret } from '../support/objects.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { handshake, makePair } from '../support/tls.ts';

const host = 'stay.example';
const dayMs = 86_400_000;
const clock = pathToFileURL(path.resolve(import.meta.dirname, '../support/moved-clock.ts')).href;

function web(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] });
}

/** When the gateway believes to be, in milliseconds since the epoch. */
function timeOf(gateway: RunningGateway): number {
  const line: LogLine | undefined = gateway.log.at(-1);
  return Date.parse(String(line?.['time']));
}

async function expiryTold(gateway: RunningGateway): Promise<boolean> {
  const all = (await gateway.debug('/debug/objects?kind=Secret&name=pair')) as {
    reasons: { message: string }[];
  }[];
  return (all[0]?.reasons ?? []).some(({ message }) => /expired/u.test(message));
}

inCluster('a clock that jumps by years changes dates, and nothing else', async (t, nginx, address) => {
  const backend = await startLoadBackend(t, 'web', address);
  const pair = await makePair({ names: ['secure.example'], days: 200 });
  const cluster = await openCluster(t, [
    ...serviceAt('web', backend.port),
    web('stay'),
    tlsSecret('pair', pair),
    ingress('secure', {
      host: 'secure.example',
      paths: [{ service: 'web' }],
      tls: [{ hosts: ['secure.example'], secretName: 'pair' }],
    }),
  ]);
  const folder = await temporaryDirectory(t);
  const file = path.join(folder, 'offset');
  async function move(milliseconds: number): Promise<void> {
    await writeFile(`${file}.new`, String(milliseconds));
    await rename(`${file}.new`, file);
  }

  await move(0);
  const gateway = await cluster.start({
    nginx,
    pod: 'a',
    config: { kubernetes: { publish_status_address: ['203.0.113.7'], election_ttl: 4 } },
    env: { NODE_OPTIONS: `--import ${clock}`, TEST_CLOCK_OFFSET: file },
  });
  await eventually('it leads and has written', () => cluster.statusOf('stay') === '203.0.113.7');
  const { master } = await nginxOf(gateway);
  const load = startLoad(t, { port: gateway.httpPort, host, clients: 6, restMs: () => 10, keepAlive: false });
  const said = gateway.log.length;

  for (const [name, offset, isExpired] of [
    ['ahead', 365 * dayMs, true],
    ['back', -365 * dayMs, false],
    ['home', 0, false],
  ] as const) {
    await move(offset);
    await eventually(`certificates are judged by the new date (${name})`, async () => {
      return (await expiryTold(gateway)) === isExpired;
    });
    cluster.api.put(web(name));
    await eventually(`changes go on (${name})`, async () => {
      return (await gateway.get(`${name}.example`)).status === 200;
    });
    await eventually('the program has the moved clock', () => {
      return Math.abs(timeOf(gateway) - Date.now() - offset) < dayMs;
    });
    await eventually('the new one gets its address', () => cluster.statusOf(name) === '203.0.113.7');
    assert.equal((await gateway.health('/ready')).status, 200);
    assert.equal((await gateway.health('/healthz')).status, 200);
    assert.equal(await metricOf(gateway, 'source_stale_seconds'), 0);
    assert.equal(await metricOf(gateway, 'change_pending_seconds'), 0);
    // What has expired is served: clients decide.
    const { serial } = await handshake({ port: gateway.httpsPort, servername: 'secure.example' });
    assert.equal(serial, pair.serial);
  }

  assert.equal(cluster.leaseHolder(), 'a');
  assert.deepEqual(
    gateway.log.slice(said).filter(({ message }) => /leads no more|not followed|could not/u.test(message)),
    [],
    'neither the Lease nor a watch was lost',
  );
  assert.equal((await nginxOf(gateway)).master, master);
  const count = await load.stop();
  t.diagnostic(`the clock a year ahead, a year back, and home: ${describeLoad(count)}`);
  assert.equal(lostOf(count), 0);
});
