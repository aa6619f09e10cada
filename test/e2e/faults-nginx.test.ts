import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { startLoadBackend } from '../support/load-backend.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import {
  eventually,
  onEveryNginx,
  startGateway,
  type LogLine,
  type RunningGateway,
} from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import type { NginxBinary } from '../support/nginx-binaries.ts';
import { shellScript } from '../support/nginx-instance.ts';
import { nginxOf } from '../support/nginx-processes.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { occupyPort } from '../support/ports.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const host = 'fault.example';
const reloadScript = path.resolve(import.meta.dirname, '../../dist/scripts/reload.sh');
const notApplied = 'The configuration could not be applied; what is served stays';

function other(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] });
}

function failures(gateway: RunningGateway): readonly LogLine[] {
  return gateway.log.filter(({ message }) => message === notApplied);
}

function faultOf(line: LogLine | undefined): { kind: string; stage: string; message: string } {
  assert.ok(line);
  return line['fault'] as { kind: string; stage: string; message: string };
}

async function ready(gateway: RunningGateway): Promise<boolean> {
  return (await gateway.health('/ready').catch(() => null))?.status === 200;
}

onEveryNginx('a port that somebody else has is waited for, and nobody is blamed', async (t, nginx) => {
  const backend = await startLoadBackend(t, 'web');
  const { server, port } = await occupyPort();
  t.after(() => server.close());
  const gateway = await startGateway(t, {
    nginx,
    unready: true,
    config: { nginx: { http_port: port } },
    manifests: { 'web.yaml': [...serviceOn('web', [backend.port]), other('one'), other('two')] },
  });
  await eventually('it is told', () => failures(gateway).length > 0);
  const { kind, stage, message } = faultOf(failures(gateway)[0]);
  assert.deepEqual([kind, stage], ['environment', 'reload']);
  assert.match(
    message,
    new RegExp(`0\\.0\\.0\\.0:${port} failed \\(98: .*another process listens there`, 'u'),
  );
  assert.match(message, /nginx\.http_port/u);
  assert.equal(await ready(gateway), false);
  assert.match((await gateway.health('/ready')).body, new RegExp(`0\\.0\\.0\\.0:${port} failed`, 'u'));
  assert.equal((await nginxOf(gateway)).master, null);
  server.close();
  await eventually('ready', async () => await ready(gateway));
  const verdicts = (await gateway.debug('/debug/objects')) as { state: string }[];
  assert.deepEqual(new Set(verdicts.map(({ state }) => state)), new Set(['served']));
  const { status } = await http({ port, host: 'two.example' });
  assert.equal(status, 200);
});

/** A gateway whose reload script, or whose nginx, does what a file says. */
async function mischievous(
  t: TestContext,
  nginx: NginxBinary,
): Promise<{ gateway: RunningGateway; become: (mode: string) => Promise<void> }> {
  const folder = await temporaryDirectory(t);
  const mode = path.join(folder, 'mode');
  async function become(to: string): Promise<void> {
    await writeFile(mode, to);
  }
  await become('good');
  const script = await shellScript(
    folder,
    'reload.sh',
    `case $(cat ${mode}) in
      hang) sleep 600 ;;
      refuse) echo 'nginx: [emerg] it is not to be' >&2; exit 1 ;;
      later) echo 'reload: not now' >&2; exit 75 ;;
      lie) exit 0 ;;
    esac
    exec ${reloadScript}`,
  );
  const binary = await shellScript(
    folder,
    'nginx',
    `case "$(cat ${mode}) $*" in
      'slow '*'-t '*) sleep 600 ;;
      'killed '*'-t '*) kill -9 $$ ;;
    esac
    exec ${nginx.path} "$@"`,
  );
  const backend = await startLoadBackend(t, 'web');
  const gateway = await startGateway(t, {
    nginx: { ...nginx, path: binary },
    config: { nginx: { reload_script: script } },
    env: { CNG_DEADLINE_FACTOR: '0.05' },
    manifests: {
      'web.yaml': [
        ...serviceOn('web', [backend.port]),
        ingress('web', { host, paths: [{ service: 'web' }] }),
      ],
    },
  });
  return { gateway, become };
}

onEveryNginx('a reload or test that fails for no fault of an object is tried again', async (t, nginx) => {
  const { gateway, become } = await mischievous(t, nginx);
  const load = startLoad(t, { port: gateway.httpPort, host, clients: 4, restMs: () => 10, keepAlive: false });
  for (const [mode, stage, words] of [
    ['refuse', 'reload', /it is not to be/u],
    ['later', 'reload', /exit code 75: reload: not now/u],
    ['lie', 'verify', /did not serve generation/u],
    ['hang', 'reload', /did not end within [\d.]+ seconds and was stopped/u],
    ['slow', 'test', /no verdict within [\d.]+ seconds/u],
    ['killed', 'test', /killed by SIGKILL/u],
  ] as const) {
    const before = failures(gateway).length;
    await become(mode);
    await gateway.write(`${mode}.yaml`, other(mode));
    await eventually(`${mode} is told`, () => failures(gateway).length > before);
    const fault = faultOf(failures(gateway)[before]);
    assert.deepEqual([fault.kind, fault.stage], ['environment', stage], mode);
    assert.match(fault.message, words);
    assert.equal(await ready(gateway), true, 'what is served is served');
    assert.equal((await gateway.health('/healthz')).status, 200);
    await become('good');
    await eventually(`the change of ${mode} is live`, async () => {
      return (await gateway.debugText('/debug/config')).body.includes(`${mode}.example`);
    });
    assert.equal((await gateway.get(`${mode}.example`)).status, 200);
  }
  const verdicts = (await gateway.debug('/debug/objects')) as { state: string }[];
  assert.deepEqual(new Set(verdicts.map(({ state }) => state)), new Set(['served']));
  const count = await load.stop();
  t.diagnostic(`six failures of scripts and tests: ${describeLoad(count)}`);
  assert.equal(lostOf(count), 0);
});
