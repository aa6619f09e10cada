import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { shellScript } from '../support/nginx-instance.ts';
import { ingress, serviceOn, type IngressOptions } from '../support/objects.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { trapFolder } from '../support/template-trap.ts';

const prefix = 'nginx.ingress.kubernetes.io';

interface ObjectVerdict {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

async function trapped(t: TestContext, nginx: NginxBinary): Promise<RunningGateway> {
  const backend = await startBackend(t, 'web');
  return await startGateway(t, {
    nginx,
    config: { nginx: { template_path: await trapFolder(t) } },
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      'good.yaml': object('good', {}),
      'bad.yaml': object('bad', {}),
    },
  });
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
  const gateway = await trapped(t, nginx);
  assert.deepEqual([await statusOf(gateway, 'good'), await statusOf(gateway, 'bad')], [200, 200]);
  assert.equal(await quarantined(gateway), 0);
  assert.equal((await gateway.debugText('/debug/config/failed')).status, 404);

  await t.test('the others are updated in the same pass, and its last good form goes on', async () => {
    await Promise.all([
      gateway.write('bad.yaml', object('bad', { trap: true })),
      gateway.write('good.yaml', object('good', { hosts: 'better' })),
      gateway.write('never.yaml', object('never', { trap: true })),
    ]);
    await eventually('both are kept out', async () => (await quarantined(gateway)) === 2);
    await eventually('the good one is served', async () => (await statusOf(gateway, 'better')) === 200);
    assert.equal(await statusOf(gateway, 'good'), 404);
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

  await t.test('who is mended is released', async () => {
    await applied(gateway, async () => {
      await gateway.write('bad.yaml', object('bad', {}));
    });
    assert.equal(await statusOf(gateway, 'bad'), 200);
    assert.equal((await verdictOn(gateway, 'bad')).state, 'served');
    assert.equal(await quarantined(gateway), 1);
    await applied(gateway, async () => {
      await gateway.remove('never.yaml');
    });
    assert.equal(await quarantined(gateway), 0);
    assert.equal(await statusOf(gateway, 'never'), 404);
  });
});

onEveryNginx('a last good form keeps no more than its new version asks for', async (t, nginx) => {
  const backend = await startBackend(t, 'web');
  const names = ['moving', 'site', 'secured'];
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      ...Object.fromEntries(
        names.map((name) => [`${name}.yaml`, form(name, name, ['/', '/open', '/secret'])]),
      ),
    },
  });

  function form(
    name: string,
    host: string,
    paths: readonly string[],
    more: Partial<IngressOptions> = {},
  ): object {
    return ingress(name, {
      host: `${host}.example`,
      paths: paths.map((path) => ({ service: 'web', path })),
      ...more,
    });
  }

  async function change(file: string, content: object): Promise<void> {
    await applied(gateway, async () => {
      await gateway.write(file, content);
    });
  }

  const bad = { annotations: { [`${prefix}/ssl-ciphers`]: 'nope' } };

  await t.test('a host that was given up is free for another one', async () => {
    await change('moving.yaml', form('moving', 'moved', ['/'], bad));
    assert.equal(await statusOf(gateway, 'moving'), 404);
    assert.equal(await statusOf(gateway, 'moved'), 503, 'there is no form with that host');
    await change('next.yaml', form('next', 'moving', ['/']));
    assert.equal(await statusOf(gateway, 'moving'), 200);
    assert.equal((await verdictOn(gateway, 'next')).state, 'served');
  });

  await t.test('a path that was removed is closed at once, the others go on', async () => {
    await change('site.yaml', form('site', 'site', ['/open'], bad));
    assert.equal((await gateway.get('site.example', '/open')).status, 200);
    assert.equal((await gateway.get('site.example', '/secret')).status, 404);
    assert.match((await verdictOn(gateway, 'site')).reasons[0]?.message ?? '', /last good form/u);
  });

  await t.test('a form without the TLS that is asked for now is not served', async () => {
    const tls = [{ hosts: ['secured.example'] }];
    await change('secured.yaml', form('secured', 'secured', ['/'], { ...bad, tls }));
    assert.notEqual(await statusOf(gateway, 'secured'), 200);
    const { state, reasons } = await verdictOn(gateway, 'secured');
    assert.equal(state, 'quarantined');
    assert.doesNotMatch(reasons[0]?.message ?? '', /last good form/u);
  });
});

onEveryNginx(
  'a restart finds who is kept out again, and serves its last good form and the others',
  async (t, nginx) => {
    const folder = await temporaryDirectory(t);
    // As an nginx does that was built without something: it says no in its own words, with file and line.
    const picky = await shellScript(
      folder,
      'nginx',
      `case " $* " in *' -t '*)
      for argument; do case $argument in */candidate/*) file=$argument ;; esac; done
      line=$(awk '/location = .exact/ { at = NR } /proxy_pass/ && at { print at; exit } /}/ { at = 0 }' "$file")
      if [ -n "$line" ]; then
        echo "nginx: [emerg] unknown directive \\"exact\\" in $file:$line" >&2
        exit 1
      fi ;;
    esac
    exec ${nginx.path} "$@"`,
    );
    const binary = { ...nginx, path: picky };
    const backend = await startBackend(t, 'web');
    const first = await startGateway(t, {
      nginx: binary,
      manifests: { 'web.yaml': serviceOn('web', [backend.port]), 'bad.yaml': object('bad', {}) },
    });
    await Promise.all([
      first.write('bad.yaml', object('bad', { trap: true })),
      first.write('never.yaml', object('never', { trap: true })),
    ]);
    await eventually('both are kept out', async () => (await quarantined(first)) === 2);
    await applied(first, async () => {
      await first.write('good.yaml', object('good', {}));
    });
    assert.deepEqual(
      [await statusOf(first, 'good'), await statusOf(first, 'bad'), await statusOf(first, 'never')],
      [200, 200, 503],
    );
    await first.stop();
    const second = await startGateway(t, { nginx: binary, after: first });
    assert.equal(await quarantined(second), 2);
    for (const name of ['bad', 'never']) {
      assert.equal((await verdictOn(second, name)).state, 'quarantined');
    }
    assert.deepEqual([await statusOf(second, 'bad'), await statusOf(second, 'never')], [200, 503]);
    assert.match((await verdictOn(second, 'bad')).reasons[0]?.message ?? '', /last good form/u);
    assert.equal(await statusOf(second, 'good'), 200);
    // What it says now is what is served already.
    await second.write('bad.yaml', object('bad', {}));
    await eventually('it is released', async () => (await verdictOn(second, 'bad')).state === 'served');
    assert.deepEqual([await statusOf(second, 'bad'), await quarantined(second)], [200, 1]);
  },
);
