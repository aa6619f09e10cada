import { lstat, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { openPlainFile } from '../plain-file.ts';
import type { ApplyLogger } from './live-site.ts';
import type { StatePaths } from './state-directory.ts';

/** Bytes. The agent beside an nginx in its own container has the same limit (scripts/agent.sh). */
const defaultLimit = 64 * 1024 * 1024;

export interface LogLimitOptions {
  /** Bytes that a log may have; 64 MB by default. */
  readonly limitBytes?: number;
  readonly logger?: Pick<ApplyLogger, 'warn'>;
}

/** Where the copy of a log that was cut stands; there is one, of the last time. */
export function cutCopyOf(log: string): string {
  return `${log}.1`;
}

/**
 * Cuts each of nginx's logs (`logs/*.log`) that is larger than the limit: what it has goes to `<log>.1`, in the place
 * of the copy before, and the file itself becomes empty. nginx appends (O_APPEND), so it needs no signal to go on at
 * the new end. Lines written in the instant between the end of the copy and the cut are lost. Never rejects: what
 * cannot be cut is told to the logger.
 */
export async function limitLogs(
  paths: Pick<StatePaths, 'logs'>,
  options: LogLimitOptions = {},
): Promise<void> {
  const { limitBytes = defaultLimit, logger } = options;
  // Without the folder there is no log; the next apply makes it anew.
  const names = await readdir(paths.logs).catch(() => []);
  for (const name of names.filter((one) => one.endsWith('.log'))) {
    const log = path.join(paths.logs, name);
    try {
      const found = await lstat(log);
      // A link to /dev/stdout is somebody else's to bound.
      if (found.isFile() && found.size > limitBytes) {
        await cut(log, found.size, logger);
      }
    } catch (error) {
      logger?.warn('A log of nginx is too large and cannot be cut', { log, limitBytes, error });
    }
  }
}

/**
 * Limits the logs of nginx every `everyMs` milliseconds until `stop`, which waits for a cut in progress. The timer
 * keeps no process alive.
 */
export function startLogLimit(
  paths: Pick<StatePaths, 'logs'>,
  everyMs: number,
  options: LogLimitOptions = {},
): { stop(): Promise<void> } {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= limitLogs(paths, options).finally(() => {
      running = null;
    });
  }, everyMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

async function cut(log: string, size: number, logger: LogLimitOptions['logger']): Promise<void> {
  // Between the look and this, nginx may have put something else there.
  const source = await openPlainFile(log, 'read and write');
  try {
    const unfinished = `${cutCopyOf(log)}.unfinished`;
    try {
      await rm(unfinished, { force: true });
      await copy(source, unfinished, size);
      await rename(unfinished, cutCopyOf(log));
    } catch (error) {
      // On a full disk most of all the log has to be cut: its lines are worth less than the next apply.
      await rm(unfinished, { force: true });
      logger?.warn('A log of nginx is cut without a copy', { log, bytes: size, error });
    }
    await source.truncate(0);
  } finally {
    await source.close();
  }
}

const chunkBytes = 1024 * 1024;

/** Copies to the end, also what is appended meanwhile; at most twice `size`, since nginx may write faster. */
async function copy(source: FileHandle, target: string, size: number): Promise<void> {
  const destination = await open(target, 'wx', 0o640);
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    let position = 0;
    while (position < 2 * size) {
      const { bytesRead } = await source.read(buffer, 0, chunkBytes, position);
      if (bytesRead === 0) {
        return;
      }
      await destination.writeFile(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
  } finally {
    await destination.close();
  }
}
