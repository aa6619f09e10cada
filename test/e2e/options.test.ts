import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { startBackend, type Backend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceOn } from '../support/objects.ts';

interface World {
  readonly gateway: RunningGateway;
  readonly backend: Backend;
  readonly set: (data: Readonly<Record<string, string>>) => Promise<void>;
}

function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'gateway' }, data };
}

async function start(
  t: Parameters<typeof startGateway>[0],
  nginx: Parameters<typeof startGateway>[1]['nginx'],
  data: Readonly<Record<string, string>>,
): Promise<World> {
  const backend = await startBackend(t, 'shop');
  const gateway = await startGateway(t, {
    nginx,
    config: { kubernetes: { config_map: 'gateway/options' } },
    manifests: {
      'shop.yaml': [
        ...serviceOn('shop', [backend.port]),
        ingress('shop', { host: 'shop.test', paths: [{ service: 'shop' }] }),
      ],
      'options.yaml': configMap('options', data),
    },
  });
  return {
    gateway,
    backend,
    // Old workers may answer until the next generation is verified.
    set: async (next) => {
      await applied(gateway, async () => {
        await gateway.write('options.yaml', configMap('options', next));
      });
    },
  };
}

async function verdict(gateway: RunningGateway, name = 'options'): Promise<{ state: string; text: string }> {
  const all = (await gateway.debug(`/debug/objects?kind=ConfigMap&name=${name}`)) as {
    state: string;
    reasons: { field: string; message: string }[];
  }[];
  const reasons = all[0]?.reasons ?? [];
  return {
    state: all[0]?.state ?? 'none',
    text: reasons.map(({ field, message }) => `${field}: ${message}`).join('\n'),
  };
}

async function tells(gateway: RunningGateway, what: RegExp): Promise<void> {
  let told = '';
  await eventually(`the reason ${what}`, async () => {
    told = (await verdict(gateway)).text;
    return what.test(told);
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; told was: ${told}`, { cause: error });
  });
}

/** What the backend saw of one request. */
async function seen(
  world: World,
  headers: Readonly<Record<string, string>>,
): Promise<Backend['seen'][number]> {
  const { status, body } = await world.gateway.get('shop.test', '/', headers);
  assert.equal(status, 200, body);
  const last = world.backend.seen.at(-1);
  assert.ok(last !== undefined);
  return last;
}

onEveryNginx(
  'options take effect while running, and bad values keep the last good ones',
  async (t, nginx) => {
    const world = await start(t, nginx, { 'add-headers': 'gateway/to-clients', 'hide-headers': 'X-Backend' });
    const { gateway, set } = world;
    // Old workers answer until a generation is verified.
    await applied(gateway, async () => {
      await gateway.write('headers.yaml', [
        configMap('to-clients', { 'X-Served-By': 'gateway', 'X-Host': '$host' }),
        configMap('to-backends', { 'X-Cluster': 'east; "1"', 'X-Real-IP': 'nobody' }),
      ]);
    });
    assert.equal((await gateway.get('shop.test')).headers['x-host'], 'shop.test');
    assert.equal((await gateway.get('shop.test')).headers['x-served-by'], 'gateway');

    await applied(gateway, async () => {
      await set({
        'proxy-set-headers': 'gateway/to-backends',
        'block-user-agents': 'BadBot/1.0,~*(?:spider|crawler)',
        'server-tokens': 'true',
        'log-format-upstream': 'ours $host $proxy_upstream_name',
        'skip-access-log-urls': '/quiet',
      });
    });
    assert.equal((await gateway.get('shop.test', '/', { 'user-agent': 'A Spider' })).status, 403);
    assert.equal((await gateway.get('shop.test', '/', { 'user-agent': 'BadBot/1.0' })).status, 403);
    assert.equal((await gateway.get('shop.test', '/', { 'user-agent': 'BadBot/1.01' })).status, 200);
    assert.equal((await gateway.get('shop.test')).headers['x-served-by'], undefined);
    assert.equal((await seen(world, {})).headers['x-cluster'], 'east; "1"');
    assert.equal((await seen(world, { 'x-real-ip': '203.0.113.9' })).headers['x-real-ip'], 'nobody');
    await gateway.get('shop.test', '/quiet');
    await gateway.get('shop.test', '/loud');
    await eventually('the log line', async () => {
      const log = await readFile(path.join(gateway.stateDir, 'logs/access.log'), 'utf8');
      return /^ours shop\.test \S+$/mu.test(log);
    });

    // A bad value keeps the last good one, and says so; what is good beside it takes effect.
    await applied(gateway, async () => {
      await set({
        'block-user-agents': '~(captures)',
        'hsts-max-age': 'long',
        'server-tokens': 'false',
        nonsense: '1',
      });
    });
    await tells(
      gateway,
      /"block-user-agents"\]: .*group that captures.*the last good value, "BadBot.*stays in force/u,
    );
    await tells(gateway, /"hsts-max-age"\]: "long" is not a whole number.*the default is used/u);
    await tells(gateway, /"nonsense"\]: is unknown/u);
    assert.equal((await gateway.get('shop.test', '/', { 'user-agent': 'a crawler' })).status, 403);
    assert.equal((await gateway.get('nobody.test')).headers['server'], 'nginx');

    await set({});
    await eventually(
      'the defaults',
      async () => (await gateway.get('shop.test', '/', { 'user-agent': 'a crawler' })).status === 200,
    );
    await eventually('the verdict', async () => (await verdict(gateway)).state === 'served');
  },
);

onEveryNginx('a value that only nginx refuses is the ConfigMap\u2019s fault alone', async (t, nginx) => {
  const { gateway, set } = await start(t, nginx, {
    'block-user-agents': 'BadBot/1.0',
    'proxy-body-size': '2k',
  });
  assert.equal((await gateway.get('shop.test', '/', { 'user-agent': 'BadBot/1.0' })).status, 403);

  // No such cipher: the rest of the world changes all the same, and what is kept out stays out.
  await set({
    'block-user-agents': 'BadBot/1.0',
    'ssl-ciphers': 'NO-SUCH-CIPHER',
    'block-cidrs': '127.0.0.0/8',
  });
  await eventually('the new address list', async () => (await gateway.get('shop.test')).status === 403);
  await tells(gateway, /NO-SUCH-CIPHER/u);
  assert.equal((await verdict(gateway)).state, 'quarantined');

  await set({ 'block-user-agents': 'BadBot/1.0', 'ssl-ciphers': 'HIGH:!aNULL' });
  await eventually('the mended options', async () => (await gateway.get('shop.test')).status === 200);
  assert.equal((await gateway.get('shop.test', '/', { 'user-agent': 'BadBot/1.0' })).status, 403);
  await eventually('the verdict', async () => (await verdict(gateway)).state === 'served');
});

onEveryNginx('forwarded headers count from trusted proxies alone', async (t, nginx) => {
  const sent = {
    'x-forwarded-for': '203.0.113.9, 198.51.100.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'public.test',
    'x-forwarded-port': '8443',
  };
  const world = await start(t, nginx, {
    'use-forwarded-headers': 'true',
    'proxy-real-ip-cidr': '127.0.0.0/8,198.51.100.0/24',
    'compute-full-forwarded-for': 'true',
  });

  const trusted = (await seen(world, sent)).headers;
  assert.equal(trusted['x-real-ip'], '203.0.113.9');
  assert.equal(trusted['x-forwarded-for'], '203.0.113.9, 198.51.100.7, 127.0.0.1');
  assert.equal(trusted['x-forwarded-proto'], 'https');
  assert.equal(trusted['x-forwarded-host'], 'public.test');
  assert.equal(trusted['x-forwarded-port'], '8443');

  await world.set({ 'use-forwarded-headers': 'true', 'proxy-real-ip-cidr': '10.0.0.0/8' });
  await eventually('mistrust', async () => (await seen(world, sent)).headers['x-real-ip'] === '127.0.0.1');
  const foreign = (await seen(world, sent)).headers;
  assert.equal(foreign['x-forwarded-for'], '127.0.0.1');
  assert.equal(foreign['x-forwarded-proto'], 'http');
  assert.equal(foreign['x-forwarded-host'], 'shop.test');
  assert.notEqual(foreign['x-forwarded-port'], '8443');
});

onEveryNginx('a protection that cannot be built or read closes', async (t, nginx) => {
  const { gateway, set } = await start(t, nginx, { 'enable-modsecurity': 'true' });
  assert.equal((await gateway.get('shop.test')).status, 503);
  await tells(
    gateway,
    /"enable-modsecurity"\]: it needs an nginx with the module modsecurity.*every route answers 503/u,
  );

  await set({ 'whitelist-source-range': '10.0.0.0/8,office' });
  await eventually('nobody is let in', async () => (await gateway.get('shop.test')).status === 403);
  await tells(gateway, /"office" is not an IP address.*strictest way/u);

  await set({ 'whitelist-source-range': '127.0.0.0/8' });
  await eventually('somebody is let in', async () => (await gateway.get('shop.test')).status === 200);

  // From here on a good form is known: a slip in an edit takes no host down.
  const slip = { 'block-cidrs': 'them', 'http-snippet': 'server { listen 1; ' };
  const edited = configMap('options', { 'whitelist-source-range': '127.0.0.0/8', ...slip });
  // The same text for nginx: there is no generation to wait for.
  await gateway.write('options.yaml', edited);
  await tells(gateway, /"them" is not an IP address.*does not have it, and stays in force/u);
  await tells(gateway, /http-snippet.*does not have it, and stays in force/u);
  assert.equal((await gateway.get('shop.test')).status, 200);
});
