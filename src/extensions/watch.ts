import { watch } from 'chokidar';
import type { Offer } from './unit.ts';

/** Editors and the kubelet write in several steps; a half-written file would be refused. */
const settleMs = 100;

export interface FolderWatch {
  close(): Promise<void>;
}

/**
 * Reads a folder again whenever something in it changes, the swapped symlinks of a mounted ConfigMap included. Each
 * reading is handed over, also where it says the same as before.
 */
export function watchFolder(
  path: string,
  read: (path: string) => Promise<Offer>,
  onRead: (offer: Offer) => void,
  onError: (error: unknown) => void,
): FolderWatch {
  const watcher = watch(path, { ignoreInitial: true });
  let timer: NodeJS.Timeout | null = null;
  let reading: Promise<void> = Promise.resolve();
  let closed = false;

  async function reread(): Promise<void> {
    if (!closed) {
      onRead(await read(path));
    }
  }

  function schedule(): void {
    if (timer !== null) {
      clearTimeout(timer);
    }
    timer = setTimeout(() => {
      timer = null;
      reading = reading.then(reread).catch(onError);
    }, settleMs);
  }

  watcher.on('all', schedule);
  // What changed between the first reading and now has caused no event.
  watcher.on('ready', schedule);
  watcher.on('error', onError);
  return {
    async close() {
      closed = true;
      if (timer !== null) {
        clearTimeout(timer);
      }
      await watcher.close();
      await reading;
    },
  };
}
