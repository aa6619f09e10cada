import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { startLoadBackend } from '../support/load-backend.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { eventually, startGateway, type RunningGateway } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const host = 'worker.example';
const builtin = path.resolve(import.meta.dirname, '../../templates/nginx.conf.hbs');

/** By what is to be reached, so that it is not the other one. */
const limits = {
  timeout: { CNG_DEADLINE_FACTOR: '0.05' },
  crash: { CNG_WORKER_HEAP_MB: '64' },
} as const;

/** A template whose cost is a power of the number of servers: harmless at first, without end later. */
async function growing(t: TestContext, inner: string): Promise<string> {
  const folder = path.join(await temporaryDirectory(t), 'templates');
  await mkdir(folder);
  const pairs = 5;
  // Handlebars counts `../` by changes of context: a server inside the same server would be none.
  const opened = Array.from(
    { length: pairs },
    (_, pair) => `{{#each ${'../'.repeat(2 * pair)}servers}}{{#each locations}}`,
  );
  const nest = opened.join('') + inner + '{{/each}}{{/each}}'.repeat(pairs);
  await writeFile(path.join(folder, 'nginx.conf.hbs'), `${await readFile(builtin, 'utf8')}${nest}`);
  return folder;
}

async function serving(
  t: TestContext,
  inner: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningGateway> {
  const nginx = nginxBinaries().at(-1);
  assert.ok(nginx);
  const backend = await startLoadBackend(t, 'web');
  return await startGateway(t, {
    nginx,
    config: { nginx: { template_path: await growing(t, inner) } },
    env,
    manifests: {
      'web.yaml': [
        ...serviceOn('web', [backend.port]),
        ingress('web', { host, paths: [{ service: 'web' }] }),
      ],
    },
  });
}

async function restarts(gateway: RunningGateway, reason: string): Promise<number> {
  const page = await gateway.metrics();
  const count = new RegExp(
    `^cloud_native_gateway_worker_restarts_total\\{reason="${reason}"\\} (\\d+)$`,
    'mu',
  );
  return Number(count.exec(page)?.[1] ?? Number.NaN);
}

async function survives(
  t: TestContext,
  inner: string,
  reason: keyof typeof limits,
  code: RegExp,
): Promise<void> {
  const gateway = await serving(t, inner, limits[reason]);
  const load = startLoad(t, { port: gateway.httpPort, host, clients: 4, restMs: () => 10, keepAlive: true });
  const many = Array.from({ length: 40 }, (_, number) =>
    ingress(`many-${number}`, { host: `many-${number}.example`, paths: [{ service: 'web' }] }),
  );
  await gateway.write('many.yaml', many);
  await eventually('the worker is replaced', async () => {
    // Asked all the while: the main thread goes on answering.
    assert.equal((await gateway.health('/healthz')).status, 200);
    return (await restarts(gateway, reason)) >= 1;
  });
  assert.equal((await gateway.health('/ready')).status, 200);
  const told = gateway.log.find(({ message }) => message === 'A pass failed; what is served stays');
  assert.match(JSON.stringify(told), code);
  assert.equal((await gateway.get(host)).status, 200);
  // It was good, and holds up every change now: the built-in one takes its place.
  await eventually('all hosts are served', async () => (await gateway.get('many-39.example')).status === 200);
  const refused = gateway.log.filter(({ message }) => message === 'What an operator added is refused');
  assert.deepEqual(
    refused.map(({ file, inForce }) => [path.basename(String(file)), inForce]),
    [['nginx.conf.hbs', 'what is built in, without it']],
  );
  assert.match(
    String(refused[0]?.['reason']),
    /it was good before and is too much for what the cluster has become/u,
  );
  const report = (await gateway.debug('/debug/template')) as { extensions: { inForce: string }[] };
  assert.deepEqual(
    report.extensions.map(({ inForce }) => inForce),
    ['none'],
  );
  await gateway.write('many.yaml', ingress('few', { host: 'few.example', paths: [{ service: 'web' }] }));
  await eventually('changes go on', async () => (await gateway.get('few.example')).status === 200);
  const count = await load.stop();
  t.diagnostic(`a rendering worker replaced (${reason}): ${describeLoad(count)}`);
  assert.equal(lostOf(count), 0);
}

describe('a template that outgrows its limits', { concurrency: true }, () => {
  test('in time', async (t) => {
    await survives(t, '{{#if action.proxy}}{{/if}}', 'timeout', /CNG_WORKER_DEADLINE/u);
  });
  test('in size', async (t) => {
    // Much in each round, so that memory ends before time does.
    const inner = '# printed again and again {{literal match.prefix}}\n'.repeat(40);
    await survives(t, inner, 'crash', /CNG_WORKER_CRASHED/u);
  });
});
