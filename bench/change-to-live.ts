import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareStateDirectory } from '../src/nginx/state-directory.ts';
import { askGeneration } from '../src/nginx/verify.ts';
import type { GenerationInfo, Stage } from '../src/observe/view.ts';
import { startBackend } from '../test/support/backend.ts';
import { startGateway, type RunningGateway } from '../test/support/gateway.ts';
import type { NginxBinary } from '../test/support/nginx-binaries.ts';
import { freePort } from '../test/support/ports.ts';
import { temporaryDirectory } from '../test/support/temp-dir.ts';
import { benchManifests, benchObjects, hostOf } from './world.ts';

/** Times in milliseconds, memory in MB. */
export interface ChangeFigures {
  readonly startMs: number;
  readonly firstMs: readonly number[];
  readonly verifiedMs: readonly number[];
  readonly floor: readonly { readonly testMs: number; readonly reloadMs: number }[];
  readonly stages: Partial<Record<Stage, number[]>>;
  readonly rssNodeMb: number;
  readonly rssEmptyMb: number;
  readonly rssMb: number;
}

/** Long enough that each change is a lone one: a change behind another waits, because it may be part of a burst. */
const pauseMs = 1500;

/** Stands in for a test: what is to be ended is ended when the measurement is over. */
class Clean {
  readonly #tasks: (() => unknown)[] = [];

  after(task: () => unknown): void {
    this.#tasks.push(task);
  }

  async run(): Promise<void> {
    for (const task of this.#tasks.toReversed()) {
      await task();
    }
  }
}

/** Starts the built program on `count` Ingresses and changes one after the other. */
export async function measureChanges(
  nginx: NginxBinary,
  count: number,
  changes: number,
): Promise<ChangeFigures> {
  const clean = new Clean();
  const context = clean as unknown as Parameters<typeof startGateway>[0];
  try {
    const empty = await startGateway(context, { nginx });
    const rssEmptyMb = await settledRss(empty);
    await empty.stop();
    const backend = await startBackend(context, 'bench');
    const folder = await startGateway(context, { nginx, manifests: benchManifests(count, backend.port) });
    await folder.stop();
    // A second start: the first one of an installation also makes the default certificate.
    const began = performance.now();
    const gateway = await startGateway(context, { nginx, after: folder });
    const startMs = performance.now() - began;
    const rssMb = await settledRss(gateway);
    const floor = await floorOf(nginx, gateway, clean);
    const firstMs: number[] = [];
    const verifiedMs: number[] = [];
    const stages: Partial<Record<Stage, number[]>> = {};
    for (let change = 0; change < changes; change += 1) {
      await sleep(pauseMs);
      const times = await oneChange(gateway, change % count, `/changed-${change}`, backend.port);
      firstMs.push(times.firstMs);
      verifiedMs.push(times.verifiedMs);
      for (const [stage, seconds] of Object.entries(times.live.seconds)) {
        (stages[stage as Stage] ??= []).push(seconds * 1000);
      }
      floor.push(...(await floorOf(nginx, gateway, clean, 1)));
    }
    return { startMs, firstMs, verifiedMs, floor, stages, rssNodeMb: await bareNodeRss(), rssEmptyMb, rssMb };
  } finally {
    await clean.run();
  }
}

async function oneChange(
  gateway: RunningGateway,
  index: number,
  added: string,
  backendPort: number,
): Promise<{ firstMs: number; verifiedMs: number; live: GenerationInfo }> {
  const before = (await liveOf(gateway)).number;
  const began = performance.now();
  await gateway.write(`app-${index}.yaml`, benchObjects(index, backendPort, added));
  let firstMs: number | null = null;
  for (;;) {
    if (firstMs === null) {
      // The new path is taken by a location of its own: the old configuration answers it too, by "/", so the text
      // that the private socket serves would do as well; a route is what a user waits for.
      const { body } = await gateway.get(hostOf(index), added);
      const taken = gateway.process.exitCode === null && body.includes(added);
      const generation = await askGeneration(path.join(gateway.stateDir, 'run/private.sock'));
      if (taken && generation !== null && generation !== lastGeneration.get(gateway)) {
        firstMs = performance.now() - began;
      }
    }
    const live = await liveOf(gateway);
    if (live.number !== before) {
      lastGeneration.set(gateway, live.generation);
      const now = performance.now() - began;
      return { firstMs: firstMs ?? now, verifiedMs: now, live };
    }
    await sleep(3);
  }
}

/** The generation before the change under way. */
const lastGeneration = new WeakMap<RunningGateway, string>();

async function liveOf(gateway: RunningGateway): Promise<GenerationInfo> {
  const all = (await gateway.debug('/debug/generations')) as GenerationInfo[];
  const live = all.find((one) => one.outcome === 'live');
  if (live === undefined) {
    throw new Error('no generation is live');
  }
  if (!lastGeneration.has(gateway)) {
    lastGeneration.set(gateway, live.generation);
  }
  return live;
}

interface Beside {
  readonly prefix: string;
  readonly config: string;
  readonly text: string;
  readonly socket: string;
  readonly pid: number;
  round: number;
}

const beside = new WeakMap<RunningGateway, Beside>();

/** What nginx alone takes for the same text: its test, and SIGHUP until a new worker answers. */
async function floorOf(
  nginx: NginxBinary,
  gateway: RunningGateway,
  clean: Clean,
  rounds = 3,
): Promise<{ testMs: number; reloadMs: number }[]> {
  const other = beside.get(gateway) ?? (await startBeside(nginx, gateway, clean));
  beside.set(gateway, other);
  const results: { testMs: number; reloadMs: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    other.round += 1;
    const generation = `floor-${other.round}`;
    await writeFile(other.config, other.text.replace(/return 200 [\w-]+;/u, `return 200 ${generation};`));
    const testBegan = performance.now();
    await runNginx(nginx, ['-t', '-q', '-p', other.prefix, '-c', other.config]);
    const testMs = performance.now() - testBegan;
    const began = performance.now();
    process.kill(other.pid, 'SIGHUP');
    while ((await askGeneration(other.socket)) !== generation) {
      await sleep(2);
    }
    results.push({ testMs, reloadMs: performance.now() - began });
  }
  return results;
}

async function startBeside(nginx: NginxBinary, gateway: RunningGateway, clean: Clean): Promise<Beside> {
  const context = clean as unknown as Parameters<typeof temporaryDirectory>[0];
  const prefix = path.join(await temporaryDirectory(context), 'state');
  const paths = await prepareStateDirectory(prefix);
  const live = await readFile(path.join(gateway.stateDir, 'nginx.conf'), 'utf8');
  const [httpPort, httpsPort] = [await freePort(), await freePort()];
  const text = live
    .replaceAll(gateway.stateDir, prefix)
    .replaceAll(new RegExp(`\\b${gateway.httpPort}\\b`, 'gu'), String(httpPort))
    .replaceAll(new RegExp(`\\b${gateway.httpsPort}\\b`, 'gu'), String(httpsPort));
  await mkdir(paths.certificates, { recursive: true });
  for (const [name] of live.matchAll(/certificates\/[\w.]+/gu)) {
    await writeFile(path.join(prefix, name), await readFile(path.join(gateway.stateDir, name)));
  }
  const config = path.join(prefix, 'nginx.conf');
  await writeFile(config, text);
  await runNginx(nginx, ['-p', prefix, '-c', config]);
  while ((await askGeneration(paths.privateSocket)) === null) {
    await sleep(5);
  }
  const pid = Number(await readFile(paths.pidFile, 'utf8'));
  clean.after(() => process.kill(pid, 'SIGTERM'));
  return { prefix, config, text, socket: paths.privateSocket, pid, round: 0 };
}

async function runNginx(nginx: NginxBinary, args: readonly string[]): Promise<void> {
  const child = spawn(nginx.path, args, { stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) {
    throw new Error(`nginx ${args.join(' ')} ended with ${code}`);
  }
}

async function settledRss(gateway: RunningGateway): Promise<number> {
  await sleep(3000);
  const status = await readFile(`/proc/${gateway.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/u.exec(status)?.[1]) / 1024;
}

async function bareNodeRss(): Promise<number> {
  const script = 'console.log(process.memoryUsage.rss() / 2 ** 20)';
  return Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
}
