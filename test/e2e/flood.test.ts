import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { endNginxWith } from '../support/nginx-processes.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { ingress, serviceOn, serviceWith } from '../support/objects.ts';

const ciphers = 'nginx.ingress.kubernetes.io/ssl-ciphers';
const culprits = 9;

interface ObjectVerdict {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

function site(name: string, more: Parameters<typeof ingress>[1] = {}): object {
  return ingress(name, { host: `${name}.test`, paths: [{ service: 'web' }], ...more });
}

function evil(name: string, words: string, more: Parameters<typeof ingress>[1] = {}): object {
  return site(name, { namespace: 'evil', annotations: { [ciphers]: words }, ...more });
}

function aged(object: object, creationTimestamp: string): object {
  const { metadata, ...rest } = object as { metadata: object };
  return { ...rest, metadata: { ...metadata, creationTimestamp } };
}

async function start(t: TestContext, nginx: NginxBinary): Promise<RunningGateway> {
  const web = await startBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.yaml': [...serviceOn('web', [web.port]), ...serviceOn('web', [web.port], 'evil')],
      'victims.yaml': [site('victim'), ingress('grafana', { host: 'grafana', paths: [{ service: 'web' }] })],
      'shared.yaml': aged(site('shared'), '2025-01-01T00:00:00Z'),
    },
  });
  endNginxWith(t, gateway);
  return gateway;
}

async function quarantined(gateway: RunningGateway): Promise<ObjectVerdict[]> {
  return (await gateway.debug('/debug/objects?state=quarantined')) as ObjectVerdict[];
}

async function names(gateway: RunningGateway): Promise<string[]> {
  return (await quarantined(gateway)).map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`);
}

/** Runs of nginx in each pass that brought something, since a line of the log. */
function testsSince(gateway: RunningGateway, line: number): number[] {
  return gateway.log
    .slice(line)
    .filter(({ message }) => message === 'A generation is live')
    .map(({ tests }) => Number(tests));
}

async function answers(gateway: RunningGateway, host: string): Promise<number> {
  return (await gateway.get(host)).status;
}

onEveryNginx('a flood of culprits harms nobody and holds nobody up', async (t, nginx) => {
  const gateway = await start(t, nginx);

  await t.test('nobody is blamed who is called like the words of a culprit', async () => {
    await applied(gateway, async () => {
      await gateway.write('named.yaml', [evil('a', 'default_web_80'), evil('b', 'grafana')]);
    });
    assert.deepEqual(await names(gateway), ['Ingress/evil/a', 'Ingress/evil/b']);
    for (const host of ['victim.test', 'grafana']) {
      assert.equal(await answers(gateway, host), 200, host);
    }
    await applied(gateway, async () => {
      await gateway.remove('named.yaml');
    });
    assert.deepEqual(await names(gateway), []);
  });

  await t.test('a line of a host is blamed on the Ingress that asked for it', async () => {
    const line = gateway.log.length;
    await applied(gateway, async () => {
      const newer = site('newer', {
        annotations: { [ciphers]: 'nope' },
        host: 'shared.test',
        paths: [{ service: 'web', path: '/x' }],
      });
      await gateway.write('newer.yaml', aged(newer, '2026-01-01T00:00:00Z'));
    });
    assert.deepEqual(await names(gateway), ['Ingress/default/newer']);
    assert.deepEqual(testsSince(gateway, line), [2], 'one test more than culprits');
    assert.equal(await answers(gateway, 'shared.test'), 200);
    await applied(gateway, async () => {
      await gateway.remove('newer.yaml');
    });
  });

  await t.test('the changes of others go on, while culprits are edited and looked for', async () => {
    let port = 80;
    const edits = setInterval(() => {
      port += 1;
      void gateway.write('edits.yaml', serviceWith('edits', { ports: [{ name: 'x', port }] }, 'evil'));
    }, 700);
    t.after(() => clearInterval(edits));
    const line = gateway.log.length;
    const flood = Array.from({ length: culprits }, (_, number) => evil(`f-${number}`, `nope${number}`));
    await gateway.write('flood.yaml', [...flood, site('with-them')]);
    await eventually('who came with them is live', async () => {
      return (await answers(gateway, 'with-them.test')) === 200;
    });
    for (const name of ['first', 'second']) {
      await gateway.write(`${name}.yaml`, site(name));
      await eventually(`${name} is live`, async () => (await answers(gateway, `${name}.test`)) === 200);
    }
    clearInterval(edits);
    await eventually('all culprits are told', async () => {
      const told = (await quarantined(gateway)).filter(({ reasons }) =>
        /nginx refuses.*nope\d/u.test(reasons[0]?.message ?? ''),
      );
      return told.length === culprits;
    });
    const [most = 0, ...others] = testsSince(gateway, line);
    assert.ok(most <= 5, `${most} tests for the batch with the culprits`);
    assert.ok(
      others.every((tests) => tests === 1),
      `${others.join()} tests for each of the others`,
    );
    assert.match(
      await gateway.metrics(),
      new RegExp(`^cloud_native_gateway_quarantined_objects ${culprits}$`, 'mu'),
    );
    assert.equal(await answers(gateway, 'victim.test'), 200);
  });

  await t.test('a restart knows the culprits', async () => {
    const exit = once(gateway.process, 'exit');
    gateway.process.kill('SIGKILL');
    await exit;
    const second = await startGateway(t, { nginx, after: gateway });
    endNginxWith(t, second);
    await eventually('its first pass', async () => (await names(second)).length > 0);
    await applied(second, async () => {
      await second.write('third.yaml', site('third'));
    });
    assert.equal((await names(second)).length, culprits);
    const tests = testsSince(second, 0);
    assert.ok(
      tests.every((one) => one <= 1),
      `${tests.join()} tests: nobody is looked for again`,
    );
    await applied(second, async () => {
      await second.write('flood.yaml', evil('f-0', 'HIGH'));
    });
    await eventually('who is mended is served', async () => (await answers(second, 'f-0.test')) === 200);
    await eventually('nobody is kept out', async () => (await names(second)).length === 0);
  });
});
