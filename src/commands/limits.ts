import type { Environment } from '../config/environment.ts';

/** How much a pass may take before it is given up. */
export interface Limits {
  /** Milliseconds for its steps. A text of 25 MB is built in 3 s and tested in 2 s on two idle cores. */
  readonly deadlines: {
    readonly buildMs: number;
    /** For one call of a user's plugin: far more than any needs. */
    readonly hookMs: number;
    readonly testMs: number;
    readonly reloadMs: number;
    readonly verifyMs: number;
    /** For the pass that is under way at the end; then nginx and the Lease are ended without waiting for it. */
    readonly lastPassMs: number;
  };
  /** MB of heap for the rendering worker: 10,000 servers take about 500. */
  readonly workerHeapMb: number;
}

/**
 * The limits. Tests lower them by `CNG_DEADLINE_FACTOR` and `CNG_WORKER_HEAP_MB`: nobody waits minutes, or fills 2 GB,
 * to see one reached. A value that is no number above 0 changes nothing.
 */
export function limitsFor(environment: Environment): Limits {
  const factor = positive(environment['CNG_DEADLINE_FACTOR']) ?? 1;
  return {
    deadlines: {
      buildMs: 60_000 * factor,
      hookMs: 5000 * factor,
      testMs: 60_000 * factor,
      reloadMs: 75_000 * factor,
      verifyMs: 30_000 * factor,
      lastPassMs: 30_000 * factor,
    },
    workerHeapMb: positive(environment['CNG_WORKER_HEAP_MB']) ?? 2048,
  };
}

function positive(text: string | undefined): number | null {
  const number = Number(text ?? 0);
  return number > 0 && Number.isFinite(number) ? number : null;
}
