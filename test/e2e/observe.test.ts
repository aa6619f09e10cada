import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { makePair } from '../support/tls.ts';

interface Verdict {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

interface Generation {
  readonly number: number;
  readonly generation: string;
  readonly outcome: string;
  readonly reasons: readonly string[];
  readonly seconds: Readonly<Record<string, number>>;
  readonly objectsChanged: readonly string[];
}

/** The value of one series, by its whole name with labels. */
async function metric(gateway: RunningGateway, series: string): Promise<number> {
  const line = (await gateway.metrics()).split('\n').find((each) => each.startsWith(`${series} `));
  assert.ok(line !== undefined, `there is no series ${series}`);
  return Number(line.slice(series.length + 1));
}

async function editConfig(
  gateway: RunningGateway,
  edit: (config: Record<string, unknown>) => object,
): Promise<void> {
  const config = JSON.parse(await readFile(gateway.configFile, 'utf8')) as Record<string, unknown>;
  await writeFile(`${gateway.configFile}.new`, JSON.stringify(edit(config)));
  await rename(`${gateway.configFile}.new`, gateway.configFile);
}

onEveryNginx('what the gateway tells about itself', async (t, nginx) => {
  const backend = await startBackend(t, 'app');
  const pair = await makePair({ names: ['shop.test'] });
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': serviceOn('app', [backend.port]),
      'secrets.json': tlsSecret('shop-tls', pair),
      'shop.json': ingress('shop', {
        host: 'shop.test',
        tls: [{ hosts: ['shop.test'], secretName: 'shop-tls' }],
        paths: [{ path: '/cart', service: 'app' }],
      }),
      'guest.json': ingress('guest', {
        host: 'shop.test',
        paths: [
          { path: '/guest', service: 'app' },
          { path: '/cart', service: 'app' },
        ],
      }),
      'ignored.json': ingress('ignored', {
        host: 'ignored.test',
        className: 'other',
        paths: [{ service: 'app' }],
      }),
      'broken.json': ingress('broken', { host: 'not a host', paths: [{ service: 'app' }] }),
    },
  });

  await t.test('/healthz and /ready say so in JSON', async () => {
    const [healthy, ready] = [await gateway.health('/healthz'), await gateway.health('/ready')];
    assert.deepEqual([healthy.status, JSON.parse(healthy.body)], [200, { status: 'healthy' }]);
    assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { status: 'ready' }]);
    assert.match(healthy.headers['content-type'] ?? '', /^application\/json/u);
  });

  await t.test('/debug/objects has every object that counts once, with what became of it', async () => {
    const verdicts = (await gateway.debug('/debug/objects')) as Verdict[];
    assert.deepEqual(
      Object.fromEntries(
        verdicts.map(({ kind, namespace, name, state }) => [`${kind}/${namespace}/${name}`, state]),
      ),
      {
        'Ingress/default/broken': 'rejected',
        // Equally old, so the last by name is the first: /cart is the shop's.
        'Ingress/default/guest': 'served-with-difference',
        'Ingress/default/ignored': 'ignored',
        'Ingress/default/shop': 'served',
        'Secret/default/shop-tls': 'served',
        'Service/default/app': 'served',
      },
    );
    const broken = verdicts.find(({ name }) => name === 'broken');
    assert.equal(broken?.reasons[0]?.field, 'spec.rules[0].host');
    assert.match(broken.reasons[0]?.message ?? '', /"not a host" is not a host: allowed is/u);
  });

  await t.test('ingress_objects counts them by state', async () => {
    const verdicts = (await gateway.debug('/debug/objects')) as Verdict[];
    for (const state of [
      'served',
      'served-with-difference',
      'quarantined',
      'rejected',
      'conflict',
      'ignored',
    ]) {
      const count = verdicts.filter((verdict) => verdict.state === state).length;
      assert.equal(await metric(gateway, `ingress_objects{state="${state}"}`), count, state);
    }
  });

  await t.test('/debug/config is the text that nginx has, without its keys', async () => {
    const shown = (await gateway.debugText('/debug/config')).body;
    assert.equal(shown, await readFile(path.join(gateway.stateDir, 'nginx.conf'), 'utf8'));
    assert.match(shown, /server_name shop\.test;/u);
    for (const page of ['/debug/config', '/debug/model', '/debug/objects', '/debug/']) {
      const { status, body } = await gateway.debugText(page);
      assert.equal(status, 200, page);
      assert.doesNotMatch(body, /PRIVATE KEY/u, page);
    }
  });

  await t.test('?object= shows the lines of that object alone', async () => {
    const shop = (await gateway.debugText('/debug/config?object=Ingress/default/shop')).body;
    assert.match(shop, /server_name shop\.test;/u);
    assert.match(shop, /location \/cart\/ \{/u);
    assert.match(shop, /ssl_certificate /u);
    assert.doesNotMatch(shop, /guest|default_server|ignored/u);
    const guest = (await gateway.debugText('/debug/config?object=Ingress/default/guest')).body;
    assert.match(guest, /location \/guest\/ \{/u);
    assert.match(guest, /location = \/guest \{/u);
    assert.doesNotMatch(guest, /cart|server_name/u);
    const service = (await gateway.debugText('/debug/config?object=Service/default/app')).body;
    assert.match(service, new RegExp(`server 127\\.0\\.0\\.1:${backend.port} `, 'u'));
    assert.doesNotMatch(service, /location/u);
    const secret = (await gateway.debugText('/debug/config?object=Secret/default/shop-tls')).body;
    assert.match(secret, /ssl_certificate_key /u);
    assert.doesNotMatch(secret, /location|server_name/u);
  });

  await t.test('each line of a slice is the line of the file that its number says', async () => {
    const lines = (await readFile(path.join(gateway.stateDir, 'nginx.conf'), 'utf8')).split('\n');
    const shown = (await gateway.debugText('/debug/config?object=Ingress/default/shop')).body;
    const numbered = [...shown.matchAll(/^ +(\d+) \| (.*)$/gmu)];
    assert.ok(numbered.length > 10);
    for (const [, number, text] of numbered) {
      assert.equal(lines[Number(number) - 1], text, `line ${number}`);
    }
  });

  await t.test('an object without lines, or unknown, gets an answer that says why', async () => {
    const ignored = await gateway.debugText('/debug/config?object=Ingress/default/ignored');
    assert.equal(ignored.status, 404);
    assert.match(ignored.body, /no line of generation \d+ came from Ingress\/default\/ignored/u);
    const unknown = await gateway.debugText('/debug/config?object=Ingress/default/nobody');
    assert.equal(unknown.status, 404);
    assert.match(unknown.body, /Ingress\/default\/shop/u);
    assert.equal((await gateway.debugText('/debug/config?object=nonsense')).status, 400);
    assert.equal((await gateway.debugText('/debug/config/failed')).status, 404);
  });

  await t.test('a change moves generation, reload counter and pages together', async () => {
    const before = {
      generation: await metric(gateway, 'cloud_native_gateway_generation'),
      reloads: await metric(gateway, 'cloud_native_gateway_reloads_total{reason="objects",result="success"}'),
      served: await metric(gateway, 'ingress_objects{state="served"}'),
      text: (await gateway.debugText('/debug/config')).body,
    };
    await applied(gateway, async () => {
      await gateway.write('late.json', ingress('late', { host: 'late.test', paths: [{ service: 'app' }] }));
    });
    assert.equal((await gateway.get('late.test')).status, 200);
    const number = await metric(gateway, 'cloud_native_gateway_generation');
    assert.ok(number > before.generation);
    assert.equal(
      await metric(gateway, 'cloud_native_gateway_reloads_total{reason="objects",result="success"}'),
      before.reloads + 1,
    );
    assert.equal(
      await metric(gateway, 'cloud_native_gateway_reloads_total{reason="objects",result="failure"}'),
      0,
    );
    assert.equal(await metric(gateway, 'cloud_native_gateway_last_attempt_successful'), 1);
    await eventually('the new Ingress is counted', async () => {
      return (await metric(gateway, 'ingress_objects{state="served"}')) === before.served + 1;
    });
    const [latest, ...earlier] = (await gateway.debug('/debug/generations')) as Generation[];
    assert.deepEqual(
      [latest?.number, latest?.outcome, latest?.objectsChanged, latest?.reasons],
      [number, 'live', ['Ingress/default/late'], ['1 changed: Ingress']],
    );
    for (const stage of ['translate', 'render', 'lint', 'test', 'reload', 'verify']) {
      assert.ok((latest?.seconds[stage] ?? 0) > 0, `${stage} took time`);
    }
    assert.equal(earlier.filter(({ outcome }) => outcome === 'live').length, 0);
    const text = (await gateway.debugText('/debug/config')).body;
    assert.ok(text.includes(`return 200 ${latest?.generation};`), 'the text says which generation it is');
    assert.match(text, /server_name late\.test;/u);
    const old = (await gateway.debugText(`/debug/config?generation=${before.generation}`)).body;
    assert.equal(old, before.text);
    assert.match(JSON.stringify(await gateway.debug('/debug/model')), /late\.test/u);
  });

  await t.test('a change that changes no text reloads nothing', async () => {
    const series = 'cloud_native_gateway_reloads_total{reason="objects",result="success"}';
    const [reloads, ignored] = [
      await metric(gateway, series),
      await metric(gateway, 'ingress_objects{state="ignored"}'),
    ];
    await gateway.write(
      'ignored-2.json',
      ingress('ignored-2', { host: 'ignored.test', className: 'other', paths: [{ service: 'app' }] }),
    );
    await eventually('the ignored Ingress is counted', async () => {
      return (await metric(gateway, 'ingress_objects{state="ignored"}')) === ignored + 1;
    });
    assert.equal(await metric(gateway, series), reloads);
  });

  await t.test('the log names objects as kind/namespace/name and says once what became of them', () => {
    const said = gateway.log.filter(({ message }) => message === 'An object is not served as written');
    assert.deepEqual(said.map((line) => String(line['object'])).sort(), [
      'Ingress/default/broken',
      'Ingress/default/guest',
    ]);
    assert.deepEqual(
      gateway.log.filter(({ level }) => level === 'error' || level === 'stderr'),
      [],
    );
  });

  await t.test('the pages cannot be written to, nor read under a foreign host', async () => {
    const port = await debugPortOf(gateway);
    const post = await http({ port, path: '/debug/config', method: 'POST' });
    assert.equal(post.status, 405);
    const foreign = await http({ port, host: 'evil.example', path: '/debug/config' });
    assert.equal(foreign.status, 403);
  });

  await t.test('log.level follows the config file; a wrong file changes nothing and is told', async () => {
    function debugLines(): number {
      return gateway.log.filter(({ level }) => level === 'debug').length;
    }
    async function said(message: string): Promise<void> {
      await eventually(`the log says: ${message}`, () =>
        gateway.log.some((line) => line.message === message),
      );
    }
    await editConfig(gateway, (config) => ({ ...config, log: { level: 'info' } }));
    await said('The config file changed');
    const before = debugLines();
    await applied(gateway, async () => {
      await gateway.write('quiet.json', [
        ingress('quiet', { host: 'quiet.test', paths: [{ service: 'app' }] }),
        ...serviceOn('quiet', [backend.port]),
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x', namespace: 'default' } },
      ]);
    });
    assert.equal(debugLines(), before);
    await editConfig(gateway, (config) => ({ ...config, log: { level: 'loud' } }));
    await said('The config file changed and is wrong; the settings in force stay');
    assert.equal((await gateway.get('quiet.test')).status, 200);
    const told = gateway.log.filter(({ message }) => message === 'The config file changed').length;
    await editConfig(gateway, (config) => ({ ...config, log: { level: 'debug' } }));
    await eventually('the config file is good again', () => {
      return gateway.log.filter(({ message }) => message === 'The config file changed').length > told;
    });
    await gateway.remove('quiet.json');
    await gateway.write('loud.json', [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'y', namespace: 'default' } },
      ...serviceOn('loud', [backend.port]),
    ]);
    await eventually('debug lines are logged again', () => debugLines() > before);
  });
});

async function debugPortOf(gateway: RunningGateway): Promise<number> {
  const config = JSON.parse(await readFile(gateway.configFile, 'utf8')) as { debug: { addr: string } };
  return Number(config.debug.addr.split(':')[1]);
}

onEveryNginx('readiness', async (t, nginx) => {
  const gateway = await startGateway(t, { nginx });
  // No Ingress at all is a complete state of the world.
  assert.equal((await gateway.health('/ready')).status, 200);
  assert.equal((await gateway.get('nobody.test')).status, 404);
  assert.equal(await metric(gateway, 'ingress_objects{state="served"}'), 0);
  assert.equal(await gateway.stop(), 0);
  await assert.rejects(gateway.get('nobody.test'), { code: 'ECONNREFUSED' });
});
