import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { ingress, serviceOn, type PathRule } from '../support/objects.ts';

type Data = Readonly<Record<string, string>>;

function configMap(data: Data): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'options', namespace: 'gateway' },
    data: { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical', ...data },
  };
}

function bringing(name: string, annotations: Data, host = name, paths: readonly PathRule[] = []): object {
  return ingress(name, {
    host: `${host}.test`,
    paths: [{ service: 'app' }, ...paths],
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
    ),
  });
}

async function start(t: TestContext, nginx: NginxBinary, more: readonly object[]): Promise<RunningGateway> {
  const backend = await startBackend(t, 'app');
  return await startGateway(t, {
    nginx,
    config: { kubernetes: { config_map: 'gateway/options' } },
    manifests: {
      'app.yaml': [...serviceOn('app', [backend.port]), bringing('good', {}), ...more],
      'options.yaml': configMap({}),
    },
  });
}

async function verdictOn(gateway: RunningGateway, kind: string, name: string): Promise<[string, string]> {
  const all = (await gateway.debug(`/debug/objects?kind=${kind}&name=${name}`)) as {
    state: string;
    reasons: { field: string; message: string }[];
  }[];
  const reasons = all[0]?.reasons ?? [];
  return [all[0]?.state ?? 'none', reasons.map(({ field, message }) => `${field}: ${message}`).join('\n')];
}

async function statusOf(gateway: RunningGateway, host: string, path = '/'): Promise<number> {
  return (await gateway.get(`${host}.test`, path)).status;
}

onEveryNginx('a snippet that nginx refuses keeps its own Ingress out, and nobody else', async (t, nginx) => {
  const gateway = await start(t, nginx, []);
  const annotation = 'configuration-snippet';

  await t.test('from the start', async () => {
    await gateway.write(
      'bad.yaml',
      bringing('bad', { [annotation]: 'set $x 1;\nset $y "$no_such_variable";' }),
    );
    await eventually(
      'it is kept out',
      async () => (await verdictOn(gateway, 'Ingress', 'bad'))[0] === 'quarantined',
    );
    assert.match((await verdictOn(gateway, 'Ingress', 'bad'))[1], /no_such_variable/u);
    assert.deepEqual([await statusOf(gateway, 'bad'), await statusOf(gateway, 'good')], [503, 200]);
  });

  await t.test('until it is mended', async () => {
    await applied(gateway, async () => {
      await gateway.write('bad.yaml', bringing('bad', { [annotation]: 'add_header X-Form first;' }));
    });
    assert.equal((await gateway.get('bad.test')).headers['x-form'], 'first');
  });

  await t.test('with its last good form, as long as that protects alike', async () => {
    await gateway.write(
      'bad.yaml',
      bringing('bad', { [annotation]: 'add_header X-Form "$no_such_variable";' }),
    );
    await eventually(
      'it is kept out',
      async () => (await verdictOn(gateway, 'Ingress', 'bad'))[0] === 'quarantined',
    );
    const answer = await gateway.get('bad.test');
    assert.deepEqual([answer.status, answer.headers['x-form']], [200, 'first']);

    const closing = 'deny 192.0.2.1;\nset $x "$no_such_variable";';
    await gateway.write('bad.yaml', bringing('bad', { [annotation]: closing }));
    await eventually('it is closed', async () => (await statusOf(gateway, 'bad')) === 503);
    assert.equal(await statusOf(gateway, 'good'), 200);
  });

  await t.test('not the Ingress whose path it has too', async () => {
    await gateway.write('twice.yaml', [
      bringing('owner', {}, 'shared', [{ path: '/mine', pathType: 'Exact', service: 'app' }]),
      bringing('taker', { 'server-snippet': 'location = /mine { return 418; }' }, 'shared', [
        { path: '/other', service: 'app' },
      ]),
    ]);
    await eventually(
      'the snippet is kept out',
      async () => (await verdictOn(gateway, 'Ingress', 'taker'))[0] === 'quarantined',
    );
    assert.match((await verdictOn(gateway, 'Ingress', 'taker'))[1], /duplicate location/u);
    assert.notEqual((await verdictOn(gateway, 'Ingress', 'owner'))[0], 'quarantined');
  });
});

onEveryNginx(
  'snippets of the operator hold for everything, and a bad one changes nothing',
  async (t, nginx) => {
    const gateway = await start(t, nginx, []);
    const snippets = {
      'main-snippet': 'worker_priority 0;',
      'http-snippet':
        'map $arg_colour $colour {\n  default none;\n  red RED;\n}\nadd_header X-Http "$colour" always;\nlimit_req_zone $binary_remote_addr zone=mine:1m rate=1000r/s;',
      'server-snippet': 'location = /teapot { return 418; }\nmore_set_headers "X-Server: s";',
      'location-snippet':
        'if ($arg_stop) { return 410; }\nlimit_req zone=mine burst=1000 nodelay;\nproxy_set_header X-Own own;',
    };
    async function holds(): Promise<void> {
      const answer = await gateway.get('good.test', '/?colour=red');
      assert.deepEqual(
        [answer.status, answer.headers['x-http'], answer.headers['x-server']],
        [200, 'RED', 's'],
      );
      const seen = JSON.parse(answer.body) as { headers: Data };
      assert.deepEqual([seen.headers['x-own'], seen.headers['x-forwarded-for']], ['own', '127.0.0.1']);
      assert.equal(await statusOf(gateway, 'good', '/?stop=1'), 410);
      assert.equal(await statusOf(gateway, 'good', '/teapot'), 418);
      assert.equal(await statusOf(gateway, 'nobody', '/teapot'), 418);
    }

    await applied(gateway, async () => {
      await gateway.write('options.yaml', configMap(snippets));
    });
    await t.test('they are in force', async () => {
      await holds();
      const [state, reasons] = await verdictOn(gateway, 'ConfigMap', 'options');
      assert.equal(state, 'served-with-difference');
      assert.match(reasons, /^data\["location-snippet"\]: stands before the snippets of Ingresses[^\n]*$/u);
    });

    const faults: readonly [string, Data, RegExp][] = [
      ['code', { 'http-snippet': 'lua_shared_dict a 1m;' }, /line 1: "lua_shared_dict".*last good value/su],
      [
        'no grammar',
        { 'server-snippet': 'location / {' },
        /line 1 is no nginx configuration.*last good value/su,
      ],
      ['what nginx refuses', { 'location-snippet': 'proxy_redirect bad;' }, /nginx refuses/u],
    ];
    for (const [name, data, reason] of faults) {
      await t.test(`and stay in force: ${name}`, async () => {
        await gateway.write('options.yaml', configMap({ ...snippets, ...data }));
        let told = '';
        await eventually('it is told', async () => {
          [, told] = await verdictOn(gateway, 'ConfigMap', 'options');
          return reason.test(told);
        });
        await holds();
      });
    }
  },
);

onEveryNginx(
  'a snippet of the operator that may protect and cannot be read closes everything',
  async (t, nginx) => {
    const backend = await startBackend(t, 'app');
    const gateway = await startGateway(t, {
      nginx,
      config: { kubernetes: { config_map: 'gateway/options' } },
      manifests: {
        'app.yaml': [...serviceOn('app', [backend.port]), bringing('good', {})],
        'options.yaml': configMap({ 'location-snippet': 'deny all; include /etc/hosts;' }),
      },
    });

    assert.equal(await statusOf(gateway, 'good'), 503);
    assert.match((await verdictOn(gateway, 'ConfigMap', 'options'))[1], /every route answers 503/u);
    await applied(gateway, async () => {
      await gateway.write('options.yaml', configMap({ 'location-snippet': 'include /etc/hosts;' }));
    });
    assert.equal(await statusOf(gateway, 'good'), 200);
    assert.match((await verdictOn(gateway, 'ConfigMap', 'options'))[1], /"include".*the default is used/su);
  },
);
