import { identityOf, type LiveSite } from './live-site.ts';
import { runBounded } from './process-run.ts';
import { findNginx } from './process-table.ts';
import { scrub } from './scrub.ts';
import { boundSockets } from './process-table.ts';

/** An agent's client answers at once; what takes longer has no agent. */
const deadlineMs = 15_000;

/**
 * Has nginx open its log files anew (SIGUSR1): workers write what they have to the old ones first. One that is heard
 * and not seen, as in a container of its own, is asked through `binary`. False where there is none to ask.
 */
export async function reopenLogs(
  site: Pick<LiveSite, 'binary' | 'paths' | 'configPath' | 'logger'>,
): Promise<boolean> {
  const { master } = await findNginx(identityOf(site));
  if (master !== null) {
    process.kill(master.pid, 'SIGUSR1');
    return true;
  }
  const { binary, paths, configPath, logger } = site;
  if (!(await boundSockets()).has(paths.privateSocket)) {
    return false;
  }
  const result = await runBounded({
    file: binary,
    // As for `-s quit`: a second `pid` makes nginx itself refuse, and an agent's client reads no further than two.
    args: ['-s', 'reopen', '-p', paths.root, '-c', configPath, '-g', `pid ${paths.pidFile};`],
    deadlineMs,
  });
  if (result.exitCode !== 0) {
    const said = scrub(result.output.trim().split('\n').at(-1) ?? '', paths.root);
    logger.warn('nginx was asked to open its logs anew and did not', {
      reason: result.noVerdict ?? (said || `exit code ${result.exitCode}`),
    });
  }
  return result.exitCode === 0;
}
