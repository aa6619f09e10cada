import type { Occasion } from './pass-reason.ts';
import { nextPassAt, type PendingChanges } from './schedule.ts';

/**
 * How a pass ended. `searched`: it had to find out whose fault something was, so it took longer than others will.
 * `unfinished`: it found some who are at fault, and not yet all.
 */
export type PassEnd = 'succeeded' | 'failed' | 'searched' | 'unfinished';

/** What waits for a pass, since when, and when that one begins. Times are milliseconds of the monotonic clock. */
export class Agenda {
  #occasions = new Set<Occasion>();
  #changes: PendingChanges | null = null;
  #occasionAt: number | null = null;
  #lastEndedAt: number | null = null;
  #lastTookMs = 0;
  #failuresInARow = 0;

  /** The world is not what it was. `isUrgent`: what has changed does not wait for the end of a burst. */
  changed(now: number, isUrgent: boolean): void {
    this.#changes = {
      firstAt: this.#changes?.firstAt ?? now,
      lastAt: now,
      urgentAt: this.#changes?.urgentAt ?? (isUrgent ? now : null),
    };
  }

  /** A reason to tell, beside a change. */
  note(occasion: Occasion): void {
    this.#occasions.add(occasion);
  }

  /** A pass is due although nothing has changed. */
  touch(occasion: Occasion, now: number): void {
    this.#occasions.add(occasion);
    this.#occasionAt ??= now;
  }

  /** Since when something waits for a pass; null when nothing does. */
  pendingSince(): number | null {
    const since = Math.min(this.#changes?.firstAt ?? Infinity, this.#occasionAt ?? Infinity);
    return since === Infinity ? null : since;
  }

  /** When the next pass is to begin; Infinity where nothing waits for one. */
  nextAt(): number {
    return nextPassAt({
      changes: this.#changes,
      occasionAt: this.#occasionAt,
      lastEndedAt: this.#lastEndedAt,
      lastTookMs: this.#lastTookMs,
      failuresInARow: this.#failuresInARow,
    });
  }

  /** A pass takes over everything that waits; what comes from now on is for the next one. */
  begin(): ReadonlySet<Occasion> {
    const occasions = this.#occasions;
    this.#occasions = new Set();
    this.#changes = null;
    this.#occasionAt = null;
    return occasions;
  }

  ended(began: number, now: number, end: PassEnd): void {
    this.#lastEndedAt = now;
    this.#failuresInARow = end === 'failed' ? this.#failuresInARow + 1 : 0;
    // A change that came during a search must not wait for as long as the search took.
    if (end === 'succeeded') {
      this.#lastTookMs = now - began;
    }
  }
}
