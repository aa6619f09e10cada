import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { applied, eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { endNginxWith, nginxOf } from '../support/nginx-processes.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { pickyNginx, type PickyNginx } from '../support/picky-nginx.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { handshake, makePair, type Pair } from '../support/tls.ts';

const own = 'cloud-native-gateway.io';
/** What the picky nginx refuses: nothing says it but a route that is proxied. */
const refusedHost = 'picky.internal';

interface Verdict {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

interface World {
  readonly gateway: RunningGateway;
  readonly picky: PickyNginx;
  readonly templates: string;
  readonly plugins: string;
  /** For `startGateway`: the same folders and ports. */
  readonly again: Parameters<typeof startGateway>[1];
}

function site(name: string, more: Parameters<typeof ingress>[1] = {}): object {
  return ingress(name, { host: `${name}.test`, paths: [{ service: 'web' }], ...more });
}

/** An Ingress that the picky nginx refuses. */
function refused(name: string): object {
  return site(name, { annotations: { 'nginx.ingress.kubernetes.io/upstream-vhost': refusedHost } });
}

function secured(name: string): object {
  return site(name, { tls: [{ hosts: [`${name}.test`], secretName: 'shared' }] });
}

function options(data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'gateway' }, data };
}

function answerWith(mark: string): string {
  return `            add_header X-Template ${mark} always;\n            return {{status}};\n`;
}

function markPlugin(value: string): string {
  return `export function plugin(api) {
  return { route: () => ({ responseHeaders: [api.make.responseHeader('X-Mark', api.make.text('${value}'))] }) };
}
`;
}

async function start(t: TestContext, nginx: NginxBinary, pair: Pair, seconds = 0): Promise<World> {
  const picky = await pickyNginx(t, nginx, seconds);
  await picky.refuseLines([refusedHost]);
  const folder = await temporaryDirectory(t);
  const [templates, plugins] = [path.join(folder, 'templates'), path.join(folder, 'plugins')];
  await mkdir(templates);
  await mkdir(plugins);
  await writeFile(path.join(templates, 'answer.hbs'), answerWith('good'));
  await writeFile(path.join(plugins, 'mark.plugin.js'), markPlugin('good'));
  const backend = await startLoadBackend(t, 'web');
  const again = {
    nginx: picky.binary,
    config: {
      kubernetes: { config_map: 'gateway/options' },
      nginx: { template_path: templates },
      plugins: { directory: plugins },
    },
  };
  const gateway = await startGateway(t, {
    ...again,
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      'steady.yaml': site('steady'),
      'broken.yaml': site('broken'),
      'marked.yaml': site('marked', { annotations: { [`${own}/plugins`]: 'mark' } }),
      'secret.yaml': tlsSecret('shared', pair),
      'secured.yaml': [secured('one'), secured('two'), secured('three')],
      'options.yaml': options({ 'block-user-agents': 'BadBot/1.0' }),
    },
  });
  endNginxWith(t, gateway);
  return { gateway, picky, templates, plugins, again };
}

async function kill(gateway: RunningGateway): Promise<void> {
  const exit = once(gateway.process, 'exit');
  gateway.process.kill('SIGKILL');
  await exit;
}

async function verdicts(gateway: RunningGateway): Promise<Map<string, Verdict>> {
  const all = (await gateway.debug('/debug/objects')) as Verdict[];
  return new Map(all.map((verdict) => [`${verdict.kind}/${verdict.name}`, verdict]));
}

async function serialOf(gateway: RunningGateway, name: string): Promise<string> {
  return (await handshake({ port: gateway.httpsPort, servername: `${name}.test` })).serial;
}

/** What shows that each of the things is in its good form. */
async function shown(gateway: RunningGateway): Promise<Record<string, unknown>> {
  return {
    steady: (await gateway.get('steady.test')).status,
    broken: (await gateway.get('broken.test')).status,
    template: (await gateway.get('nobody.test')).headers['x-template'],
    plugin: (await gateway.get('marked.test')).headers['x-mark'],
    option: (await gateway.get('steady.test', '/', { 'user-agent': 'BadBot/1.0' })).status,
  };
}

const allGood = { steady: 200, broken: 200, template: 'good', plugin: 'good', option: 403 };

interface Generation {
  readonly outcome: string;
  readonly generation: string;
  readonly quarantined: readonly string[];
}

/** What this gateway has brought to nginx itself, oldest first. */
async function brought(gateway: RunningGateway): Promise<Generation[]> {
  const all = (await gateway.debug('/debug/generations')) as Generation[];
  return all.filter(({ outcome }) => outcome !== 'failed').toReversed();
}

/** A gateway that takes over an nginx is ready before its own first pass. */
async function settled(gateway: RunningGateway): Promise<void> {
  await eventually('a pass of its own', async () => (await brought(gateway)).length > 0);
}

/** Breaks one thing of each sort, while no gateway runs. */
async function breakAll({ gateway, templates, plugins }: World): Promise<void> {
  await gateway.write('broken.yaml', refused('broken'));
  await gateway.write('secret.yaml', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'shared', namespace: 'default' },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': 'no PEM at all', 'tls.key': 'neither' },
  });
  await gateway.write('options.yaml', options({ 'block-user-agents': '~(captures)' }));
  await gateway.write('new.yaml', site('new'));
  await writeFile(path.join(templates, 'answer.hbs'), 'return {{status}};\nbogus 1;\n');
  await writeFile(path.join(plugins, 'mark.plugin.js'), 'const a = = 1;\n');
}

onEveryNginx(
  'a restart serves the last good form of all that was broken meanwhile, and what is new',
  async (t, nginx) => {
    const pair = await makePair({ names: ['one.test', 'two.test', 'three.test'] });
    const world = await start(t, nginx, pair);
    assert.deepEqual(await shown(world.gateway), allGood);
    const load = startLoad(t, {
      port: world.gateway.httpPort,
      host: 'broken.test',
      clients: 4,
      restMs: () => 5,
      keepAlive: false,
    });
    await kill(world.gateway);
    await breakAll(world);

    const second = await startGateway(t, { ...world.again, after: world.gateway });
    endNginxWith(t, second);
    await settled(second);

    assert.deepEqual(await shown(second), allGood);
    assert.equal(await serialOf(second, 'two'), pair.serial);
    assert.equal((await second.get('new.test')).status, 200, 'what is new goes live in the same pass');
    const told = await verdicts(second);
    assert.equal(told.get('Ingress/broken')?.state, 'quarantined');
    assert.match(told.get('Ingress/broken')?.reasons[0]?.message ?? '', /last good form goes on/u);
    assert.equal(told.get('Secret/shared')?.state, 'rejected');
    assert.match(told.get('ConfigMap/options')?.reasons[0]?.message ?? '', /last good value, "BadBot/u);
    for (const name of ['one', 'two', 'three', 'steady', 'marked', 'new']) {
      assert.equal(told.get(`Ingress/${name}`)?.state, 'served', name);
    }
    const refusals = second.log.filter(({ message }) => message === 'What an operator added is refused');
    assert.deepEqual(
      new Set(
        refusals.map(
          ({ file, line, inForce }) => `${path.basename(String(file))}:${String(line)}: ${String(inForce)}`,
        ),
      ),
      new Set(['answer.hbs:2: its last good form', 'mark.plugin.js:1: its last good form']),
    );
    // All that is kept is for this user alone, and no key is in it.
    const key = pair.key.split('\n')[1] ?? '';
    for (const name of ['last-good.jsonl', 'good-extensions.json']) {
      const file = path.join(second.stateDir, name);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.ok(!(await readFile(file, 'utf8')).includes(key));
    }

    // A third life finds the same, although the second has never seen the good forms in the cluster.
    await kill(second);
    const third = await startGateway(t, { ...world.again, after: second });
    endNginxWith(t, third);
    await settled(third);
    assert.deepEqual(await shown(third), allGood);
    assert.equal(await serialOf(third, 'three'), pair.serial);

    // Nor does it take the gateway's end: the rendering thread alone is replaced, and has to know as much.
    await writeFile(
      path.join(world.plugins, 'leaving.plugin.js'),
      'export function plugin() { process.exit(0); }\n',
    );
    await eventually('the thread is replaced', () =>
      third.log.some(({ message }) => message === 'The rendering worker was replaced'),
    );
    await applied(third, async () => {
      await third.write('newer.yaml', site('newer'));
    });
    assert.deepEqual(await shown(third), allGood);
    assert.equal(await serialOf(third, 'one'), pair.serial);

    const count = await load.stop();
    t.diagnostic(`two restarts with broken objects, options, templates and plugins: ${describeLoad(count)}`);
    assert.equal(lostOf(count), 0);

    const { master, workers } = await nginxOf(third);
    for (const pid of [master ?? 0, ...workers].filter((one) => one > 0)) {
      process.kill(pid, 'SIGKILL');
    }
    await eventually('nginx is started again', async () => {
      return (await third.get('broken.test').catch(() => null))?.status === 200;
    });
    assert.deepEqual(await shown(third), allGood);
  },
);

onEveryNginx('damaged memory is ignored, and said', async (t, nginx) => {
  const world = await start(t, nginx, await makePair({ names: ['one.test'] }));
  await kill(world.gateway);
  await breakAll(world);
  const { stateDir } = world.gateway;
  await writeFile(
    path.join(stateDir, 'last-good.jsonl'),
    '{"format":"last good objects 1"}\n["object",{}]\n',
  );
  await writeFile(path.join(stateDir, 'good-extensions.json'), 'no JSON');

  const second = await startGateway(t, { ...world.again, after: world.gateway });
  endNginxWith(t, second);
  await settled(second);

  assert.deepEqual(await shown(second), {
    ...allGood,
    broken: 503,
    template: undefined,
    plugin: undefined,
    // Without a last good value what keeps somebody out is read in the strictest way.
    option: 403,
  });
  assert.equal((await second.get('marked.test')).status, 503);
  for (const message of [
    'The last good forms of objects that were kept are not used',
    'The good forms of templates and plugins that were kept are not used',
  ]) {
    const [line] = second.log.filter((entry) => entry.message === message);
    assert.match(String(line?.['reason']), /begin as it should/u, message);
  }
  await eventually('it is written anew', async () => {
    return (await readFile(path.join(stateDir, 'last-good.jsonl'), 'utf8')).includes('steady');
  });
});

onEveryNginx('a Secret that nginx refuses is rolled back alone, for all who use it', async (t, nginx) => {
  const [before, after, mended] = await Promise.all(
    [1, 2, 3].map(async () => await makePair({ names: ['one.test', 'two.test', 'three.test'] })),
  );
  assert.ok(before && after && mended);
  const { gateway, picky } = await start(t, nginx, before);
  await picky.refuseCertificates([after.cert]);
  const tests = await picky.tests();

  await applied(gateway, async () => {
    await gateway.write('secret.yaml', tlsSecret('shared', after));
    await gateway.write('new.yaml', secured('new'));
  });

  assert.ok((await picky.tests()) - tests <= 4, 'one pass, or two where the files were read apart');
  assert.equal((await gateway.get('new.test')).status, 308, 'what is new goes live in the same pass');
  for (const name of ['one', 'two', 'three']) {
    assert.equal(await serialOf(gateway, name), before.serial, name);
    assert.equal((await gateway.get(`${name}.test`)).status, 308);
  }
  const told = await verdicts(gateway);
  assert.equal(told.get('Secret/shared')?.state, 'quarantined');
  assert.match(told.get('Secret/shared')?.reasons[0]?.message ?? '', /PEM_read_bio.*last good form/u);
  for (const name of ['one', 'two', 'three']) {
    assert.equal(told.get(`Ingress/${name}`)?.state, 'served', name);
  }

  await applied(gateway, async () => {
    await gateway.write('secret.yaml', tlsSecret('shared', mended));
  });
  assert.equal(await serialOf(gateway, 'two'), mended.serial);
  assert.equal((await verdicts(gateway)).get('Secret/shared')?.state, 'served');
});

onEveryNginx('three culprits cost four tests, and nobody else waits for more', async (t, nginx) => {
  const { gateway, picky } = await start(t, nginx, await makePair({ names: ['one.test'] }), 0.3);
  const culprits = ['a', 'b', 'c'];
  const others = Array.from({ length: 10 }, (_, number) => `other-${number}`);
  const passes = (await brought(gateway)).length;
  const tests = await picky.tests();

  await gateway.write('many.yaml', [...culprits.map(refused), ...others.map((name) => site(name))]);
  await eventually('the search has begun', async () => (await picky.tests()) > tests);
  // This one comes while the culprits are searched for.
  await gateway.write('late.yaml', site('late'));
  await eventually('all are live', async () => (await gateway.get('other-9.test')).status === 200);
  await eventually('the pass is told', async () => (await brought(gateway)).length > passes);
  const first = (await brought(gateway))[passes];

  assert.deepEqual(
    first?.quarantined.toSorted(),
    culprits.map((name) => `Ingress/default/${name}`),
    'all of them are found in one pass, in which the others go live',
  );
  for (const name of others) {
    assert.equal((await gateway.get(`${name}.test`)).status, 200, name);
  }
  for (const name of culprits) {
    assert.equal((await gateway.get(`${name}.test`)).status, 503, name);
  }
  const line = gateway.log.find(
    ({ message, quarantined }) => message === 'A generation is live' && (quarantined as string[]).length > 0,
  );
  assert.equal(line?.['tests'], culprits.length + 1);
  await eventually('the late one is live', async () => (await gateway.get('late.test')).status === 200);
  assert.equal((await picky.tests()) - tests, culprits.length + 1 + 1, 'and one for the late one');
});

onEveryNginx('a state folder that is removed gets back all that a restart needs', async (t, nginx) => {
  const { gateway } = await start(t, nginx, await makePair({ names: ['one.test'] }));
  const kept = ['complete.json', 'last-good.jsonl', 'good-extensions.json', 'verified.json'];
  await eventually('all are there', async () => {
    const entries = await readdir(gateway.stateDir);
    return kept.every((name) => entries.includes(name));
  });

  await rm(gateway.stateDir, { recursive: true });

  await eventually('all are there again', async () => {
    const entries: string[] = await readdir(gateway.stateDir).catch(() => []);
    return kept.every((name) => entries.includes(name));
  });
  await eventually('the marker names what is live', async () => {
    const marker = await readFile(path.join(gateway.stateDir, 'complete.json'), 'utf8');
    const { generation } = JSON.parse(marker) as { generation: string | null };
    return generation === (await brought(gateway)).at(-1)?.generation;
  });
});
