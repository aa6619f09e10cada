import type { Liveness, Readiness } from '../observe/view.ts';

/** A reload or a restart may cost one or two; after this many there is nothing behind the port. */
const mostMissedBeats = 4;
/** No stage takes this long; a loop that says nothing for it, with work pending, is stuck. */
const stuckAfterMs = 300_000;

/** What is known of the health of the loop and of its nginx, and what the probes are told. */
export class Vitals {
  /** nginx verifiably serves what was built from one complete listing. */
  verifiedOnce = false;
  stopping = false;
  /** Why the last pass failed; null when it did not. */
  lastFault: string | null = null;
  /** Heartbeats in a row that nobody answered. */
  #missedBeats = 0;
  /** Monotonic milliseconds of the last sign of the loop; 0 before the first. */
  #progressAt = 0;

  /** Something is going on. */
  progress(): void {
    this.#progressAt = performance.now();
  }

  /** nginx was asked for its generation. */
  beat(isAnswered: boolean): void {
    this.#missedBeats = isAnswered ? 0 : this.#missedBeats + 1;
  }

  readiness(): Readiness {
    if (this.stopping) {
      return { ready: false, reason: 'shutting down' };
    }
    if (this.#missedBeats >= mostMissedBeats) {
      return { ready: false, reason: 'nginx does not answer' };
    }
    if (this.verifiedOnce) {
      return { ready: true, reason: null };
    }
    const why = this.lastFault === null ? '' : `: ${this.lastFault}`;
    return { ready: false, reason: `no generation has been verified yet${why}` };
  }

  /** `busy`: a pass is under way or due. */
  liveness(busy: boolean): Liveness {
    const silentMs = performance.now() - this.#progressAt;
    return busy && this.#progressAt > 0 && silentMs > stuckAfterMs
      ? {
          healthy: false,
          reason: `the loop has work and has made no progress for ${Math.round(silentMs / 1000)} s`,
        }
      : { healthy: true, reason: null };
  }
}
