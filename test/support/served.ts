import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ingest } from '../../src/cluster/ingest.ts';
import type { Snapshot } from '../../src/cluster/snapshot.ts';
import { createStore } from '../../src/cluster/store.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import { detectCapabilities } from '../../src/nginx/capabilities.ts';
import { makeCertificate } from '../../src/nginx/default-certificate.ts';
import { candidateLinter } from '../../src/nginx/lint-candidate.ts';
import { prepareStateDirectory } from '../../src/nginx/state-directory.ts';
import type { TranslateSettings } from '../../src/translate/settings.ts';
import { goldenNow, pipelineFor, settingsFor } from './golden.ts';
import { http, type HttpAnswer, type HttpRequest } from './http-client.ts';
import type { NginxBinary } from './nginx-binaries.ts';
import { freePort } from './ports.ts';
import { temporaryDirectory } from './temp-dir.ts';

/** Objects as an nginx of their own serves them: what the program does, without its loop. */
export interface Served {
  readonly port: number;
  readonly httpsPort: number;
  /** The rendered configuration. */
  readonly text: string;
  readonly verdicts: readonly Verdict[];
  request(options: Omit<HttpRequest, 'port'>): Promise<HttpAnswer>;
  /** State and `field: message` lines of an Ingress in the namespace `default`. */
  ingress(name: string): { readonly state: string; readonly reasons: readonly string[] };
  errorLog(): Promise<string>;
}

/** What the objects of manifests say. */
export function snapshotOfObjects(objects: readonly unknown[]): Snapshot {
  const store = createStore();
  const ingested = objects.map((object) => ingest(object));
  store.apply({
    set: ingested.flatMap(({ object }) => object ?? []),
    deleted: [],
    findings: new Map([['test', ingested.flatMap(({ findings }) => findings)]]),
  });
  return store.snapshot();
}

/** Renders objects, holds the text to the lint, and starts nginx on it. It ends with the test. */
export async function serve(
  t: Pick<TestContext, 'after'>,
  binary: NginxBinary,
  objects: readonly unknown[],
  more: Partial<TranslateSettings> = {},
): Promise<Served> {
  const stateDir = path.join(await temporaryDirectory(t), 'state');
  const port = await freePort();
  const httpsPort = await freePort();
  const capabilities = await detectCapabilities({ binary: binary.path });
  const settings = settingsFor(stateDir, { httpPort: port, httpsPort, ...more });
  const pipeline = await pipelineFor(capabilities, settings, await makeCertificate());
  const { candidate, verdicts } = pipeline.build(snapshotOfObjects(objects), new Map(), goldenNow);
  assert.deepEqual(candidateLinter(stateDir, capabilities)(candidate), []);
  await prepareStateDirectory(stateDir);
  for (const file of candidate.files) {
    await writeFile(path.join(stateDir, file.path), file.content);
  }
  const config = path.join(stateDir, 'nginx.conf');
  await writeFile(config, candidate.text);
  const nginx = spawn(binary.path, ['-c', config, '-g', 'daemon off; master_process off;'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(nginx, 'close');
  let said = '';
  nginx.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  t.after(async () => {
    nginx.kill('SIGKILL');
    await ended;
  });
  await answering(port, () => {
    assert.equal(nginx.exitCode, null, `nginx ${binary.version} ended: ${said}`);
  });
  return {
    port,
    httpsPort,
    text: candidate.text,
    verdicts,
    request: async (options) => await http({ ...options, port }),
    ingress: (name) => {
      const found = verdicts.find((each) => each.kind === 'Ingress' && each.name === name);
      assert.ok(found, `there is no verdict on the Ingress ${name}`);
      return {
        state: found.state,
        reasons: found.reasons.map(({ field, message }) => `${field}: ${message}`),
      };
    },
    errorLog: async () => await readFile(path.join(stateDir, 'logs/error.log'), 'utf8'),
  };
}

/** Waits, at most twenty seconds, until something answers on a port. */
async function answering(port: number, check: () => void): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      await http({ port });
      return;
    } catch (error) {
      check();
      if (performance.now() > deadline) {
        throw error;
      }
      await sleep(20);
    }
  }
}
