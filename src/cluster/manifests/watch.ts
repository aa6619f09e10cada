import { basename, relative, resolve, sep } from 'node:path';
import { watch } from 'chokidar';
import { isManifestName } from './file-tree.ts';

export interface FolderWatch {
  /** Stops for good. */
  close(): Promise<void>;
}

export interface FolderListener {
  /** Something happened to this path (absolute), or, where it is empty, may have happened to any. */
  touched(path: string): void;
  /** From here on changes may be missed. */
  failed(error: unknown): void;
}

/**
 * Says when something happens under the given paths; a path that does not exist yet is waited for. What happened
 * has to be looked up: events are late, doubled or joined.
 */
export function watchPaths(paths: readonly string[], listener: FolderListener): FolderWatch {
  const roots = paths.map((path) => resolve(path));
  const watcher = watch(roots, {
    ignoreInitial: true,
    // Both would hold events back; what is half done is told by a second look instead.
    atomic: false,
    awaitWriteFinish: false,
    ignored: (path, stats) => isOutOfSight(roots, path, stats?.isFile() ?? false),
  });
  watcher.on('all', (_event, path) => {
    listener.touched(path);
  });
  // What changed while the watches were being set up was not seen.
  watcher.on('ready', () => {
    listener.touched('');
  });
  watcher.on('error', (error) => {
    listener.failed(error);
  });
  return { close: () => watcher.close() };
}

/** Hidden directories (`.git`) and files of other sorts; not `..data` and its like, whose swap is the change. */
function isOutOfSight(roots: readonly string[], path: string, isFile: boolean): boolean {
  const root = roots.find((one) => path.startsWith(one + sep));
  if (root === undefined || roots.includes(path)) {
    return false;
  }
  const hidden = relative(root, path)
    .split(sep)
    .some((name) => /^\.[^.]/.test(name));
  return hidden || (isFile && !isManifestName(basename(path)));
}
