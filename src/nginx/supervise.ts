import { setTimeout as sleep } from 'node:timers/promises';
import { writeDurably } from './durable-file.ts';
import { identityOf, type LiveSite } from './live-site.ts';
import {
  childrenOf,
  findNginx,
  isRunning,
  type NginxIdentity,
  type NginxProcesses,
} from './process-table.ts';
import { removeStaleSockets } from './reload.ts';

/** How long orphans may take to let go of their ports, and a process to die of a signal. */
const releaseMs = 3_000;

/**
 * Removes what would keep a reload or a start from working: a pid file that does not name the running master,
 * workers whose master is gone, sockets that nobody listens on.
 */
export async function clearTheWay(site: LiveSite, found: NginxProcesses): Promise<void> {
  if (found.master !== null && !found.pidFileRight) {
    await writeDurably(site.paths.pidFile, `${found.master.pid}\n`, 0o644);
    site.logger.warn('nginx pid file repaired', { pid: found.master.pid });
  }
  if (found.master === null && found.orphans.length > 0) {
    site.logger.warn('nginx workers without a master told to quit', { pids: found.orphans });
    await retireOrphans(identityOf(site), found.orphans);
  }
  const removed = await removeStaleSockets(site.paths);
  if (removed.length > 0) {
    site.logger.warn('stale unix sockets removed', { paths: removed });
  }
}

/**
 * Has workers without a master finish what they carry (SIGQUIT): they close their listening sockets at once.
 * Those that keep them are ended for good, since no nginx could start beside them.
 */
async function retireOrphans(who: NginxIdentity, orphans: readonly number[]): Promise<void> {
  let holding = orphans;
  for (const signal of ['SIGQUIT', 'SIGTERM', 'SIGKILL'] as const) {
    for (const pid of holding) {
      send(pid, signal);
    }
    const released = await becomesTrue(async () => {
      holding = (await findNginx(who)).orphans;
      return holding.length === 0;
    }, releaseMs);
    if (released) {
      return;
    }
  }
}

/** How an nginx ended: by itself once drained, by force after the deadline, or there was none. */
export type StopResult = 'none' | 'drained' | 'killed';

/**
 * Ends the nginx of a site and workers without a master: SIGQUIT lets them finish what they carry; after `drainMs`
 * SIGTERM, then SIGKILL.
 */
export async function stopNginx(
  site: Pick<LiveSite, 'paths' | 'configPath'>,
  drainMs: number,
): Promise<StopResult> {
  const who = identityOf(site);
  const { master, orphans } = await findNginx(who);
  if (master === null) {
    await retireOrphans(who, orphans);
    const drained = await becomesTrue(async () => await areGone(orphans), drainMs);
    return await endByForce(orphans, drained);
  }
  const all = [master.pid, ...(await childrenOf(master.pid))];
  if (master.stopped) {
    send(master.pid, 'SIGCONT');
  }
  send(master.pid, 'SIGQUIT');
  const drained = await becomesTrue(async () => await areGone(all), drainMs);
  return await endByForce([...all, ...(drained ? [] : await childrenOf(master.pid))], drained);
}

async function endByForce(pids: readonly number[], drained: boolean): Promise<StopResult> {
  if (drained) {
    return pids.length === 0 ? 'none' : 'drained';
  }
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of new Set(pids)) {
      if (await isRunning(pid)) {
        send(pid, signal);
      }
    }
    if (await becomesTrue(async () => await areGone(pids), releaseMs)) {
      break;
    }
  }
  return 'killed';
}

async function areGone(pids: readonly number[]): Promise<boolean> {
  for (const pid of pids) {
    if (await isRunning(pid)) {
      return false;
    }
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already is what was wanted; another user's process is for the caller's deadline to show.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') {
      throw error;
    }
  }
}

async function becomesTrue(condition: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (await condition()) {
      return true;
    }
    if (performance.now() >= deadline) {
      return false;
    }
    await sleep(20);
  }
}
