import { lstat, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeDurably } from './durable-file.ts';
import { identityOf, type LiveSite } from './live-site.ts';
import { runBounded } from './process-run.ts';
import {
  boundSockets,
  childrenOf,
  findNginx,
  isRunning,
  type NginxIdentity,
  type NginxProcesses,
} from './process-table.ts';
import { removeStaleSockets } from './reload.ts';
import { scrub } from './scrub.ts';
import { askGeneration } from './verify.ts';

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

/**
 * Has a running master quit whose private socket has lost its file: a reload keeps listening sockets as they are,
 * so nobody could ever learn again what it serves. What it carries it finishes beside its successor, which the
 * caller starts. Its pid once its ports are free; null where this is not what keeps it silent, or they stay taken.
 */
export async function retireUnreachable(site: LiveSite): Promise<number | null> {
  const who = identityOf(site);
  const { master } = await findNginx(who);
  if (master === null || master.stopped || (await isThere(site.paths.privateSocket))) {
    return null;
  }
  const { pid } = master;
  site.logger.warn('nginx is ended, drained, and started anew: the file of its private socket was removed', {
    pid,
    path: site.paths.privateSocket,
  });
  send(pid, 'SIGQUIT');
  // Whoever starts the next one must not take this one for it.
  await rm(site.paths.pidFile, { force: true });
  const released = await becomesTrue(async () => {
    const left = await findNginx(who);
    return left.master === null && left.orphans.length === 0;
  }, releaseMs);
  // Without workers it is about to exit, and looks like one that could be reloaded (scripts/reload.sh).
  const settled = await becomesTrue(
    async () => !(await isRunning(pid)) || (await childrenOf(pid)).length > 0,
    releaseMs,
  );
  return released && settled ? pid : null;
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}

/**
 * How an nginx ended: by itself once drained, by force after the deadline, or there was none. `kept`: it is in a
 * container of its own, which was not told to end, and serves on. `unknown`: it was asked, and there was no answer.
 */
export type StopResult = 'none' | 'drained' | 'killed' | 'kept' | 'unknown';

/** What an agent may take beyond the drain: to be told to end too, to end by force, to answer. */
const agentMarginMs = 15_000;

/**
 * Ends the nginx of a site and workers without a master: SIGQUIT lets them finish what they carry; after `drainMs`
 * SIGTERM, then SIGKILL. An nginx that is heard and not seen, as in a container of its own, is ended by `binary`.
 */
export async function stopNginx(
  site: Pick<LiveSite, 'binary' | 'paths' | 'configPath' | 'logger'>,
  drainMs: number,
): Promise<StopResult> {
  const who = identityOf(site);
  const { master, orphans } = await findNginx(who);
  if (master === null && orphans.length === 0 && (await isHeard(site.paths.privateSocket))) {
    return await askToQuit(site, drainMs);
  }
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

/** Whether somebody listens on the private socket, whom the process table need not show. */
async function isHeard(privateSocket: string): Promise<boolean> {
  // The list of sockets also has one whose holder is stopped and cannot answer.
  return (await boundSockets()).has(privateSocket) || (await askGeneration(privateSocket)) !== null;
}

/** `binary -s quit`, which an agent's client answers with one word when it is over (scripts/agent-nginx.sh). */
async function askToQuit(
  { binary, paths, configPath, logger }: Pick<LiveSite, 'binary' | 'paths' | 'configPath' | 'logger'>,
  drainMs: number,
): Promise<StopResult> {
  const deadlineMs = drainMs + agentMarginMs;
  const result = await runBounded({
    file: binary,
    // nginx itself would signal whoever has the number in the pid file here, where nginx does not run: a second `pid`
    // makes it refuse. An agent's client reads no further than the first two.
    args: ['-s', 'quit', '-p', paths.root, '-c', configPath, '-g', `pid ${paths.pidFile};`],
    env: { AGENT_DEADLINE: String(Math.ceil(deadlineMs / 1000)) },
    // The client waits three seconds longer than it says, and then says why there is no answer.
    deadlineMs: deadlineMs + 5_000,
  });
  const word = result.exitCode === 0 ? quitWords.find((one) => one === result.output.trim()) : undefined;
  if (word === undefined) {
    const said = scrub(result.output.trim().split('\n').at(-1) ?? '', paths.root);
    logger.warn('nginx was asked to end, and what became of it is not known', {
      reason: result.noVerdict ?? (said || `exit code ${result.exitCode}`),
    });
  }
  return word ?? 'unknown';
}

const quitWords = ['none', 'drained', 'killed', 'kept'] as const;

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
