import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { unfinishedPrefix, writeDurably } from './durable-file.ts';
import type { StatePaths } from './state-directory.ts';

/** Writes a text where `nginx -t` can read it and nothing else does; returns its path. Rejects with the system's error. */
export async function stageText(paths: StatePaths, generation: string, text: string): Promise<string> {
  const folder = path.join(paths.candidate, generation);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'nginx.conf');
  await writeDurably(file, text, 0o640);
  return file;
}

/**
 * Removes every staged text: between two applies none is of use, and after a crash the old ones are left. A folder
 * that somebody has removed holds none; the next apply makes it anew.
 */
export async function clearStaged(paths: StatePaths): Promise<void> {
  const entries = await readdir(paths.candidate).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  for (const entry of entries) {
    await rm(path.join(paths.candidate, entry), { recursive: true, force: true });
  }
}

/** Removes what a crash left unfinished in a folder; a folder that does not exist holds nothing. */
export async function clearUnfinished(folder: string): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    if (entry.startsWith(unfinishedPrefix)) {
      await rm(path.join(folder, entry), { force: true });
    }
  }
}
