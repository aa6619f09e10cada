import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import type { NginxBinary } from '../support/nginx-binaries.ts';

/** Users of the two containers, of whom nobody else makes use, and the group that the pod gives to both. */
export const users = { gateway: 64_001, nginx: 64_101, group: 64_000 };

/** The address of every pod, in its own network, where its backends of a cluster listen. */
export const podAddress = '198.51.100.1';

const repository = path.resolve(import.meta.dirname, '../..');

/** How long anything may take before a test fails, in milliseconds. */
export const patience = 20_000;

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program of a container, PID 1 of a process namespace of its own. */
export interface Container {
  /** As this process sees it. */
  readonly pid: number;
  readonly process: ChildProcess;
  /** What it has said so far. */
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, null when it was killed. */
  readonly ended: Promise<number | null>;
}

/**
 * A pod without a container engine: one network, one shared folder, and containers that are processes of two
 * unprivileged users without capabilities, each with a process namespace and a read-only root of its own.
 */
export interface Pod {
  readonly folder: string;
  /** The shared volume. */
  readonly shared: string;
  readonly stateDir: string;
  /** The live nginx.conf: a symlink into the shared volume, as in the images. */
  readonly config: string;
  readonly scripts: string;
  startNginx(environment?: Record<string, string>): Container;
  /** Runs a program as the gateway's container. */
  start(command: readonly string[], environment?: Record<string, string>): Container;
  /** Runs a program of the gateway's container to its end. */
  run(command: readonly string[], environment?: Record<string, string>): Promise<Run>;
  /** `nginx.binary_path` of the gateway. */
  nginx(...args: string[]): Promise<Run>;
  /** `nginx.reload_script` of the gateway. */
  reload(environment?: Record<string, string>): Promise<Run>;
  ask(...args: string[]): Promise<Run>;
}

/** Why no pod can be made here; false when one can. */
export function whyNoPod(): string | false {
  if (process.getuid?.() !== 0) {
    return 'NOT RUN: the pod tests need root, to become two other users in namespaces of their own';
  }
  const tried = spawnSync(
    'unshare',
    ['--net', '--pid', '--fork', '--mount-proc', 'mount', '--bind', '/tmp', '/tmp'],
    {
      encoding: 'utf8',
    },
  );
  if (tried.status !== 0) {
    return `NOT RUN: the pod tests need unshare and setpriv of util-linux: ${tried.error?.message ?? tried.stderr}`;
  }
  const readable = spawnSync('setpriv', [
    ...unprivileged(users.gateway),
    'test',
    '-r',
    path.join(repository, 'package.json'),
  ]);
  return readable.status === 0
    ? false
    : `NOT RUN: other users cannot read ${repository}: check it out where they can`;
}

function unprivileged(user: number): string[] {
  return [
    `--reuid=${user}`,
    `--regid=${users.group}`,
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all',
    '--bounding-set=-all',
  ];
}

/** Opens a pod in which nothing runs yet; all of its processes end with the test. */
export async function openPod(t: TestContext, binary: NginxBinary): Promise<Pod> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cng-pod-'));
  const shared = path.join(folder, 'shared');
  const scripts = path.join(folder, 'scripts');
  const config = path.join(folder, 'nginx.conf');
  const stateDir = path.join(shared, 'state');
  chmodSync(folder, 0o755);
  cpSync(path.join(repository, 'scripts'), scripts, { recursive: true });
  symlinkSync(path.join(shared, 'nginx.conf'), config);
  mkdirSync(shared);
  chownSync(shared, 0, users.group);
  // An emptyDir of a pod with an fsGroup.
  chmodSync(shared, 0o2777);

  const network = spawn(
    'unshare',
    [
      '--net',
      'sh',
      '-c',
      `ip link set lo up && ip address add ${podAddress}/32 dev lo && echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start && echo up && exec sleep 3600`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(network.stdout, 'data');

  const containers: Container[] = [];
  t.after(async () => {
    for (const container of containers) {
      container.signal('SIGKILL');
    }
    await Promise.all(containers.map((container) => container.ended));
    network.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  function startAs(
    user: number,
    command: readonly string[],
    environment: Record<string, string> = {},
  ): Container {
    const child = spawn(
      'nsenter',
      [
        `--net=/proc/${network.pid}/ns/net`,
        'unshare',
        '--mount',
        '--pid',
        '--fork',
        '--mount-proc',
        'sh',
        '-c',
        // The root file system is read-only, the shared folder alone is not.
        'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"',
        shared,
        'setpriv',
        ...unprivileged(user),
        ...command,
      ],
      {
        cwd: '/',
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '', GATEWAY_FOLDER: shared, TMPDIR: shared, ...environment },
      },
    );
    const container = containerOf(child);
    containers.push(container);
    return container;
  }

  async function run(command: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
    const container = startAs(users.gateway, command, environment);
    container.process.stdin?.end();
    let stdout = '';
    let stderr = '';
    container.process.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    container.process.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(container.process, 'close');
    return { code: await container.ended, stdout, stderr };
  }

  return {
    folder,
    shared,
    stateDir,
    config,
    scripts,
    startNginx(environment = {}) {
      return startAs(users.nginx, [path.join(scripts, 'agent.sh')], {
        NGINX_BINARY: binary.path,
        NGINX_CONFIG: config,
        ...environment,
      });
    },
    start: (command, environment) => startAs(users.gateway, command, environment),
    run,
    nginx: (...args) => run([path.join(scripts, 'agent-nginx.sh'), ...args]),
    reload: (environment) =>
      run([path.join(scripts, 'agent-reload.sh')], {
        NGINX_BINARY: 'not run here',
        NGINX_CONFIG: config,
        NGINX_PREFIX: stateDir,
        NGINX_PID: path.join(stateDir, 'run/nginx.pid'),
        NGINX_ERROR_LOG: path.join(stateDir, 'logs/error.log'),
        ...environment,
      }),
    ask: (...args) => run([path.join(scripts, 'agent-client.sh'), ...args]),
  };
}

function containerOf(child: ChildProcess): Container {
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    // unshare says 128 + signal for a PID 1 that was killed.
    child.once('exit', (code) => resolve(code === null || code > 128 ? null : code));
  });
  return {
    get pid() {
      return firstProcess(child);
    },
    process: child,
    log: () => said,
    signal(name: NodeJS.Signals) {
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(firstProcess(child), name);
      }
    },
    ended,
  };
}

/**
 * PID 1 of a container, which is unshare's only child. unshare itself when that is not there yet: it has nothing to
 * leave behind then. (Its own --kill-child would not help: the kernel forgets it when the child becomes another user.)
 */
function firstProcess(child: ChildProcess): number {
  const pid = child.pid ?? 0;
  const first = Number(readProc(pid, `task/${pid}/children`).trim().split(' ')[0]);
  return first > 0 ? first : pid;
}

/** Pids of a container's nginx processes, workers or masters, as this process sees them. */
export function nginxIn(container: Container, kind: 'master' | 'worker'): number[] {
  return processesIn(container).filter((pid) => readProc(pid, 'cmdline').includes(`nginx: ${kind} process`));
}

/** The command lines of a container's processes, their arguments apart by NUL. */
export function commandLinesIn(container: Container): string {
  return processesIn(container)
    .map((pid) => readProc(pid, 'cmdline'))
    .join('\n');
}

/** Pids of a container's processes that have ended and that nobody has asked for. */
export function zombiesIn(container: Container): number[] {
  return processesIn(container).filter((pid) => /\) Z /.test(readProc(pid, 'stat')));
}

/** PID 1 of the container and what descends from it: all of its processes, since it adopts the orphans. */
function processesIn(container: Container): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const parent = /\) \S (\d+) /.exec(readProc(Number(entry), 'stat'))?.[1];
    parents.set(Number(entry), Number(parent ?? 0));
  }
  return [...parents.keys()].filter((pid) => {
    let at: number | undefined = pid;
    while (at !== undefined && at > 1 && at !== container.pid) {
      at = parents.get(at);
    }
    return at === container.pid;
  });
}

// A process may end between being listed and being read.
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Waits until something is so. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${patience / 1000} s in vain until ${what}`);
    }
    await sleep(30);
  }
}

/** What answers on a unix socket of the pod, or the error's code. A fresh connection. */
export async function get(socketPath: string): Promise<string> {
  return await new Promise((resolve) => {
    const asked = request({ socketPath, path: '/', agent: false, timeout: 3_000 }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    });
    asked.on('timeout', () => asked.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    asked.end();
  });
}
