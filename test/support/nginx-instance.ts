import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { createApplier, type Applier } from '../../src/nginx/apply.ts';
import { statePaths, type StatePaths } from '../../src/nginx/state-directory.ts';
import type { ApplyOptions } from '../../src/nginx/works.ts';
import type { NginxBinary } from './nginx-binaries.ts';
import { freePort } from './ports.ts';
import { syntheticWorld, type SyntheticWorld } from './synthetic-world.ts';
import { temporaryDirectory } from './temp-dir.ts';

export interface NginxInstance {
  readonly applier: Applier;
  readonly options: ApplyOptions;
  readonly paths: StatePaths;
  readonly world: SyntheticWorld;
  /** Messages that the applier logged. */
  readonly logged: string[];
}

/** The default reload script of the gateway. */
export const reloadScript = path.resolve(import.meta.dirname, '../../scripts/reload.sh');

/** A started applier with a state directory, ports and an nginx of its own, which is ended with the test. */
export async function nginxInstance(
  t: Pick<TestContext, 'after'>,
  binary: NginxBinary,
  overrides: Partial<ApplyOptions> = {},
): Promise<NginxInstance> {
  const folder = await temporaryDirectory(t);
  const stateDir = path.join(folder, 'state');
  const logged: string[] = [];
  function log(message: string): void {
    logged.push(message);
  }
  await mkdir(path.join(folder, 'etc'));
  const options: ApplyOptions = {
    binary: binary.path,
    stateDir,
    configPath: path.join(folder, 'etc/nginx.conf'),
    reloadScript,
    lint: () => [],
    logger: { info: log, warn: log },
    deadlines: { testMs: 20_000, reloadMs: 20_000, verifyMs: 20_000 },
    ...overrides,
  };
  const applier = createApplier(options);
  await applier.start();
  const world = syntheticWorld(stateDir, await freePort());
  t.after(async () => {
    await applier.stop({ drainMs: 500 });
  });
  return { applier, options, paths: statePaths(stateDir), world, logged };
}

/** The pid of the running master, from its pid file. */
export async function masterPid(instance: NginxInstance): Promise<number> {
  return Number.parseInt(await readFile(instance.paths.pidFile, 'utf8'), 10);
}

/** Writes an executable shell script into a folder and returns its path. */
export async function shellScript(folder: string, name: string, body: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return file;
}
