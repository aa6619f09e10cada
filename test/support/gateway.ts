import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { http, type HttpAnswer } from './http-client.ts';
import { nginxBinaries, type NginxBinary } from './nginx-binaries.ts';
import { freePort } from './ports.ts';
import { makeTemporaryDirectory } from './temp-dir.ts';

/** The built program: tests run what users run. */
const program = path.resolve(import.meta.dirname, '../../dist/main.js');

/** How long a test waits for what must come; far longer than it takes, so that a loaded machine does not fail it. */
const patienceMs = 30_000;

/** A gateway with an nginx, folders and ports of its own. */
export interface RunningGateway {
  readonly process: ChildProcess;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly stateDir: string;
  /** Where the debug pages are. */
  readonly debugAddress: string;
  readonly configFile: string;
  /** Where the manifests are. */
  readonly manifests: string;
  /** Everything logged so far, parsed. */
  readonly log: readonly LogLine[];
  /** Writes a manifest as an editor does: a new file renamed over the old one. Objects are written as JSON. */
  write(name: string, content: string | object | readonly object[]): Promise<void>;
  remove(name: string): Promise<void>;
  /** One request to the HTTP port. */
  get(host: string, requestPath?: string, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  /** The JSON of a page of the debug endpoint. */
  debug(page: string): Promise<unknown>;
  debugText(page: string): Promise<HttpAnswer>;
  health(page: '/ready' | '/healthz'): Promise<HttpAnswer>;
  metrics(): Promise<string>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface GatewayOptions {
  readonly nginx: NginxBinary;
  /** Files by name; null for a gateway that takes an API server in their place. */
  readonly manifests?: Readonly<Record<string, string | object | readonly object[]>> | null;
  /** Sections of the config file beside those that the harness sets. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Reuse the folder, with state and ports, of an earlier gateway. */
  readonly after?: RunningGateway;
  /** Do not wait for /ready. */
  readonly unready?: true;
}

/** The same test on every nginx, side by side: most of the time they wait for reloads. */
export function onEveryNginx(
  title: string,
  body: (t: TestContext, nginx: NginxBinary) => Promise<void>,
): void {
  describe(title, { concurrency: true }, () => {
    for (const nginx of nginxBinaries()) {
      test(`nginx ${nginx.version} (${nginx.label})`, async (t) => {
        await body(t, nginx);
      });
    }
  });
}

/** A test of what every nginx is the same to: threads, templates, plugins. */
export function onCurrentNginx(
  title: string,
  body: (t: TestContext, nginx: NginxBinary) => Promise<void>,
): void {
  const nginx = nginxBinaries().at(-1);
  test(title, async (t) => {
    if (nginx === undefined) {
      throw new Error('there is no nginx: run scripts/setup-nginx.sh');
    }
    await body(t, nginx);
  });
}

/** What ends the gateways of a folder, in the order of their starts. */
const stopsOf = new Map<string, (() => Promise<unknown>)[]>();

/** A temporary folder that is removed when its gateways have ended: the order of a test's hooks is not ours. */
async function gatewayFolder(t: Pick<TestContext, 'after'>): Promise<string> {
  const { folder, remove } = await makeTemporaryDirectory();
  const stops: (() => Promise<unknown>)[] = [];
  stopsOf.set(folder, stops);
  t.after(async () => {
    try {
      for (const stop of stops) {
        await stop();
      }
    } finally {
      await remove();
    }
  });
  return folder;
}

/** Starts the built program on a folder of manifests and waits until it is ready. It ends with the test. */
export async function startGateway(
  t: Pick<TestContext, 'after'>,
  options: GatewayOptions,
): Promise<RunningGateway> {
  const { after } = options;
  const folder = after === undefined ? await gatewayFolder(t) : path.dirname(after.configFile);
  const manifests = path.join(folder, 'manifests');
  const stateDir = path.join(folder, 'state');
  const httpPort = after?.httpPort ?? (await freePort());
  const httpsPort = after?.httpsPort ?? (await freePort());
  const [healthPort, metricsPort, debugPort] = [await freePort(), await freePort(), await freePort()];
  const configFile = path.join(folder, 'gateway.yaml');
  await mkdir(manifests, { recursive: true });
  const config = merged(
    {
      server: { addr: `127.0.0.1:${healthPort}` },
      metrics: { addr: `127.0.0.1:${metricsPort}` },
      debug: { addr: `127.0.0.1:${debugPort}` },
      nginx: {
        http_port: httpPort,
        https_port: httpsPort,
        state_dir: stateDir,
        binary_path: options.nginx.path,
        worker_processes: 2,
        worker_shutdown_timeout: 5,
      },
      log: { level: 'debug' },
    },
    options.config ?? {},
  );
  await writeFile(configFile, JSON.stringify(config));

  async function write(name: string, content: string | object | readonly object[]): Promise<void> {
    const temporary = path.join(folder, `.${name}.new`);
    await writeFile(temporary, textOf(content));
    await rename(temporary, path.join(manifests, name));
  }

  for (const [name, content] of Object.entries(options.manifests ?? {})) {
    await write(name, content);
  }
  const source = options.manifests === null ? [] : ['--manifests', manifests];
  const child = spawn(process.execPath, [program, 'run', '--config', configFile, ...source], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: LogLine[] = [];
  collect(child, log);

  async function stop(): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([exit, sleep(patienceMs, undefined, { ref: false })]);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        throw new Error(`the gateway did not end; it said:\n${tail(log)}`);
      }
    }
    return child.exitCode;
  }

  stopsOf.get(folder)?.push(stop);

  const gateway: RunningGateway = {
    process: child,
    httpPort,
    httpsPort,
    stateDir,
    debugAddress: `http://127.0.0.1:${debugPort}`,
    configFile,
    manifests,
    log,
    write,
    remove: async (name) => {
      await rm(path.join(manifests, name));
    },
    get: async (host, requestPath = '/', headers = {}) =>
      await http({ port: httpPort, host, path: requestPath, headers }),
    debug: async (page) => JSON.parse((await http({ port: debugPort, path: page })).body) as unknown,
    debugText: async (page) => await http({ port: debugPort, path: page }),
    health: async (page) => await http({ port: healthPort, path: page }),
    metrics: async () => (await http({ port: metricsPort, path: '/metrics' })).body,
    stop,
  };
  if (options.unready !== true) {
    await eventually(`ready; it said:\n`, async () => {
      if (child.exitCode !== null) {
        throw new Error(`the gateway ended with ${child.exitCode}; it said:\n${tail(log)}`);
      }
      return (await gateway.health('/ready').catch(() => null))?.status === 200;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}${tail(log)}`, { cause: error });
    });
  }
  return gateway;
}

/** Waits until something holds, and fails after a long while (half a minute) with what was waited for. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  withinMs = patienceMs,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) {
      throw new Error(`still not, after ${withinMs / 1000} s: ${what}`);
    }
    await sleep(20);
  }
}

/**
 * Makes a change and waits until a later generation is verifiably served: from then on no worker of an earlier one
 * answers. For changes that change nginx.conf.
 */
export async function applied(gateway: RunningGateway, change: () => Promise<void>): Promise<void> {
  const before = await liveGeneration(gateway);
  await change();
  await eventually(`a generation after number ${before}`, async () => {
    return (await liveGeneration(gateway)) > before;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it said:\n${tail(gateway.log)}`, { cause: error });
  });
}

async function liveGeneration(gateway: RunningGateway): Promise<number> {
  const page = await gateway.metrics();
  return Number(/^cloud_native_gateway_generation (\d+)$/mu.exec(page)?.[1] ?? Number.NaN);
}

function collect(child: ChildProcess, log: LogLine[]): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    log.push(...lines.filter((line) => line !== '').map(parsedLine));
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    log.push({ level: 'stderr', message: chunk });
  });
}

function parsedLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    // Whatever a dependency prints by itself.
    return { level: 'stdout', message: line };
  }
}

function tail(log: readonly LogLine[]): string {
  return log
    .slice(-30)
    .map((line) => JSON.stringify(line))
    .join('\n');
}

function textOf(content: string | object | readonly object[]): string {
  if (typeof content === 'string') {
    return content;
  }
  return Array.isArray(content)
    ? content.map((one) => JSON.stringify(one)).join('\n---\n')
    : JSON.stringify(content);
}

function merged(
  base: Record<string, Readonly<Record<string, unknown>>>,
  more: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Record<string, unknown> {
  const sections = new Set([...Object.keys(base), ...Object.keys(more)]);
  return Object.fromEntries([...sections].map((name) => [name, { ...base[name], ...more[name] }]));
}
