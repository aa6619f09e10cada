import assert from 'node:assert/strict';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { eventually, onEveryNginx, startGateway, type RunningGateway } from '../support/gateway.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

/** A partial of every location's answer, with a header that shows which form of it is in force. */
function answerWith(mark: string): string {
  return `            add_header X-Template ${mark} always;\n            return {{status}};\n`;
}

/** What `/debug/template` says, as far as it is looked at here. */
interface Report {
  readonly extensions: readonly { readonly from: string; readonly inForce: string }[];
  readonly templates: readonly {
    readonly name: string;
    readonly from: string;
    readonly replaces: string | null;
    readonly drifted: boolean | null;
  }[];
}

async function put(folder: string, name: string, text: string): Promise<void> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function serve(
  t: TestContext,
  nginx: NginxBinary,
  config: Record<string, Record<string, unknown>>,
  more: Record<string, object> = {},
): Promise<RunningGateway> {
  const backend = await startBackend(t, 'shop');
  return await startGateway(t, {
    nginx,
    config,
    env: { CNG_DEADLINE_FACTOR: '0.25' },
    manifests: {
      'shop.yaml': [
        ...serviceOn('shop', [backend.port]),
        ingress('shop', { host: 'shop.test', paths: [{ service: 'shop' }] }),
      ],
      ...more,
    },
  });
}

async function markOf(gateway: RunningGateway): Promise<string | undefined> {
  const { headers } = await gateway.get('nobody.test');
  return headers['x-template'] as string | undefined;
}

async function shows(gateway: RunningGateway, mark: string | undefined): Promise<void> {
  await eventually(`the template ${mark}`, async () => (await markOf(gateway)) === mark);
  assert.equal((await gateway.get('shop.test')).status, 200, 'traffic goes on');
}

/** Waits until a refusal is logged whose message matches. */
async function refused(
  gateway: RunningGateway,
  file: RegExp,
  line: number | null,
  message: RegExp,
): Promise<void> {
  await eventually(`a refusal of ${message}`, () =>
    Promise.resolve(
      gateway.log.some(
        (entry) =>
          entry.message === 'What an operator added is refused' &&
          file.test(String(entry['file'])) &&
          (entry['line'] ?? null) === line &&
          message.test(JSON.stringify(entry)),
      ),
    ),
  ).catch((error: unknown) => {
    const told = gateway.log.filter((entry) => entry.level === 'error');
    throw new Error(`${String(error)}: ${JSON.stringify(told, null, 1)}`, { cause: error });
  });
}

onEveryNginx('templates of a folder are followed, and broken ones refused', async (t, nginx) => {
  const folder = await temporaryDirectory(t);
  await put(folder, 'answer.hbs', answerWith('one'));
  const gateway = await serve(t, nginx, { nginx: { template_path: folder } });
  await shows(gateway, 'one');

  await put(folder, 'answer.hbs', answerWith('two'));
  await shows(gateway, 'two');

  // Where it came from, and that the built-in one has changed since it was made.
  await put(folder, 'answer.hbs', `{{! contract: 1, made for: 0123456789abcdef }}\n${answerWith('three')}`);
  await shows(gateway, 'three');
  async function reported(): Promise<Report> {
    return (await gateway.debug('/debug/template')) as Report;
  }
  await eventually(
    'that it was accepted',
    async () => (await reported()).extensions[0]?.inForce === 'present',
  );
  const report = await reported();
  assert.equal(report.extensions[0]?.from, folder);
  const answer = report.templates.find(({ name }) => name === 'answer');
  assert.equal(answer?.from, path.join(folder, 'answer.hbs'));
  assert.equal(answer.drifted, true);
  assert.match(
    (await gateway.debugText('/debug/template?format=text')).body,
    /made for another built-in one/u,
  );
  assert.match((await gateway.debugText('/debug/template?name=answer')).body, /X-Template three/u);
  await eventually('the warning', () =>
    Promise.resolve(gateway.log.some(({ message }) => message.startsWith('A template was made for another'))),
  );
  await put(folder, 'answer.hbs', `{{! contract: 1, made for: ${answer.replaces} }}\n${answerWith('two')}`);
  await shows(gateway, 'two');
  await eventually('no drift', async () =>
    (await reported()).templates.every(({ drifted }) => drifted !== true),
  );

  // A mistake in each of the ways there are: the last good form stays, and file and line are told.
  const broken: [string, number | null, RegExp][] = [
    [`# first line\n{{#if status}}\n`, 3, /Parse error|Expecting/u],
    [`{{shout status}}\n`, 1, /unknown helper/u],
    [`\n\n{{> nowhere}}\n`, 3, /unknown partial/u],
    [`\n{{#if statuss}}\n{{/if}}\n`, 2, /no field .*statuss/u],
    [`\n    return {{statuss}};\n`, 2, /no field/u],
    [`    {{{status}}}\n`, 1, /without an encoder/u],
    [`    return 404;\n    retrun 404;\n`, 2, /retrun/u],
    [`    return 404;\n    load_module x.so;\n`, 2, /load_module/u],
    [`{{! contract: 99 }}\n    return 404;\n`, 1, /contract 99/u],
    [`\n{{> answer}}\n`, 2, /prints itself/u],
    [`{{literal ../status}}\n`, 1, /leads out of the template/u],
    [`    return 404;\n    }\n`, 2, /has not opened/u],
    ['\n', 1, /it is blank/u],
  ];
  for (const [text, line, message] of broken) {
    await put(folder, 'answer.hbs', text);
    await refused(gateway, /answer\.hbs$/u, line, message);
    await shows(gateway, 'two');
  }

  await put(folder, 'answer.hbs', answerWith('two'));

  // An object is not blamed for a template: it goes on being served, and so does a change of it.
  await put(folder, 'location.hbs', '        location {{literal match.prefix}} { bogus; }\n');
  await refused(gateway, /location\.hbs$/u, 1, /bogus/u);
  await rm(path.join(folder, 'location.hbs'));
  await put(folder, 'proxy.hbs', `    proxy_pass {{protocol}}://{{literal upstream}};\n    bogus on;\n`);
  await refused(gateway, /proxy\.hbs$/u, 2, /bogus/u);
  assert.equal((await gateway.get('shop.test')).status, 200);
  const objects = (await gateway.debug('/debug/objects?kind=Ingress')) as { state: string }[];
  assert.deepEqual(
    objects.map(({ state }) => state),
    ['served'],
  );

  // What would serve nobody, though nginx takes it.
  await put(folder, 'server.hbs', '    # none\n');
  await refused(gateway, /server\.hbs$/u, null, /the server of _ is missing/u);
  await shows(gateway, 'two');
  await rm(path.join(folder, 'server.hbs'));

  // Without the private server nobody could verify a reload.
  await rm(path.join(folder, 'proxy.hbs'));
  await put(folder, 'private-server.hbs', '    # none\n');
  await refused(gateway, /private-server\.hbs$/u, null, /generation/u);
  await shows(gateway, 'two');

  // Removal returns to the built-in without a restart.
  await rm(path.join(folder, 'private-server.hbs'));
  await rm(path.join(folder, 'answer.hbs'));
  await shows(gateway, undefined);
  assert.equal((await gateway.health('/ready')).status, 200);
});

onEveryNginx('a template that is broken at the start leaves the built-in one in force', async (t, nginx) => {
  const folder = await temporaryDirectory(t);
  await put(folder, 'nginx.conf.hbs', 'http {\n');

  const gateway = await serve(t, nginx, { nginx: { template_path: folder } });

  assert.equal((await gateway.get('shop.test')).status, 200);
  await refused(gateway, /nginx\.conf\.hbs$/u, 1, /does not close/u);
});

onEveryNginx('templates of a ConfigMap are followed, and their verdict is on it', async (t, nginx) => {
  function configMap(data: Record<string, string>): object {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'templates', namespace: 'gateway' },
      data,
    };
  }
  async function verdict(
    gateway: RunningGateway,
  ): Promise<{ state: string; reasons: { message: string; field: string }[] } | undefined> {
    const all = (await gateway.debug('/debug/objects?kind=ConfigMap')) as never[];
    return all[0];
  }
  const gateway = await serve(
    t,
    nginx,
    { kubernetes: { template_config_map: 'gateway/templates' } },
    { 'templates.yaml': configMap({ 'answer.hbs': answerWith('one') }) },
  );
  await shows(gateway, 'one');
  assert.equal((await verdict(gateway))?.state, 'served');

  await gateway.write('templates.yaml', configMap({ 'answer.hbs': `return {{status}};\nbogus 1;\n` }));
  await eventually('the verdict', async () => (await verdict(gateway))?.state === 'rejected');
  const [reason] = (await verdict(gateway))?.reasons ?? [];
  assert.equal(reason?.field, 'data["answer.hbs"]');
  assert.match(reason?.message ?? '', /^line 2: .*bogus.*last good form stays in force$/u);
  await shows(gateway, 'one');

  // The keys of a ConfigMap cannot hold a slash.
  await gateway.write(
    'templates.yaml',
    configMap({
      'answer.hbs': answerWith('three'),
      'plugins.ssl-redirect.location.hbs': '            # ours\n',
    }),
  );
  await shows(gateway, 'three');

  await gateway.remove('templates.yaml');
  await shows(gateway, undefined);
});
