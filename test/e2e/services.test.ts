import assert from 'node:assert/strict';
import { startBackend, type Echo } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { ingress, serviceOn, serviceWith, sliceOf, type PathRule } from '../support/objects.ts';
import { freePort } from '../support/ports.ts';
import { https } from '../support/tls.ts';

const here = { addresses: ['127.0.0.1'], conditions: { ready: true } };

/** An Ingress for the host `name.test`. */
function route(name: string, rule: Partial<PathRule> = {}): object {
  return ingress(name, { host: `${name}.test`, paths: [{ service: name, ...rule }] });
}

function named(name: string, port: number): object {
  return { name, port, protocol: 'TCP' };
}

/** The backends that answer `count` requests, each once, sorted; or the statuses where none does. */
async function answering(gateway: RunningGateway, host: string, count = 8): Promise<string[]> {
  const found = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const { status, body } = await gateway.get(`${host}.test`);
    found.add(status === 200 ? (JSON.parse(body) as Echo).backend : String(status));
  }
  return [...found].sort();
}

onEveryNginx('Services and endpoints', async (t, nginx) => {
  const one = await startBackend(t, 'one');
  const two = await startBackend(t, 'two');
  const three = await startBackend(t, 'three');
  const six = await startBackend(t, 'six', undefined, { address: '::1' });
  const breaking = await startBackend(t, 'breaking', (incoming) => {
    incoming.socket.destroy();
  });
  const dead = await freePort();
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      // Two ports with names; their numbers and targets differ.
      'ports.json': [
        serviceWith('ports', {
          ports: [
            { name: 'web', port: 80, targetPort: 8080 },
            { name: 'admin', port: 81, targetPort: 'admin-port' },
            { name: 'dns', port: 53, protocol: 'UDP' },
          ],
        }),
        sliceOf(
          'ports',
          'ports-1',
          [here],
          [named('web', one.port), named('admin', two.port), { name: 'dns', port: 53, protocol: 'UDP' }],
        ),
        ingress('by-number', { host: 'by-number.test', paths: [{ service: 'ports', port: 81 }] }),
        ingress('by-name', { host: 'by-name.test', paths: [{ service: 'ports', port: 'admin' }] }),
        ingress('by-target', { host: 'by-target.test', paths: [{ service: 'ports', port: 8080 }] }),
        ingress('by-target-name', {
          host: 'by-target-name.test',
          paths: [{ service: 'ports', port: 'admin-port' }],
        }),
        ingress('no-such-port', { host: 'no-such-port.test', paths: [{ service: 'ports', port: 82 }] }),
        ingress('udp-port', { host: 'udp-port.test', paths: [{ service: 'ports', port: 'dns' }] }),
      ],
      'unnamed.json': [
        serviceWith('unnamed', { ports: [{ port: 80, targetPort: one.port }] }),
        sliceOf('unnamed', 'unnamed-1', [here], [{ port: one.port }]),
        route('unnamed'),
        // A slice without ports: the number of the Service's targetPort counts.
        serviceWith('portless', { ports: [{ port: 80, targetPort: two.port }] }),
        sliceOf('portless', 'portless-1', [here], []),
        route('portless'),
      ],
      'slices.json': [
        serviceWith('slices', { ports: [{ name: 'http', port: 80 }] }),
        // Names of slices need not begin with the Service's.
        sliceOf('slices', 'hand-made', [here, here], [named('http', one.port)]),
        sliceOf('slices', 'slices-again', [here], [named('http', one.port)]),
        sliceOf('slices', 'slices-2', [{ addresses: ['127.0.0.1'] }], [named('http', two.port)]),
        {
          ...sliceOf(
            'slices',
            'slices-6',
            [{ addresses: ['::1'], conditions: {} }],
            [named('http', six.port)],
          ),
          addressType: 'IPv6',
        },
        sliceOf(
          'slices',
          'not-ready',
          [{ ...here, conditions: { ready: false, serving: true } }],
          [named('http', three.port)],
        ),
        sliceOf('other', 'of-another-service', [here], [named('http', three.port)]),
        sliceOf('slices', 'of-another-namespace', [here], [named('http', three.port)], 'elsewhere'),
        route('slices'),
      ],
      'readiness.json': [
        serviceWith('readiness', { ports: [{ name: 'http', port: 80 }] }),
        sliceOf(
          'readiness',
          'readiness-1',
          [{ ...here, conditions: { ready: true, serving: false, terminating: true } }],
          [named('http', one.port)],
        ),
        route('readiness'),
      ],
      'endpoints.json': [
        serviceWith('classic', { ports: [{ name: 'http', port: 80 }] }),
        {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name: 'classic', namespace: 'default' },
          subsets: [
            {
              addresses: [{ ip: '127.0.0.1' }],
              notReadyAddresses: [{ ip: '127.0.0.2' }],
              ports: [named('http', two.port)],
            },
            { addresses: [{ ip: '127.0.0.1' }], ports: [named('http', one.port)] },
          ],
        },
        route('classic'),
      ],
      'missing.json': [
        route('missing'),
        serviceWith('empty', { ports: [{ name: 'http', port: 80 }] }),
        route('empty'),
        ingress('secure', {
          host: 'secure.test',
          tls: [{ hosts: ['secure.test'] }],
          paths: [{ service: 'missing' }],
        }),
      ],
      'failing.json': [...serviceOn('failing', [dead, one.port]), route('failing')],
      'breaking.json': [...serviceOn('breaking', [breaking.port, one.port]), route('breaking')],
      'dead.json': [...serviceOn('dead', [dead]), route('dead')],
      'live.json': [...serviceOn('live', [one.port]), route('live')],
    },
  });

  await t.test('a port is meant by its number, its name or its targetPort', async () => {
    assert.deepEqual(await answering(gateway, 'by-number', 2), ['two']);
    assert.deepEqual(await answering(gateway, 'by-name', 2), ['two']);
    assert.deepEqual(await answering(gateway, 'by-target', 2), ['one']);
    assert.deepEqual(await answering(gateway, 'by-target-name', 2), ['two']);
    assert.deepEqual(await answering(gateway, 'unnamed', 2), ['one']);
    assert.deepEqual(await answering(gateway, 'portless', 2), ['two']);
  });

  await t.test('a port that is not there, and one that is not TCP, answer 503', async () => {
    assert.deepEqual(await answering(gateway, 'no-such-port', 1), ['503']);
    assert.deepEqual(await answering(gateway, 'udp-port', 1), ['503']);
  });

  await t.test('all ready endpoints of all slices are used, and no others', async () => {
    assert.deepEqual(await answering(gateway, 'slices', 24), ['one', 'six', 'two']);
    assert.equal(three.seen.length, 0);
  });

  await t.test('an endpoint that is in two slices gets no more than its share', async () => {
    const before = [one.seen.length, two.seen.length];
    // Worker processes take turns each by themselves.
    await answering(gateway, 'slices', 60);
    const [ones, twos] = [one.seen.length - (before[0] ?? 0), two.seen.length - (before[1] ?? 0)];
    assert.ok(
      ones < 1.5 * twos,
      `${ones} requests went to the endpoint that stands there twice, ${twos} to another`,
    );
  });

  await t.test('ready counts, not serving or terminating', async () => {
    assert.deepEqual(await answering(gateway, 'readiness', 2), ['one']);
  });

  await t.test('Endpoints serve a Service that has no slices', async () => {
    assert.deepEqual(await answering(gateway, 'classic', 12), ['one', 'two']);
  });

  await t.test('without Service or endpoints the answer is 503, after the redirect to HTTPS', async () => {
    assert.deepEqual(await answering(gateway, 'missing', 1), ['503']);
    assert.deepEqual(await answering(gateway, 'empty', 1), ['503']);
    const redirected = await gateway.get('secure.test', '/x');
    assert.deepEqual([redirected.status, redirected.headers.location], [308, 'https://secure.test/x']);
    assert.equal((await https({ port: gateway.httpsPort, host: 'secure.test' })).status, 503);
  });

  await t.test('a request that an endpoint does not take goes to the next one', async () => {
    assert.deepEqual(await answering(gateway, 'failing', 12), ['one']);
    const post = await http({ port: gateway.httpPort, host: 'failing.test', method: 'POST', body: 'data' });
    assert.equal((JSON.parse(post.body) as Echo).body, 'data');
    assert.deepEqual(await answering(gateway, 'dead', 1), ['502']);
  });

  await t.test(
    'a request that an endpoint took and did not answer is repeated only if it may be',
    async () => {
      const [before, broke] = [one.seen.length, breaking.seen.length];
      for (let index = 0; index < 6; index += 1) {
        assert.equal((await gateway.get('breaking.test')).status, 200);
      }
      assert.equal(one.seen.length - before, 6);
      assert.ok(breaking.seen.length > broke, 'the endpoint that breaks off was tried');
      const statuses: number[] = [];
      const [taken, lost] = [one.seen.length, breaking.seen.length];
      for (let index = 0; index < 6; index += 1) {
        const { status } = await http({
          port: gateway.httpPort,
          host: 'breaking.test',
          method: 'POST',
          body: 'once',
        });
        statuses.push(status);
      }
      const failed = statuses.filter((status) => status === 502).length;
      assert.ok(failed > 0, `some are lost: ${statuses.join()}`);
      assert.deepEqual([one.seen.length - taken, breaking.seen.length - lost], [6 - failed, failed]);
    },
  );

  await t.test('endpoints, ports and Services that change, come and go are followed', async () => {
    assert.deepEqual(await answering(gateway, 'live', 4), ['one']);
    await applied(gateway, async () => {
      await gateway.write('live.json', [...serviceOn('live', [two.port, three.port]), route('live')]);
    });
    assert.deepEqual(await answering(gateway, 'live', 12), ['three', 'two']);
    await applied(gateway, async () => {
      await gateway.write('live.json', [route('live')]);
    });
    assert.deepEqual(await answering(gateway, 'live', 1), ['503']);
    await applied(gateway, async () => {
      // Slices alone now, beside Endpoints that say something else.
      await gateway.write('live.json', [
        serviceWith('live', { ports: [{ name: 'http', port: 80 }] }),
        sliceOf('live', 'live-slice', [here], [named('http', three.port)]),
        {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name: 'live', namespace: 'default' },
          subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [named('http', one.port)] }],
        },
        route('live'),
      ]);
    });
    assert.deepEqual(await answering(gateway, 'live', 4), ['three']);
  });

  await t.test('what is wrong with a Service is told on the Ingress that needs it', async () => {
    const verdicts = (await gateway.debug('/debug/objects?kind=Ingress&state=served-with-difference')) as {
      name: string;
      reasons: { field: string }[];
    }[];
    const path = 'spec.rules[0].http.paths[0].backend';
    assert.deepEqual(Object.fromEntries(verdicts.map(({ name, reasons }) => [name, reasons[0]?.field])), {
      empty: `${path}.service`,
      missing: `${path}.service.name`,
      'no-such-port': `${path}.service.port`,
      secure: `${path}.service.name`,
      'udp-port': `${path}.service.port`,
    });
  });
});
