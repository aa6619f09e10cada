import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { RunningGateway } from '../../test/support/gateway.ts';
import { nginxOf } from '../../test/support/nginx-processes.ts';

/** What a gateway and its nginx take of the machine. */
export interface Holdings {
  readonly gatewayMb: number;
  readonly gatewayDescriptors: number;
  readonly gatewayThreads: number;
  readonly masterMb: number;
  readonly masterDescriptors: number;
  readonly workers: number;
  /** Processes of the gateway's folder beside it and its nginx, in words. */
  readonly strays: readonly string[];
  /** In the folder of texts under test. */
  readonly candidates: number;
}

/** Reads what is held at this moment. */
export async function holdingsOf(gateway: RunningGateway): Promise<Holdings> {
  const pid = gateway.process.pid ?? 0;
  const { master, workers } = await nginxOf(gateway);
  return {
    gatewayMb: await residentMb(pid),
    gatewayDescriptors: await descriptorsOf(pid),
    gatewayThreads: (await readdir(`/proc/${pid}/task`)).length,
    masterMb: await residentMb(master ?? 0),
    masterDescriptors: await descriptorsOf(master ?? 0),
    workers: workers.length,
    strays: await straysOf(gateway, [pid, master ?? 0, ...workers]),
    candidates: (await readdir(path.join(gateway.stateDir, 'candidate'))).length,
  };
}

/** Whatever still runs of a gateway, beside these. */
export async function straysOf(gateway: RunningGateway, known: readonly number[]): Promise<string[]> {
  const home = `HOME=${path.dirname(gateway.configFile)}`;
  const found: string[] = [];
  for (const name of await readdir('/proc')) {
    if (/^\d+$/u.test(name) && !known.includes(Number(name)) && (await isOf(name, home, gateway.stateDir))) {
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      found.push(`${name} ${command.replaceAll('\0', ' ').trim()}`);
    }
  }
  return found;
}

/** By its home, which all its children inherit; nginx writes its title over that. */
async function isOf(pid: string, home: string, stateDir: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  if (environment.split('\0').includes(home)) {
    return true;
  }
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  return command.includes(stateDir) || folder.startsWith(stateDir);
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1] ?? 0) / 1024);
}

async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;
}

/** A connection more or less to the API server, a file that is just being read. */
const descriptorSlack = 12;
const threadSlack = 2;

/** What one that has been through a soak holds more than one that has just started, in words; none is no leak. */
export function leaksOf(worn: Holdings, fresh: Holdings): string[] {
  const leaks = worn.strays.map((one) => `a process is left over: ${one}`);
  function compare(what: string, after: number, before: number, slack: number): void {
    if (after > before + slack) {
      leaks.push(`${what}: ${after}, and ${before} of one that has just started`);
    }
  }

  compare('descriptors of the gateway', worn.gatewayDescriptors, fresh.gatewayDescriptors, descriptorSlack);
  compare('threads of the gateway', worn.gatewayThreads, fresh.gatewayThreads, threadSlack);
  compare('descriptors of the master', worn.masterDescriptors, fresh.masterDescriptors, descriptorSlack);
  compare('workers', worn.workers, fresh.workers, 0);
  compare('texts under test', worn.candidates, fresh.candidates, 0);
  // Garbage is collected when there is need: what has worked holds more than what has just begun.
  compare('MB of the gateway', worn.gatewayMb, 2 * fresh.gatewayMb + 100, 0);
  compare('MB of the master', worn.masterMb, 2 * fresh.masterMb + 50, 0);
  return leaks;
}
