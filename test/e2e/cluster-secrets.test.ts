import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, type TestContext } from 'node:test';
import { inCluster, openCluster, serviceAt, type Cluster } from '../support/cluster-gateway.ts';
import { eventually, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { ingress, serviceObject, sliceOf, tlsSecret } from '../support/objects.ts';
import { everythingSaid, holdsNoSecret, piecesOf } from '../support/secret-scan.ts';
import { handshake, https, makePair, type Pair } from '../support/tls.ts';

const host = 'secure.example';
const own = 'cloud-native-gateway.io';
/** As many again while something else changes all the time. */
const rotations = 4;
/** Planted where the owner of an Ingress wrote it himself. */
const ownPassword = 'corr3ct-b4ttery-staple';
/** Planted where no key belongs: in values that are refused. */
const planted = 'hunter2-Tr0ub4dor-and-3-correct-horse';

function secure(name: string, secretName = name): object {
  return ingress(name, {
    host: `${name}.example`,
    paths: [{ service: 'web' }],
    tls: [{ hosts: [`${name}.example`], secretName }],
  });
}

function opaque(name: string, data: Readonly<Record<string, string>>): object {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    data: Object.fromEntries(encoded),
  };
}

async function shown(gateway: RunningGateway): Promise<string> {
  return (await handshake({ port: gateway.httpsPort, servername: host })).serial;
}

async function start(
  t: TestContext,
  nginx: Parameters<Cluster['start']>[0]['nginx'],
  address: string,
  objects: readonly object[],
): Promise<{ cluster: Cluster; gateway: RunningGateway }> {
  const backend = await startLoadBackend(t, 'web', address);
  const cluster = await openCluster(t, [...serviceAt('web', backend.port), ...objects]);
  const config = {
    kubernetes: { publish_status_address: ['203.0.113.7'] },
    nginx: { worker_shutdown_timeout: 2 },
  };
  return { cluster, gateway: await cluster.start({ nginx, pod: 'a', config }) };
}

/** What a PEM key looks like in all the forms in which somebody may have put it somewhere. */
function formsOf({ key }: Pair): string[] {
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  // Its first bytes say what sort of key it is: they are no secret, and are in the tables of the program.
  const secret = der.subarray(-40);
  return [...piecesOf(key), secret.toString('hex'), secret.toString('base64').slice(2, 40)];
}

describe('Secrets', { concurrency: true }, () => {
  inCluster('a rotated certificate is on the wire, and costs no request', async (t, nginx, address) => {
    const first = await makePair({ names: [host] });
    const { cluster, gateway } = await start(t, nginx, address, [
      tlsSecret('secure', first),
      secure('secure'),
      ingress('plain', { host: 'plain.example', paths: [{ service: 'web' }] }),
      serviceObject('busy', 'other'),
      ingress('busy', { namespace: 'other', host: 'busy.example', paths: [{ service: 'busy' }] }),
    ]);
    assert.equal(await shown(gateway), first.serial);
    const load = startLoad(t, {
      port: gateway.httpPort,
      host: 'plain.example',
      clients: 4,
      restMs: () => 20,
      keepAlive: false,
    });
    const times: number[] = [];
    let churn: NodeJS.Timeout | null = null;
    t.after(() => clearInterval(churn ?? undefined));
    for (let rotation = 0; rotation < 2 * rotations; rotation += 1) {
      if (rotation === rotations) {
        // Somebody else's endpoints never rest.
        let edits = 0;
        churn = setInterval(() => {
          edits += 1;
          const endpoint = { addresses: [`10.9.0.${edits % 250}`], conditions: { ready: true } };
          cluster.api.put(sliceOf('busy', 'busy', [endpoint], [{ name: 'http', port: 80 }], 'other'));
        }, 300);
      }
      const next = await makePair({ names: [host] });
      const since = performance.now();
      cluster.api.put(tlsSecret('secure', next));
      await eventually('the new serial', async () => (await shown(gateway)) === next.serial);
      times.push(performance.now() - since);
      assert.equal((await https({ port: gateway.httpsPort, host })).status, 200);
      // Old workers show the old one until they end; then no connection can get it any more.
      await eventually('only the new serial', async () => {
        const serials = await Promise.all(Array.from({ length: 8 }, async () => await shown(gateway)));
        return serials.every((serial) => serial === next.serial);
      });
    }
    clearInterval(churn ?? undefined);
    for (const [when, some] of [
      ['', times.slice(0, rotations)],
      [' while other endpoints change every 300 ms', times.slice(rotations)],
    ] as const) {
      const sorted = some.map((ms) => Math.round(ms)).toSorted((one, other) => one - other);
      t.diagnostic(
        `a rotated certificate on the wire${when}: median ${sorted[rotations / 2]} ms (${sorted.join(', ')})`,
      );
    }
    const count = await load.stop();
    t.diagnostic(`${times.length} rotations: ${describeLoad(count)}`);
    assert.equal(lostOf(count), 0);

    const folder = path.join(gateway.stateDir, 'certificates');
    const { mode } = await stat(folder);
    assert.equal(mode & 0o7777, 0o2770, 'the folder is setgid, and closed to others');
    const files = await readdir(folder);
    assert.ok(files.length > 0);
    for (const file of files) {
      assert.equal((await stat(path.join(folder, file))).mode & 0o777, 0o640, file);
    }
  });

  inCluster('nothing secret in logs, Events, status, metrics and debug pages', async (t, nginx, address) => {
    const names = ['odd-0', 'odd-1', 'odd-2', 'odd-3', 'odd-4', 'odd-5', 'good'];
    const pairs = await Promise.all(
      names.map(async (name) => await makePair({ names: [`${name}.example`] })),
    );
    const [one, two, three, four, five, six, good] = pairs as [Pair, Pair, Pair, Pair, Pair, Pair, Pair];
    const encrypted = createPrivateKey(four.key)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: planted })
      .toString();
    const { cluster, gateway } = await start(t, nginx, address, [
      ...names.map((name) => secure(name)),
      tlsSecret('good', good),
      // Swapped, of another pair, cut, encrypted, with rubbish around, and where a certificate should be.
      tlsSecret('odd-0', { cert: one.key, key: one.cert }),
      tlsSecret('odd-1', { cert: two.cert, key: one.key }),
      tlsSecret('odd-2', { cert: three.cert, key: three.key.slice(0, -40) }),
      tlsSecret('odd-3', { cert: four.cert, key: encrypted }),
      tlsSecret('odd-4', { cert: `${five.cert}${planted}`, key: `${planted}\n${five.key}\n}; ${planted}` }),
      tlsSecret('odd-5', { cert: `${six.cert}\n${six.key}`, key: '' }),
      ingress('guarded', {
        host: 'guarded.example',
        paths: [{ service: 'web' }],
        annotations: { [`${own}/auth-type`]: 'basic', [`${own}/auth-secret`]: 'users' },
      }),
      opaque('users', { auth: `user:{PLAIN}${planted}\nbroken ${planted}\n` }),
      ingress('client', {
        host: 'client.example',
        paths: [{ service: 'web' }],
        tls: [{ hosts: ['client.example'], secretName: 'good' }],
        annotations: { [`${own}/auth-tls-secret`]: 'default/authority' },
      }),
      ...[`http://u:${ownPassword}@127.0.0.1:1/`, `http://${'u'.repeat(60)}:${ownPassword}@127.0.0.1:1/`].map(
        (url, index) =>
          ingress(`careless-${index}`, {
            host: `careless-${index}.example`,
            paths: [{ service: 'web' }],
            annotations: { [`${own}/auth-url`]: url },
          }),
      ),
      opaque('authority', { 'ca.crt': `${planted}\n${one.key}` }),
    ]);
    // In the middle of its life too, when there is a last good form of everything.
    cluster.api.put(
      opaque('users', { auth: planted }),
      tlsSecret('good', { cert: good.cert, key: two.key }),
      ingress('later', { host: 'later.example', paths: [{ service: 'web' }] }),
    );
    await eventually('it goes on', async () => (await gateway.get('later.example')).status === 200);
    await eventually('Events are written', () => cluster.events().length >= 8);
    assert.equal((await gateway.get('guarded.example')).status >= 400, true);

    const said = {
      ...(await everythingSaid(gateway)),
      Events: JSON.stringify(cluster.api.objects.list('v1/events')),
      Ingresses: JSON.stringify(cluster.api.objects.list('networking.k8s.io/v1/ingresses')),
    };
    const encoded = Buffer.from(planted).toString('base64').slice(0, 40);
    const secrets = [...pairs.flatMap(formsOf), planted, encoded];
    holdsNoSecret(said, secrets);
    assert.match(
      String(gateway.log.map((line) => JSON.stringify(line))),
      /careless-0.*auth-url.*\[redacted\]/u,
    );
    holdsNoSecret({ ...said, Ingresses: 'have it' }, [ownPassword, ownPassword.slice(0, 12)]);
    assert.equal(await gateway.stop(), 0);
    const memory = await readFile(path.join(gateway.stateDir, 'events.json'), 'utf8');
    holdsNoSecret({ 'the memory of Events': memory }, secrets);
    for (const leak of [good.key, Buffer.from(one.key).toString('base64'), `x${planted}`]) {
      assert.throws(() => holdsNoSecret({ leak }, secrets), 'the scan would see it');
    }
  });
});
