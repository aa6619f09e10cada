import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { ingress, serviceOn, type IngressOptions } from '../support/objects.ts';
import { trapFolder } from '../support/template-trap.ts';

const prefix = 'nginx.ingress.kubernetes.io';

interface ObjectVerdict {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

async function trapped(
  t: TestContext,
  nginx: NginxBinary,
): Promise<{ gateway: RunningGateway; config: object }> {
  const backend = await startBackend(t, 'web');
  const config = { nginx: { template_path: await trapFolder(t) } };
  const gateway = await startGateway(t, {
    nginx,
    config,
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      'good.yaml': object('good', {}),
      'bad.yaml': object('bad', {}),
    },
  });
  return { gateway, config };
}

function object(
  name: string,
  more: { trap?: boolean; hosts?: string; annotations?: Record<string, string> },
): object {
  const paths: IngressOptions['paths'] = [
    { service: 'web', path: '/' },
    ...(more.trap === true ? [{ service: 'web', path: '/exact', pathType: 'Exact' }] : []),
  ];
  return ingress(name, {
    host: `${more.hosts ?? name}.example`,
    paths,
    ...(more.annotations && { annotations: more.annotations }),
  });
}

async function verdictOn(gateway: RunningGateway, name: string): Promise<ObjectVerdict> {
  const [verdict] = (await gateway.debug(`/debug/objects?kind=Ingress&name=${name}`)) as ObjectVerdict[];
  assert.ok(verdict, `there is a verdict on ${name}`);
  return verdict;
}

async function statusOf(gateway: RunningGateway, name: string): Promise<number> {
  return (await gateway.get(`${name}.example`)).status;
}

async function quarantined(gateway: RunningGateway): Promise<number> {
  const page = await gateway.metrics();
  return Number(/^cloud_native_gateway_quarantined_objects (\d+)$/mu.exec(page)?.[1] ?? Number.NaN);
}

onEveryNginx('who nginx refuses is kept out alone, until it is mended', async (t, nginx) => {
  const { gateway, config } = await trapped(t, nginx);
  assert.deepEqual([await statusOf(gateway, 'good'), await statusOf(gateway, 'bad')], [200, 200]);
  assert.equal(await quarantined(gateway), 0);
  assert.equal((await gateway.debugText('/debug/config/failed')).status, 404);

  await t.test('the others are updated in the same pass, and its last good form goes on', async () => {
    await applied(gateway, async () => {
      await Promise.all([
        gateway.write('bad.yaml', object('bad', { trap: true })),
        gateway.write('good.yaml', object('good', { hosts: 'better' })),
        gateway.write('never.yaml', object('never', { trap: true })),
      ]);
    });
    await eventually('both are kept out', async () => (await quarantined(gateway)) === 2);
    assert.deepEqual([await statusOf(gateway, 'better'), await statusOf(gateway, 'good')], [200, 404]);
    assert.equal(await statusOf(gateway, 'bad'), 200, 'the form before goes on');
    assert.equal(await statusOf(gateway, 'never'), 503, 'there is no form before');
    for (const name of ['bad', 'never']) {
      const { state, reasons } = await verdictOn(gateway, name);
      assert.equal(state, 'quarantined');
      assert.match(reasons[0]?.message ?? '', /nginx refuses.*expires never-ever;.*invalid value/u);
    }
    assert.match((await verdictOn(gateway, 'bad')).reasons[0]?.message ?? '', /last good form/u);
    assert.equal((await verdictOn(gateway, 'good')).state, 'served');
  });

  await t.test('the failure can be looked at', async () => {
    const failed = await gateway.debugText('/debug/config/failed');
    assert.equal(failed.status, 200);
    const marked = failed.body.split('\n').filter((line) => line.includes('expires never-ever;'));
    assert.ok(
      marked.some((line) => /^\W*(?:>|→|\d+\s*[>|])/u.test(line)),
      failed.body.slice(0, 600),
    );
    assert.match(failed.body, /Ingress\/default\/(?:bad|never)/u);
    const live = (await gateway.debugText('/debug/config')).body;
    assert.doesNotMatch(live, /never-ever/u);
    const generations = (await gateway.debug('/debug/generations')) as {
      outcome: string;
      quarantined: string[];
    }[];
    const now = generations.find(({ outcome }) => outcome === 'live');
    assert.deepEqual(now?.quarantined.toSorted(), ['Ingress/default/bad', 'Ingress/default/never']);
  });

  await t.test('other changes go on, without another search', async () => {
    await applied(gateway, async () => {
      await gateway.write('more.yaml', object('more', {}));
    });
    assert.equal(await statusOf(gateway, 'more'), 200);
    assert.equal(await statusOf(gateway, 'bad'), 200);
    assert.equal(await quarantined(gateway), 2);
    const line = gateway.log.findLast(({ message }) => message === 'A generation is live');
    assert.equal(line?.['tests'], 1, 'one test for one change');
  });

  await t.test('a form with other protections is not served in the place of the new one', async () => {
    const annotations = { [`${prefix}/whitelist-source-range`]: '10.0.0.0/8' };
    await applied(gateway, async () => {
      await gateway.write('bad.yaml', object('bad', { trap: true, annotations }));
    });
    assert.equal(await statusOf(gateway, 'bad'), 503);
    assert.equal((await verdictOn(gateway, 'bad')).state, 'quarantined');
    assert.doesNotMatch((await verdictOn(gateway, 'bad')).reasons[0]?.message ?? '', /last good form/u);
  });

  let after = gateway;
  await t.test('a restart finds the same ones again and serves the others', async () => {
    await gateway.stop();
    after = await startGateway(t, { nginx, config: config as never, after: gateway });
    await eventually('both are kept out', async () => (await quarantined(after)) === 2);
    assert.deepEqual(
      await Promise.all(['better', 'more', 'bad', 'never'].map(async (name) => await statusOf(after, name))),
      [200, 200, 503, 503],
    );
    assert.equal((await verdictOn(after, 'never')).state, 'quarantined');
  });

  await t.test('who is mended is released', async () => {
    await applied(after, async () => {
      await after.write('bad.yaml', object('bad', {}));
    });
    assert.equal(await statusOf(after, 'bad'), 200);
    assert.equal((await verdictOn(after, 'bad')).state, 'served');
    assert.equal(await quarantined(after), 1);
    await applied(after, async () => {
      await after.remove('never.yaml');
    });
    assert.equal(await quarantined(after), 0);
    assert.equal(await statusOf(after, 'never'), 404);
  });
});
