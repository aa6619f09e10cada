import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactFile } from '../model/candidate.ts';
import { writeDurably } from './durable-file.ts';
import { prepareFolder } from './state-directory.ts';
import { clearUnfinished } from './staging.ts';

/**
 * The files that configurations name: written once under the hash of their content, kept as long as a
 * configuration in use names them.
 */
export interface ArtifactStore {
  /** Removes what a crash left unfinished and finds the files of earlier lives, all unused until `retain`. */
  open(): Promise<void>;
  /** Writes what is missing. Rejects with the system's error, or a plain one for a path that is no content hash. */
  write(files: readonly ArtifactFile[]): Promise<void>;
  /**
   * Says which paths are in use. Others are removed once they have been out of use for `retainMs`: workers that
   * still drain read password files at each request.
   */
  retain(inUse: ReadonlySet<string>): Promise<void>;
}

/** Fsyncs at a time: one by one they take a second per few hundred files, all at once they starve the rest. */
const parallelWrites = 16;

/** `folder/<hash>.ext`: nothing else may become a path, whatever the cluster calls its objects. */
const artifactPath = /^([a-z][a-z0-9-]*)\/([0-9a-f]{16,128}(?:\.[a-z0-9]+)?)$/;

/** Folders of the state directory that are not for artifacts. */
const foreignFolders = new Set(['run', 'logs', 'candidate', 'temp']);

export function createArtifactStore(
  root: string,
  retainMs: number,
  gid: number | null = null,
): ArtifactStore {
  const folders = new Set<string>();
  /** When each file that is on disk but not in use was first seen so, in milliseconds of the monotonic clock. */
  const unusedSince = new Map<string, number>();
  let timer: NodeJS.Timeout | null = null;
  let used: ReadonlySet<string> = new Set();

  async function list(folder: string): Promise<string[]> {
    const entries = await readdir(path.join(root, folder)).catch(() => []);
    return entries.map((entry) => `${folder}/${entry}`).filter((entry) => artifactPath.test(entry));
  }

  async function sweep(): Promise<void> {
    const now = performance.now();
    for (const folder of folders) {
      for (const file of await list(folder)) {
        if (used.has(file)) {
          unusedSince.delete(file);
          continue;
        }
        const since = unusedSince.get(file) ?? now;
        unusedSince.set(file, since);
        if (now - since >= retainMs) {
          await rm(path.join(root, file), { force: true });
          unusedSince.delete(file);
        }
      }
    }
    // Keys of deleted Secrets must not lie about until the next change comes.
    if (timer === null && unusedSince.size > 0) {
      timer = setTimeout(() => {
        timer = null;
        // A file that cannot be removed now is tried again with the next sweep.
        sweep().catch(() => undefined);
      }, retainMs + 1);
      timer.unref();
    }
  }

  return {
    async open() {
      for (const entry of await readdir(root, { withFileTypes: true })) {
        if (entry.isDirectory() && !foreignFolders.has(entry.name)) {
          folders.add(entry.name);
          await clearUnfinished(path.join(root, entry.name));
        }
      }
    },
    async write(files) {
      const present = new Set<string>();
      const listed = new Set<string>();
      const missing = new Map<string, ArtifactFile>();
      for (const file of files) {
        const folder = artifactPath.exec(file.path)?.[1];
        if (folder === undefined || foreignFolders.has(folder)) {
          throw new Error(
            `file path ${JSON.stringify(file.path)} is not of the form folder/<content hash>.ext`,
          );
        }
        if (!listed.has(folder)) {
          listed.add(folder);
          folders.add(folder);
          await prepareFolder(path.join(root, folder), 0o2770, folder === 'auth' ? gid : null);
          for (const name of await list(folder)) {
            present.add(name);
          }
        }
        // The name is the content's hash and files appear by rename: one that is there is whole and right.
        if (!present.has(file.path)) {
          missing.set(file.path, file);
        }
      }
      const queue = [...missing.values()];
      async function drain(): Promise<void> {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          await writeDurably(path.join(root, next.path), next.content, next.secret ? 0o640 : 0o644);
        }
      }
      await Promise.all(Array.from({ length: parallelWrites }, drain));
    },
    async retain(inUse) {
      used = inUse;
      await sweep();
    },
  };
}
