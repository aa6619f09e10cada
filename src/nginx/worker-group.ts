import { readFile } from 'node:fs/promises';
import { configureValue, parseNginxV } from './nginx-v.ts';
import { runBounded } from './process-run.ts';

const deadlineMs = 10_000;

/** What nginx is built with where nothing else was chosen: the first of these that the system had. */
const usualGroups = ['nobody', 'nogroup'];

/**
 * The id of the group that nginx gives its workers, for files that they read themselves. Only a master that is root
 * has workers of another group; null where this process is not root, or where the group cannot be found out.
 */
export async function workerGroup(binary: string): Promise<number | null> {
  if (process.getuid?.() !== 0) {
    return null;
  }
  const { output } = await runBounded({ file: binary, args: ['-V'], deadlineMs });
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const build = parseNginxV(output);
  return build === null ? null : groupId(build.configureArguments, groups);
}

/** The group that an nginx was configured with, by its number in the text of `/etc/group`. */
export function groupId(configureArguments: readonly string[], groups: string): number | null {
  const chosen = configureValue(configureArguments, 'group') ?? configureValue(configureArguments, 'user');
  const ids = new Map(
    groups.split('\n').map((line): [string, number] => {
      const [name = '', , id = ''] = line.split(':');
      return [name, /^\d+$/u.test(id) ? Number(id) : Number.NaN];
    }),
  );
  const found = (chosen === null ? usualGroups : [chosen]).find((name) => ids.has(name));
  const id = found === undefined ? Number.NaN : (ids.get(found) ?? Number.NaN);
  return Number.isNaN(id) ? null : id;
}
