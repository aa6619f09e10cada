import type { Timings } from './timing.ts';

/** Exponential back-off with full jitter: many clients that failed together do not come back together. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt; grows with each call. */
  next(): number;
  reset(): void;
}

export function createBackoff(timings: Pick<Timings, 'backoffMinMs' | 'backoffMaxMs'>): Backoff {
  let ceiling = timings.backoffMinMs;
  return {
    next() {
      const wait = Math.random() * ceiling;
      ceiling = Math.min(ceiling * 2, timings.backoffMaxMs);
      return wait;
    },
    reset() {
      ceiling = timings.backoffMinMs;
    },
  };
}

/** The milliseconds of a Retry-After header; null where it is absent or a date (which API servers never send). */
export function parseRetryAfter(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,9}$/u.test(header.trim()) ? Number(header.trim()) * 1000 : null;
}
