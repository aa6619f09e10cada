import { objectKey, parseObjectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { KeptOut } from '../nginx/apply-result.ts';

interface Entry {
  readonly reason: KeptOut;
  /** Monotonic milliseconds at which the object is tried again although nothing has changed. */
  retryAt: number;
  retryAfterMs: number;
}

const firstRetryMs = 60_000;
const longestRetryMs = 3_600_000;

/** Objects of these kinds can be what was wrong with another object of their namespace. */
const causes = ['Secret', 'ConfigMap', 'Service'];

/**
 * The objects that are kept out. An entry ends by itself: when its object changes, when something it may use
 * changes, or after a while, because the other half of a conflict may be gone.
 */
export class QuarantineList {
  readonly #entries = new Map<ObjectKey, Entry>();
  /** Entries that have been released for a try: if they come back they wait longer. */
  readonly #onTrial = new Map<ObjectKey, number>();

  /** What is kept out now. */
  current(): Map<ObjectKey, KeptOut> {
    return new Map([...this.#entries].map(([key, entry]) => [key, entry.reason]));
  }

  /** Takes over what a pass ended with. `now` is monotonic milliseconds. */
  replace(quarantined: ReadonlyMap<ObjectKey, KeptOut>, now: number): void {
    for (const key of this.#entries.keys()) {
      if (!quarantined.has(key)) {
        this.#entries.delete(key);
      }
    }
    for (const [key, reason] of quarantined) {
      const known = this.#entries.get(key);
      const waited = known?.retryAfterMs ?? this.#onTrial.get(key);
      if (
        known === undefined ||
        known.reason.message !== reason.message ||
        known.reason.closed !== reason.closed
      ) {
        const retryAfterMs = waited === undefined ? firstRetryMs : Math.min(waited * 2, longestRetryMs);
        this.#entries.set(key, { reason, retryAfterMs, retryAt: now + retryAfterMs });
      }
    }
    this.#onTrial.clear();
  }

  /** Keeps one more object out. `now` is monotonic milliseconds. */
  add(key: ObjectKey, reason: KeptOut, now: number): void {
    this.#entries.set(key, { reason, retryAfterMs: firstRetryMs, retryAt: now + firstRetryMs });
  }

  /** Ends the entries that a change may have mended, and returns their keys. */
  releaseChanged(changed: readonly ObjectRef[]): ObjectKey[] {
    const keys = new Set(changed.map(objectKey));
    const namespaces = new Set(
      changed.filter((ref) => causes.includes(ref.kind)).map((ref) => ref.namespace),
    );
    return this.#release((key) => keys.has(key) || namespaces.has(parseObjectKey(key)?.namespace ?? ''));
  }

  /** Ends all entries: something has changed that every object is built with. */
  releaseAll(): ObjectKey[] {
    return this.#release(() => true);
  }

  /** Ends the entries whose time has come, and returns their keys. */
  releaseDue(now: number): ObjectKey[] {
    return this.#release((_, entry) => entry.retryAt <= now, true);
  }

  /** When the next entry is due; null where there is none. */
  nextDueAt(): number | null {
    const times = [...this.#entries.values()].map((entry) => entry.retryAt);
    return times.length === 0 ? null : Math.min(...times);
  }

  #release(which: (key: ObjectKey, entry: Entry) => boolean, onTrial = false): ObjectKey[] {
    const released: ObjectKey[] = [];
    for (const [key, entry] of this.#entries) {
      if (which(key, entry)) {
        this.#entries.delete(key);
        released.push(key);
        if (onTrial) {
          this.#onTrial.set(key, entry.retryAfterMs);
        }
      }
    }
    return released;
  }
}
