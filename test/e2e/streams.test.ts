import assert from 'node:assert/strict';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceOn, serviceWith, sliceOf } from '../support/objects.ts';
import { freePort, occupyPort } from '../support/ports.ts';
import { overTcp, overUdp, startTcpEcho, startUdpEcho } from '../support/stream-backends.ts';

function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'gateway' }, data };
}

/** A Service with one port 5000, and the loopback ports behind it. */
function echoService(name: string, protocol: 'TCP' | 'UDP', ports: readonly number[]): object[] {
  return [
    serviceWith(name, { ports: [{ name: 'echo', port: 5000, protocol }] }, 'data'),
    ...ports.map((port) =>
      sliceOf(
        name,
        `${name}-${port}`,
        [{ addresses: ['127.0.0.1'] }],
        [{ name: 'echo', port, protocol }],
        'data',
      ),
    ),
  ];
}

interface Verdict {
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

async function verdictOn(gateway: RunningGateway, name: string): Promise<Verdict> {
  const [verdict] = (await gateway.debug(`/debug/objects?kind=ConfigMap&name=${name}`)) as Verdict[];
  assert.ok(verdict, `there is a verdict on ${name}`);
  return verdict;
}

const config = {
  kubernetes: {
    config_map: 'gateway/options',
    tcp_services_configmap: 'gateway/tcp',
    udp_services_configmap: 'gateway/udp',
  },
};

onEveryNginx(
  'TCP and UDP services reach their backends, with the PROXY protocol in and out',
  async (t, nginx) => {
    const [tcp, udp] = [await startTcpEcho(t, 'sql'), await startUdpEcho(t, 'dns')];
    const [plain, named, accepts, both, sends] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const lines = {
      [plain]: 'data/sql:5000',
      [named]: 'data/sql:echo',
      [accepts]: 'data/sql:5000:PROXY',
      [both]: 'data/sql:5000:PROXY:PROXY',
      [sends]: 'data/sql:5000::proxy',
    };

    const gateway = await startGateway(t, {
      nginx,
      config,
      manifests: {
        'tcp.yaml': configMap('tcp', { ...lines, 9: 'data/nobody:1', web: 'data/sql:5000' }),
        'udp.yaml': configMap('udp', { [plain]: 'data/dns:5000' }),
        'options.yaml': configMap('options', {
          'enable-real-ip': 'true',
          'proxy-real-ip-cidr': '127.0.0.0/8',
        }),
        'sql.yaml': echoService('sql', 'TCP', [tcp]),
        'dns.yaml': echoService('dns', 'UDP', [udp]),
      },
    });

    const header = 'PROXY TCP4 192.0.2.7 198.51.100.9 4711 443\r\n';
    assert.equal(await overTcp(plain, 'hi'), 'sql|hi');
    assert.equal(await overTcp(named, 'hi'), 'sql|hi');
    assert.equal(await overTcp(accepts, `${header}hi`), 'sql|hi');
    assert.equal(await overTcp(accepts, 'no such header\r\nhi'), null);
    assert.match(
      (await overTcp(both, `${header}hi`)) ?? '',
      /^sql\|PROXY TCP4 192\.0\.2\.7 \S+ 4711 \d+\r\n/u,
    );
    assert.match((await overTcp(sends, 'hi')) ?? '', /^sql\|PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 /u);
    assert.equal(await overUdp(plain, 'hi'), 'dns|hi');
    const { state, reasons } = await verdictOn(gateway, 'tcp');
    assert.equal(state, 'served-with-difference');
    assert.deepEqual(
      reasons.map(({ field }) => field),
      ['data["9"]', 'data["web"]'],
    );

    await applied(gateway, async () => {
      await gateway.write('tcp.yaml', configMap('tcp', { [named]: lines[named] ?? '' }));
    });
    assert.equal(await overTcp(named, 'hi'), 'sql|hi');
    assert.equal((await verdictOn(gateway, 'tcp')).state, 'served');
    await eventually('the port of a line that is gone takes no connection', async () => {
      return (await overTcp(plain, 'hi')) === null;
    });
  },
);

onEveryNginx(
  'a line whose port is taken is kept out alone, and comes back when it is changed',
  async (t, nginx) => {
    const backend = await startBackend(t, 'web');
    const tcp = await startTcpEcho(t, 'sql');
    const [first, second] = [await freePort(), await freePort()];
    const { server, port: taken } = await occupyPort();
    t.after(() => server.close());
    const gateway = await startGateway(t, {
      nginx,
      config,
      manifests: {
        'tcp.yaml': configMap('tcp', { [first]: 'data/sql:5000' }),
        'udp.yaml': configMap('udp', {}),
        'options.yaml': configMap('options', {}),
        'sql.yaml': echoService('sql', 'TCP', [tcp]),
        'web.yaml': [
          ...serviceOn('web', [backend.port]),
          ingress('web', { host: 'web.example', paths: [{ service: 'web' }] }),
        ],
      },
    });

    await applied(gateway, async () => {
      const lines = { [first]: 'data/sql:5000', [taken]: 'data/sql:5000', [second]: 'data/sql:5000' };
      await gateway.write('tcp.yaml', configMap('tcp', lines));
    });

    await eventually(
      'a verdict on the line',
      async () => (await verdictOn(gateway, 'tcp')).state === 'quarantined',
    );
    const { reasons } = await verdictOn(gateway, 'tcp');
    assert.deepEqual(
      reasons.map(({ field }) => field),
      [`data["${taken}"]`],
    );
    assert.match(reasons[0]?.message ?? '', /in use/u);
    assert.equal(await overTcp(first, 'hi'), 'sql|hi');
    assert.equal(await overTcp(second, 'hi'), 'sql|hi');
    assert.equal((await gateway.get('web.example')).status, 200);

    await applied(gateway, async () => {
      await gateway.write('tcp.yaml', configMap('tcp', { [second]: 'data/sql:5000' }));
    });
    assert.equal((await verdictOn(gateway, 'tcp')).state, 'served');
    assert.equal(await overTcp(second, 'hi'), 'sql|hi');
  },
);
