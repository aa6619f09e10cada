import { randomBytes } from 'node:crypto';
import { lstat, open, readlink, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Starts the name of every unfinished file, so that what a crash left can be told from what is in use. */
export const unfinishedPrefix = '.unfinished-';

/**
 * Replaces a file as a whole: readers see the old or the new content, also after a power cut. `mode` is exact
 * whatever the umask. Rejects with the system's error (ENOSPC, EACCES…); the old content then still stands.
 */
export async function writeDurably(file: string, content: string, mode: number): Promise<void> {
  const folder = path.dirname(file);
  const unfinished = path.join(folder, `${unfinishedPrefix}${randomBytes(8).toString('hex')}`);
  try {
    const handle = await open(unfinished, 'wx', mode);
    try {
      await handle.writeFile(content);
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Makes renames and removals in a folder survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Where a path leads once its symlinks are followed, also when the last target does not exist yet. A rename must
 * happen there: renaming onto a symlink would replace the link and leave nginx with the old file.
 */
export async function symlinkTarget(file: string): Promise<string> {
  let current = file;
  for (let hops = 0; hops < 40; hops += 1) {
    const found = await lstat(current).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return null;
      }
      throw error;
    });
    if (found === null || !found.isSymbolicLink()) {
      return current;
    }
    current = path.resolve(path.dirname(current), await readlink(current));
  }
  throw Object.assign(new Error(`too many symbolic links from ${file}`), { code: 'ELOOP' });
}
