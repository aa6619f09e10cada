import assert from 'node:assert/strict';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { eventually, onCurrentNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad, type Load } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const own = 'cloud-native-gateway.io';
const builtin = path.resolve(import.meta.dirname, '../../templates/nginx.conf.hbs');

/** What is wrong, the line that is told (null: the whole file), and the words. */
type Case = readonly [text: string, line: number | null, told: RegExp];

function answerWith(mark: string): string {
  return `            add_header X-Template ${mark} always;\n            return {{status}};\n`;
}

function markPlugin(value: string): string {
  return `export function plugin(api) {
  return { route: () => ({ responseHeaders: [api.make.responseHeader('X-Mark', api.make.text('${value}'))] }) };
}
`;
}

/** A route hook with this body. */
function hook(body: string): string {
  return `export function plugin(api) {\n  return { route(route) { ${body} } };\n}\n`;
}

/** An Ingress of one host, with one plugin. */
function site(name: string, plugin?: string): object {
  return ingress(name, {
    host: `${name}.test`,
    paths: [{ service: 'web' }],
    ...(plugin !== undefined && { annotations: { [`${own}/plugins`]: plugin } }),
  });
}

interface World {
  readonly gateway: RunningGateway;
  readonly templates: string;
  readonly plugins: string;
}

async function start(t: TestContext, nginx: NginxBinary): Promise<World> {
  const folder = await temporaryDirectory(t);
  const [templates, plugins] = [path.join(folder, 'templates'), path.join(folder, 'plugins')];
  await mkdir(templates);
  await mkdir(plugins);
  await writeFile(path.join(templates, 'answer.hbs'), answerWith('good'));
  await writeFile(path.join(plugins, 'mark.plugin.js'), markPlugin('good'));
  await writeFile(path.join(plugins, 'other.plugin.js'), markPlugin('other'));
  const backend = await startLoadBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx,
    config: { nginx: { template_path: templates }, plugins: { directory: plugins } },
    env: { CNG_DEADLINE_FACTOR: '0.2', CNG_WORKER_HEAP_MB: '256' },
    manifests: {
      'web.yaml': serviceOn('web', [backend.port]),
      'sites.yaml': [
        site('marked', 'mark'),
        site('other', 'other'),
        ...Array.from({ length: 6 }, (_, number) => site(`site-${number}`)),
      ],
    },
  });
  return { gateway, templates, plugins };
}

async function put(folder: string, name: string, text: string): Promise<void> {
  await writeFile(path.join(folder, `.${name}.new`), text);
  await rename(path.join(folder, `.${name}.new`), path.join(folder, name));
}

/** Waits until a refusal is told with file and line. */
async function refused(
  gateway: RunningGateway,
  file: string,
  [text, line, told]: Case,
  since: number,
): Promise<void> {
  await eventually(`a refusal of ${text.slice(0, 200)} with ${told}`, () =>
    gateway.log
      .slice(since)
      .some(
        (entry) =>
          entry.message === 'What an operator added is refused' &&
          path.basename(String(entry['file'])) === file &&
          (entry['line'] ?? null) === line &&
          told.test(String(entry['reason'])),
      ),
  ).catch((error: unknown) => {
    const said = gateway.log.slice(since).filter(({ level }) => level !== 'debug');
    throw new Error(`${String(error)}: ${JSON.stringify(said, null, 1)}`, { cause: error });
  });
}

/** What shows that the good forms are in force: of the template, of the plugin, and of the one beside it. */
async function shown({ gateway }: World): Promise<unknown[]> {
  return [
    (await gateway.get('nobody.test')).headers['x-template'],
    (await gateway.get('marked.test')).headers['x-mark'],
    (await gateway.get('other.test')).headers['x-mark'],
  ];
}

const nest = Array.from(
  { length: 9 },
  (_, pair) => `{{#each ${'../'.repeat(2 * pair)}servers}}{{#each locations}}`,
);

/** Printed for each of the servers, for each of these, and so on: nothing that ends. */
function nested(inner: string, depth: number): string {
  return nest.slice(0, depth).join('') + inner + '{{/each}}{{/each}}'.repeat(depth);
}

/** Puts one case after the other in place, and sees each refused while the good forms go on. */
async function endure(world: World, folder: string, file: string, cases: readonly Case[]): Promise<void> {
  for (const one of cases) {
    const since = world.gateway.log.length;
    await put(folder, file, one[0]);
    await refused(world.gateway, file, one, since);
    assert.deepEqual(await shown(world), ['good', 'good', 'other']);
  }
}

function loadOn(t: TestContext, { gateway }: World): Load {
  const { httpPort: port } = gateway;
  return startLoad(t, { port, host: 'marked.test', clients: 4, restMs: () => 10, keepAlive: false });
}

async function nothingLost(t: TestContext, { gateway }: World, load: Load, what: string): Promise<void> {
  assert.equal((await gateway.health('/ready')).status, 200);
  const count = await load.stop();
  t.diagnostic(`${what}: ${describeLoad(count)}`);
  assert.equal(lostOf(count), 0);
}

onCurrentNginx('templates that misbehave in every way leave traffic as it is', async (t, nginx) => {
  const world = await start(t, nginx);
  const { templates } = world;
  const load = loadOn(t, world);
  const frame = await readFile(builtin, 'utf8');
  const answers: Case[] = [
    ['{{#if status}}\n', 2, /Expecting|Parse error/u],
    ['\n{{shout status}}\n', 2, /unknown helper/u],
    ['{{> nowhere}}\n', 1, /unknown partial/u],
    ['\n{{constructor}}\n', 2, /no field/u],
    ['\n{{status.constructor}}\n', 2, /no field/u],
    ['{{#with __proto__}}{{value toString}}{{/with}}\n', 1, /no field/u],
    ['{{value (lookup status "constructor")}}\n', 1, /no field/u],
    ['{{{status}}}\n', 1, /without an encoder/u],
    ['{{> answer}}\n', 1, /prints itself without end/u],
    ['return 404;\nretrun 404;\n', 2, /retrun/u],
    ['return 404;\n}}}}\n', 2, /closes with "\}" a block that it has not opened/u],
  ];
  const frames: Case[] = [
    [`${frame}${nested('{{#if action.proxy}}{{/if}}', 9)}`, null, /did not end within/u],
    // Printed 729 times: 180 MB, and more than a string can hold.
    [`${frame}${nested(`# ${'x'.repeat(250_000)}\n`, 3)}`, null, /at most 134217728 are allowed/u],
    [`${frame}${nested(`# ${'x'.repeat(900_000)}\n`, 3)}`, 1, /Invalid string length/u],
  ];
  await endure(world, templates, 'answer.hbs', answers);
  await put(templates, 'answer.hbs', answerWith('good'));
  await endure(world, templates, 'nginx.conf.hbs', frames);
  await nothingLost(t, world, load, `${answers.length + frames.length} templates that misbehave`);
});

onCurrentNginx('plugins that misbehave in every way leave traffic as it is', async (t, nginx) => {
  const world = await start(t, nginx);
  const { plugins } = world;
  const load = loadOn(t, world);
  const cases: Case[] = [
    ['const a = 1;\nconst b = = 2;\n', 2, /Unexpected/u],
    ['\nthrow new Error("no");\n', 2, /^no$/u],
    ['throw null;\n', null, /null/u],
    [hook('throw new Error("oh");'), 2, /throws.*oh/u],
    [hook('throw Object.create(null);'), null, /throws.*cannot be shown/u],
    [hook('return { location: { get x() { throw new Error("trap"); } } };'), 2, /throws.*trap/u],
    [hook('return new Proxy({}, { ownKeys() { throw new Error("trap"); } });'), 2, /trap/u],
    [hook('return { responseHeaders: [{ name: "X", value: "y; } evil" }] };'), null, /a header is made by/u],
    [hook('return { responseHeaders: { length: 1e9 } };'), null, /throws/u],
    [
      hook('return { responseHeaders: [api.make.responseHeader("X", api.make.text("x".repeat(100e6)))] };'),
      2,
      /longer than 4096/u,
    ],
    [hook('const all = []; for (;;) all.push(new Array(1e6).fill("x"));'), null, /memory|did not return/u],
    [hook('for (;;) {}'), null, /did not return within/u],
    ['for (;;) {}\n', null, /did not return within/u],
    [
      'Object.prototype.polluted = "yes";\nexport function plugin() { return {}; }\n',
      null,
      /it changes Object\.prototype\.polluted/u,
    ],
    ['Array.prototype.map = () => { throw new Error("gone"); };\n', null, /./u],
    [hook('Array.prototype.flatMap = () => []; return {};'), null, /has changed Array\.prototype\.flatMap/u],
    [hook('Object.prototype.toJSON = () => "x"; return {};'), null, /has changed Object\.prototype\.toJSON/u],
    [hook('Map.prototype.get = undefined; return {};'), null, /has changed Map\.prototype\.get/u],
    [hook('process.exit(0);'), null, /exit code/u],
    ['export function plugin() { Promise.reject(new Error("later")); return {}; }\n', null, /later/u],
    ['export async function plugin() { return {}; }\n', null, /is async/u],
  ];
  await endure(world, plugins, 'mark.plugin.js', cases);
  // In the same thread, after all of it.
  await put(plugins, 'mark.plugin.js', markPlugin('mended'));
  await eventually('the mended form', async () => {
    return (await world.gateway.get('marked.test')).headers['x-mark'] === 'mended';
  });
  await nothingLost(t, world, load, `${cases.length} plugins that misbehave`);
});

onCurrentNginx(
  'a plugin that turns bad after it was accepted is found, and no other is blamed',
  async (t, nginx) => {
    const world = await start(t, nginx);
    const { gateway, plugins } = world;
    const load = loadOn(t, world);
    const since = gateway.log.length;
    // Good until it sees one object.
    const trap = `route: (route) => { if (route.object.endsWith('/later')) { Object.prototype.trap = 1; } return {`;
    await put(
      plugins,
      'mark.plugin.js',
      markPlugin('trap').replace('route: () => ({', trap).replace('}) };', '}; } };'),
    );
    await eventually('it is served', async () => {
      return (await gateway.get('marked.test')).headers['x-mark'] === 'trap';
    });
    await gateway.write('later.yaml', [site('later', 'mark'), site('last')]);

    await eventually('it is found', () =>
      gateway.log.slice(since).some(({ message }) => message === 'What an operator added is refused'),
    );
    // Old workers may answer for a while.
    await eventually('changes go on', async () => (await gateway.get('last.test')).status === 200);
    await eventually('with the form before it', async () => {
      return (await gateway.get('later.test')).headers['x-mark'] === 'good';
    });
    // Each request may meet another worker.
    await eventually('everywhere', async () => (await shown(world)).join() === 'good,good,other');
    const told = gateway.log
      .slice(since)
      .filter(({ message }) => message === 'What an operator added is refused');
    assert.deepEqual(
      told.map(({ extension, inForce }) => [extension, inForce]),
      [['plugin mark', 'its last good form']],
    );
    await nothingLost(t, world, load, 'a plugin that turns bad after it was accepted');
  },
);
