import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { RunningGateway } from './gateway.ts';

/** The nginx of one gateway, as the process table shows it. */
export interface NginxProcesses {
  readonly master: number | null;
  /** Children of the master; those of a master that was killed are not among them. */
  readonly workers: readonly number[];
}

/** The nginx that runs on the config of this gateway. */
export async function nginxOf(gateway: RunningGateway): Promise<NginxProcesses> {
  const config = path.join(gateway.stateDir, 'nginx.conf');
  const all = await processes();
  const master = all.find(({ command }) => command.includes('nginx: master') && command.includes(config));
  return {
    master: master?.pid ?? null,
    workers: all.filter(({ parent }) => parent === master?.pid).map(({ pid }) => pid),
  };
}

/** Whether a process runs; one that has ended and waits to be noticed does not. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await processes()).some((one) => one.pid === pid);
}

/** Ends, with the test, whatever nginx a killed gateway leaves behind. */
export function endNginxWith(t: Pick<TestContext, 'after'>, gateway: RunningGateway): void {
  const seen = new Set<number>();
  let isLooking = false;
  const watch = setInterval(() => {
    // Reading the whole process table takes a while on a loaded machine: one look at a time.
    if (isLooking) {
      return;
    }
    isLooking = true;
    void nginxOf(gateway).then(({ master, workers }) => {
      isLooking = false;
      for (const pid of [master, ...workers]) {
        if (pid !== null) {
          seen.add(pid);
        }
      }
    });
  }, 500);
  watch.unref();
  t.after(async () => {
    clearInterval(watch);
    const { master, workers } = await nginxOf(gateway);
    for (const pid of [master, ...workers, ...seen]) {
      if (pid !== null && (await isNginx(pid))) {
        process.kill(pid, 'SIGKILL');
      }
    }
  });
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

async function processes(): Promise<ProcessEntry[]> {
  const entries: ProcessEntry[] = [];
  for (const name of await readdir('/proc')) {
    const entry = /^\d+$/.test(name) ? await processOf(Number(name)) : null;
    if (entry !== null) {
      entries.push(entry);
    }
  }
  return entries;
}

async function processOf(pid: number): Promise<ProcessEntry | null> {
  // It may end while it is read.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || parent === undefined || state === 'Z' || state === 'X' || stat === '') {
    return null;
  }
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return { pid, parent: Number(parent), command: command.replaceAll('\0', ' ') };
}

async function isNginx(pid: number): Promise<boolean> {
  return (await processOf(pid))?.command.includes('nginx') ?? false;
}
