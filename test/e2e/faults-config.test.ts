import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { startBackend } from '../support/backend.ts';
import {
  eventually,
  startGateway,
  type GatewayOptions,
  type LogLine,
  type RunningGateway,
} from '../support/gateway.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { nginxOf } from '../support/nginx-processes.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { occupyPort } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

function anyNginx(): NginxBinary {
  const nginx = nginxBinaries().at(-1);
  assert.ok(nginx);
  return nginx;
}

/** Starts a gateway that ends by itself; returns its exit code and all it printed. */
async function failingStart(
  t: TestContext,
  options: Partial<GatewayOptions>,
): Promise<{ code: number | null; said: string; gateway: RunningGateway }> {
  const gateway = await startGateway(t, { nginx: anyNginx(), unready: true, ...options });
  await endOf(gateway);
  const said = gateway.log.map((line) => line.message).join('\n');
  assert.equal((await nginxOf(gateway)).master, null, 'no nginx stays behind');
  return { code: gateway.process.exitCode, said, gateway };
}

/** Starts the program on a config file that nobody has written for it. */
async function runWith(config: string): Promise<{ code: number | null; said: string }> {
  const program = path.resolve(import.meta.dirname, '../../dist/main.js');
  const args = [program, 'run', '--config', config, '--manifests', path.dirname(config)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  await once(child, 'close');
  return { code: child.exitCode, said };
}

async function endOf(gateway: RunningGateway): Promise<void> {
  await eventually('the gateway ends by itself', () => gateway.process.exitCode !== null);
  if (!gateway.process.stdout?.readableEnded || !gateway.process.stderr?.readableEnded) {
    await once(gateway.process, 'close');
  }
}

describe('a start that cannot be', { concurrency: 3 }, () => {
  test('every mistake in the config file is told at once, with key, value and remedy', async (t) => {
    const { code, said } = await failingStart(t, {
      config: {
        server: { addr: 'nowhere', read_timeout: -1 },
        nginx: { http_port: 70_000, binary: 'nginx' },
        logs: { level: 'info' },
        log: { level: 'loud' },
      },
      env: { CNG_NGINX_HTTPS_PROT: '8443' },
    });
    assert.equal(code, 78);
    for (const words of [
      /server\.addr.*nowhere/u,
      /server\.read_timeout.*-1/u,
      /nginx\.http_port.*70000.*1 to 65535/u,
      /nginx\.binary: there is no such key.*binary_path/u,
      /logs.*did you mean log\?/u,
      /log\.level.*loud.*debug/u,
      /CNG_NGINX_HTTPS_PROT.*did you mean CNG_NGINX_HTTPS_PORT\?/u,
    ]) {
      assert.match(said, words);
    }
    assert.match(said, /CNG_CONFIG_INVALID/u);
  });

  test('a config file that is missing or no YAML', async (t) => {
    const file = path.join(await temporaryDirectory(t), 'gateway.yaml');
    const missing = await runWith(file);
    assert.equal(missing.code, 78);
    assert.match(missing.said, /CNG_CONFIG_UNREADABLE/u);
    assert.ok(missing.said.includes(file));
    await writeFile(file, 'server:\n  addr: ":0"\n bad: [indentation\n');
    const broken = await runWith(file);
    assert.equal(broken.code, 78);
    assert.match(broken.said, /gateway\.yaml:[23]:\d+: /u);
  });

  for (const key of ['server', 'metrics', 'debug']) {
    test(`the port of ${key}.addr in use`, async (t) => {
      const { server, port } = await occupyPort();
      t.after(() => server.close());
      const { code, said } = await failingStart(t, { config: { [key]: { addr: `127.0.0.1:${port}` } } });
      assert.equal(code, 74);
      assert.match(said, /CNG_PORT_IN_USE/u);
      assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}.*${key}\\.addr`, 'u'));
    });
  }

  test('a state folder that cannot be made or written', async (t) => {
    const folder = await temporaryDirectory(t);
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    const inFile = await failingStart(t, { config: { nginx: { state_dir: path.join(file, 'state') } } });
    assert.equal(inFile.code, 74);
    assert.match(inFile.said, /CNG_STATE_DIR_NOT_WRITABLE/u);
    assert.ok(inFile.said.includes(path.join(file, 'state')));
    assert.match(inFile.said, /nginx\.state_dir/u);
    const tooLong = await failingStart(t, {
      config: { nginx: { state_dir: path.join(folder, 'x'.repeat(120)) } },
    });
    assert.equal(tooLong.code, 78);
    assert.match(tooLong.said, /CNG_STATE_DIR_PATH_TOO_LONG/u);
  });

  test('an nginx that is missing, no program, or too old', async (t) => {
    const folder = await temporaryDirectory(t);
    const missing = await failingStart(t, { config: { nginx: { binary_path: path.join(folder, 'none') } } });
    assert.equal(missing.code, 78);
    assert.match(missing.said, /CNG_NGINX_NOT_FOUND/u);
    assert.match(missing.said, /nginx\.binary_path/u);
    const text = path.join(folder, 'text');
    await writeFile(text, 'no program\n', { mode: 0o755 });
    const unrunnable = await failingStart(t, { config: { nginx: { binary_path: text } } });
    assert.equal(unrunnable.code, 78);
    assert.match(unrunnable.said, /CNG_NGINX_NOT_RUNNABLE/u);
    const old = path.join(folder, 'old');
    await writeFile(
      old,
      '#!/bin/sh\necho "nginx version: nginx/1.4.6" >&2\necho "configure arguments:" >&2\n',
      {
        mode: 0o755,
      },
    );
    const tooOld = await failingStart(t, { config: { nginx: { binary_path: old } } });
    assert.equal(tooOld.code, 78);
    assert.match(tooOld.said, /CNG_NGINX_TOO_OLD.*|1\.4\.6/u);
  });
});

const refused = 'What an operator added is refused';

test('a template that is broken is told with file and line, and the built-in one serves', async (t) => {
  const templates = path.join(await temporaryDirectory(t), 'templates');
  const file = path.join(templates, 'location.hbs');
  await mkdir(templates);
  await writeFile(file, '# one\n{{> no-such-partial}}\n');
  const backend = await startBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx: anyNginx(),
    config: { nginx: { template_path: templates } },
    manifests: {
      'web.yaml': [
        ...serviceOn('web', [backend.port]),
        ingress('web', { host: 'a.example', paths: [{ service: 'web' }] }),
      ],
    },
  });
  function tellings(): readonly LogLine[] {
    return gateway.log.filter(({ message }) => message === refused);
  }
  await eventually('it is told', () => tellings().length === 1);
  assertTold(tellings()[0], file, 2, /no-such-partial/u);
  assert.equal((await gateway.get('a.example')).status, 200);
  for (const [text, line, words] of [
    ['location / {\n    {{#if match.exact}}\n}\n', 4, /Parse error|Expecting/u],
    ['# one\n# two\nreturn {{frobnicate match.exact}};\n', 3, /unknown helper "frobnicate"/u],
    ['{{{match.exact}}}\n', 1, /without an encoder/u],
    ['# one\n{{match.exakt}}\n', 2, /match\.exakt/u],
    ['location / {\n    proxy_passs http://x;\n}\n', 2, /proxy_passs/u],
    ['location {{literal match.prefix}} {\n    load_module /tmp/evil.so;\n}\n', 2, /load_module/u],
    ['load_module /tmp/evil.so;\n', null, /location \/ of the server of _ is missing/u],
  ] as const) {
    const before = tellings().length;
    await writeFile(file, text);
    await eventually(`${text} is told`, () => tellings().length > before);
    assertTold(tellings()[before], file, line, words);
    assert.equal((await gateway.get('a.example')).status, 200);
  }
  assert.equal((await gateway.health('/ready')).status, 200);
});

function assertTold(told: LogLine | undefined, file: string, line: number | null, words: RegExp): void {
  const text = JSON.stringify(told);
  assert.ok(text.includes(file), text);
  assert.equal(told?.['line'], line, text);
  assert.match(text.replaceAll('\\"', '"'), words);
}

test('an edit of the config file while the gateway runs', async (t) => {
  const backend = await startBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx: anyNginx(),
    config: { log: { level: 'info' } },
    manifests: {
      'web.yaml': [
        ...serviceOn('web', [backend.port]),
        ingress('web', { host: 'a.example', paths: [{ service: 'web' }] }),
      ],
    },
  });
  const good = JSON.parse(await readFile(gateway.configFile, 'utf8')) as {
    nginx: Record<string, unknown>;
    log: Record<string, unknown>;
  };
  const wrong = 'The config file changed and is wrong; the settings in force stay';
  await writeFile(
    gateway.configFile,
    JSON.stringify({ ...good, nginx: { ...good.nginx, http_port: 'eighty' } }),
  );
  await eventually('the mistake is told', () => gateway.log.some(({ message }) => message === wrong));
  assert.match(
    JSON.stringify(gateway.log.find(({ message }) => message === wrong)),
    /nginx\.http_port.*eighty/u,
  );
  assert.equal((await gateway.get('a.example')).status, 200);
  await writeFile(gateway.configFile, '{ this: is, no: [yaml');
  await eventually(
    'the broken file is told',
    () => gateway.log.filter(({ message }) => message === wrong).length === 2,
  );
  await writeFile(
    gateway.configFile,
    JSON.stringify({ ...good, nginx: { ...good.nginx, worker_processes: 1 }, log: { level: 'debug' } }),
  );
  await eventually('the good edit is told', () =>
    gateway.log.some(({ message }) => message === 'The config file changed'),
  );
  const told = gateway.log.findLast(({ message }) => message === 'The config file changed');
  assert.deepEqual(told?.['takesEffectNow'], ['log.level']);
  assert.deepEqual(told?.['takesEffectAtRestart'], ['nginx.worker_processes']);
  assert.equal(
    gateway.log.some(({ level }) => level === 'debug'),
    false,
  );
  await gateway.write('more.yaml', [
    ...serviceOn('more', [backend.port]),
    ingress('more', { host: 'b.example', paths: [{ service: 'more' }] }),
  ]);
  await eventually('what is logged now is more', () => gateway.log.some(({ level }) => level === 'debug'));
  assert.equal((await gateway.get('a.example')).status, 200);
});
