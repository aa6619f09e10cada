import { isRestDue, rest } from './pacer.ts';

/** Every time constant of the API source, in milliseconds of the monotonic clock, so that tests can be quick. */
export interface Timings {
  /** Until a connection stands, TLS included. */
  readonly connectMs: number;
  /** Idle time after which TCP keep-alive probes begin. */
  readonly tcpKeepAliveMs: number;
  /** From having a connection to the first header of an ordinary answer. */
  readonly headersMs: number;
  /** Between two chunks of an ordinary answer. */
  readonly bodyIdleMs: number;
  readonly watchHeadersMs: number;
  /** Silence on a watch after which it is opened anew; bookmarks come about once a minute, but are not promised. */
  readonly watchIdleMs: number;
  /** The least and the most that a watch is asked to last. */
  readonly watchLifeMs: readonly [number, number];
  /** What a watch may last longer than it was asked to. */
  readonly watchGraceMs: number;
  /** How long a streamed list may take before paging is used in its place. */
  readonly initialEventsMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A watch that lived this long has earned a fresh back-off; less than the 60 s after which many proxies cut. */
  readonly steadyMs: number;
  /** A watch from a version that the server has confirmed is well again when it has been open this long. */
  readonly confirmedMs: number;
  /** Between attempts at what the server forbids, once it was allowed, or does not serve. */
  readonly forbiddenMs: number;
  /** Between complete lists that prove the watch has missed nothing. */
  readonly relistMs: number;
  /** Before the second list where most objects of a kind have vanished. */
  readonly confirmMs: number;
  /** Changes this close together become one write into the store. */
  readonly coalesceMs: number;
  /** How long a change may be held back until the Secrets it newly refers to are there. */
  readonly holdBackMs: number;
  /** How long credentials are used before their files are read again. */
  readonly credentialMs: number;
  /** The most that a Retry-After is believed. */
  readonly retryAfterMaxMs: number;
}

export const defaultTimings: Timings = {
  connectMs: 10_000,
  tcpKeepAliveMs: 15_000,
  headersMs: 15_000,
  bodyIdleMs: 30_000,
  watchHeadersMs: 30_000,
  watchIdleMs: 90_000,
  watchLifeMs: [300_000, 600_000],
  watchGraceMs: 30_000,
  initialEventsMs: 60_000,
  backoffMinMs: 200,
  backoffMaxMs: 30_000,
  steadyMs: 45_000,
  confirmedMs: 2000,
  forbiddenMs: 60_000,
  relistMs: 750_000,
  confirmMs: 2000,
  coalesceMs: 5,
  holdBackMs: 2000,
  credentialMs: 30_000,
  retryAfterMaxMs: 600_000,
};

/** `ms` give or take a share of it, so that replicas and kinds do not act in step. */
export function jittered(ms: number, share: number): number {
  return ms * (1 + share * (2 * Math.random() - 1));
}

/** A number between the two, each as likely. */
export function between([least, most]: readonly [number, number]): number {
  return least + Math.random() * (most - least);
}

/** Resolves after `ms`, or at once when the signal is aborted; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}

/** Resolves when the signal is aborted, or at once where it has been. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Lets long work on the main thread be cut into slices: `if (pacer.isDue()) await pacer.rest()`. */
export interface Pacer {
  isDue(): boolean;
  rest(): Promise<void>;
}

/** All pacers share one clock and one queue (`pacer.ts`). */
export function createPacer(): Pacer {
  return { isDue: isRestDue, rest };
}
