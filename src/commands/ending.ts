import type { Logger } from '../observe/log.ts';

/** How the program is told to end. */
export interface Ending {
  /** The first SIGTERM or SIGINT, by name. */
  readonly first: Promise<string>;
  /** The second one: whoever sends it will not wait. */
  readonly second: Promise<string>;
}

/** Listens for SIGTERM and SIGINT from now on. */
export function watchSignals(): Ending {
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  let seen = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      seen += 1;
      (seen === 1 ? first : second).resolve(signal);
    });
  }
  return { first: first.promise, second: second.promise };
}

/** Milliseconds for the last lines of the log. */
const lastWordsMs = 2000;

/**
 * Ends the program when a rejection or an exception has reached nobody: what was to come of it never does, and only a
 * new start is known to be whole. nginx serves on meanwhile. The log says why, in its own form, with the code that
 * every bug has; the exit code is the one of a bug.
 */
export function endOnUnhandled(logger: Pick<Logger, 'error' | 'close'>): void {
  let isEnding = false;

  function end(what: string, error: unknown): void {
    if (isEnding) {
      return;
    }
    isEnding = true;
    logger.error('A bug ends the gateway; nginx serves on', { code: 'CNG_INTERNAL', what, error });
    const timer = setTimeout(() => process.exit(70), lastWordsMs);
    void logger.close().finally(() => {
      clearTimeout(timer);
      process.exit(70);
    });
  }

  process.on('unhandledRejection', (error) => end('unhandled rejection', error));
  process.on('uncaughtException', (error) => end('uncaught exception', error));
}
