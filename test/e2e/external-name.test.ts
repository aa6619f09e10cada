import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackend, type Echo } from '../support/backend.ts';
import { startDns } from '../support/dns.ts';
import { applied, eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { ingress, serviceOn, serviceWith } from '../support/objects.ts';
import { freePort } from '../support/ports.ts';

function external(name: string, externalName: string, ports: readonly object[] = []): object {
  return serviceWith(name, { type: 'ExternalName', externalName, ports });
}

onEveryNginx('ExternalName Services', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const far = await startBackend(t, 'far');
  const moved = await startBackend(t, 'moved', undefined, { address: '127.0.0.2', port: far.port });
  const six = await startBackend(t, 'six', undefined, { address: '::1' });
  const dns = await startDns(t, {
    'far.example.net': { a: ['127.0.0.1'] },
    'alias.example.net': { cname: 'far.example.net' },
    'six.example.net': { aaaa: ['::1'] },
    'half-dead.example.net': { a: ['127.0.0.3', '127.0.0.1'] },
    'moving.example.net': { a: ['127.0.0.1'], ttl: 1 },
  });
  await dns.down();
  const gateway = await startGateway(t, {
    nginx,
    config: { nginx: { resolver: [`127.0.0.1:${dns.port}`] } },
    manifests: {
      'app.json': [
        ...serviceOn('app', [app.port]),
        ingress('app', { host: 'app.test', paths: [{ service: 'app' }] }),
      ],
      'external.json': [
        external('far', 'far.example.net'),
        external('dotted', 'Far.Example.Net.'),
        external('ported', 'far.example.net', [{ name: 'web', port: 80, targetPort: far.port }]),
        external('alias', 'alias.example.net'),
        external('six', 'six.example.net'),
        external('half-dead', 'half-dead.example.net'),
        external('moving', 'moving.example.net'),
        external('late', 'late.example.net'),
        external('loop', 'localhost'),
        external('address', '127.0.0.1'),
        ...['far', 'dotted', 'alias', 'half-dead', 'moving', 'late', 'loop', 'address'].map((name) =>
          ingress(name, { host: `${name}.test`, paths: [{ service: name, port: far.port }] }),
        ),
        ingress('six', { host: 'six.test', paths: [{ service: 'six', port: six.port }] }),
        ingress('by-name', { host: 'by-name.test', paths: [{ service: 'ported', port: 'web' }] }),
        ingress('by-number', { host: 'by-number.test', paths: [{ service: 'ported', port: 80 }] }),
        ingress('no-port', { host: 'no-port.test', paths: [{ service: 'far', port: 'web' }] }),
      ],
    },
  });

  async function whoAnswers(host: string): Promise<string | number> {
    const { status, body } = await gateway.get(`${host}.test`);
    return status === 200 ? (JSON.parse(body) as Echo).backend : status;
  }

  async function until(host: string, expected: string | number): Promise<void> {
    await eventually(`${host} is answered by ${expected}`, async () => (await whoAnswers(host)) === expected);
  }

  await t.test('without a name server the gateway starts, and everything else is served', async () => {
    assert.equal(await whoAnswers('app'), 'app');
    assert.equal(await whoAnswers('far'), 502);
  });

  await t.test('names are found as soon as the name server answers, without a reload', async () => {
    const before = await gateway.metrics();
    await dns.up();
    await until('far', 'far');
    await until('dotted', 'far');
    await until('alias', 'far');
    await until('six', 'six');
    await until('by-name', 'far');
    await until('by-number', 'far');
    assert.equal(generationOf(await gateway.metrics()), generationOf(before));
  });

  await t.test('the backend is asked with path, query and Host of the request', async () => {
    const echo = JSON.parse((await gateway.get('far.test', '/a%20b?c=d')).body) as Echo;
    assert.deepEqual([echo.url, echo.headers.host], ['/a%20b?c=d', 'far.test']);
  });

  await t.test('an address that takes no connection is passed over', async () => {
    await until('half-dead', 'far');
    for (let index = 0; index < 4; index += 1) {
      assert.equal(await whoAnswers('half-dead'), 'far');
    }
  });

  await t.test('a name that does not exist gives 502 until it does', async () => {
    assert.equal(await whoAnswers('late'), 502);
    dns.records.set('late.example.net', { a: ['127.0.0.1'] });
    await until('late', 'far');
  });

  await t.test('a name is asked again when its time to live is over', async () => {
    await until('moving', 'far');
    dns.records.set('moving.example.net', { a: ['127.0.0.2'], ttl: 1 });
    // Each worker has answers of its own: that one of them asks anew is not enough.
    const deadline = AbortSignal.timeout(4000);
    let inRow = 0;
    while (!deadline.aborted && inRow < 20) {
      inRow = (await whoAnswers('moving')) === 'moved' ? inRow + 1 : 0;
      await sleep(20);
    }
    assert.equal(inRow, 20, 'requests in a row that find the new address, four seconds after its TTL of one');
    assert.ok(moved.seen.length > 0);
  });

  await t.test('names of this machine, addresses and ports without number answer 503', async () => {
    assert.equal(await whoAnswers('loop'), 503);
    assert.equal(await whoAnswers('address'), 503);
    assert.equal(await whoAnswers('no-port'), 503);
    assert.equal(await whoAnswers('app'), 'app');
  });

  await t.test('a reload without a name server harms nobody else, and names return with it', async () => {
    await dns.down();
    const port = await freePort();
    await applied(gateway, async () => {
      await gateway.write('more.json', [
        external('more', 'late.example.net'),
        ingress('more', { host: 'more.test', paths: [{ service: 'more', port: far.port }] }),
        ...serviceOn('unused', [port]),
        ingress('app-2', { host: 'app-2.test', paths: [{ service: 'app' }] }),
      ]);
    });
    assert.equal(await whoAnswers('app'), 'app');
    assert.equal(await whoAnswers('app-2'), 'app');
    await dns.up();
    await until('more', 'far');
    await until('far', 'far');
  });

  await t.test('a Service may change between a name and endpoints', async () => {
    await applied(gateway, async () => {
      await gateway.write('more.json', [
        ...serviceOn('more', [app.port]),
        ingress('more', { host: 'more.test', paths: [{ service: 'more', port: 80 }] }),
      ]);
    });
    assert.equal(await whoAnswers('more'), 'app');
  });
});

onEveryNginx('ExternalName Services that are switched off', async (t, nginx) => {
  const backend = await startBackend(t, 'far');
  const dns = await startDns(t, { 'far.example.net': { a: ['127.0.0.1'] } });
  const gateway = await startGateway(t, {
    nginx,
    config: {
      nginx: { resolver: [`127.0.0.1:${dns.port}`] },
      kubernetes: { disable_svc_external_name: true },
    },
    manifests: {
      'far.json': [
        external('far', 'far.example.net'),
        ingress('far', { host: 'far.test', paths: [{ service: 'far', port: backend.port }] }),
      ],
    },
  });
  assert.equal((await gateway.get('far.test')).status, 503);
  assert.deepEqual(dns.asked, []);
});

function generationOf(page: string): string | undefined {
  return /^cloud_native_gateway_generation (\d+)$/mu.exec(page)?.[1];
}
