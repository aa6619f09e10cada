import { objectKey, parseObjectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { ApplyResult, KeptOut, Quarantine } from '../nginx/apply-result.ts';
import { TrialQueue } from './trial-queue.ts';

interface Entry {
  readonly reason: KeptOut;
  /** How often it was refused since it was last served as it is. */
  readonly refusals: number;
  /** Monotonic milliseconds at which it was kept out or refused last. */
  readonly triedAt: number;
  /** Monotonic milliseconds at which it is tried, at the latest. */
  readonly retryAt: number;
}

const firstRetryMs = 60_000;
const troubleMs = 5000;
const longestRetryMs = 3_600_000;
/** Whoever corrects an object and errs is told at once; who goes on erring waits. */
const freeEdits = 3;
const editStepMs = 1000;
const longestEditWaitMs = 60_000;
/** With more than this kept out, what is new of a namespace is tried after the changes of all others. */
const mostTrusted = 3;

/** Objects of these kinds can be what was wrong with an object that names them. */
const causes = ['Secret', 'ConfigMap', 'Service'];

/**
 * The objects that are kept out, and when they are tried again: when they change, when something that they name
 * changes, or after a while, because the other half of a conflict may be gone. Until a trial lets them in they stay
 * out, so that nobody else waits for it. Times are milliseconds of the monotonic clock.
 */
export class QuarantineList {
  readonly #entries = new Map<ObjectKey, Entry>();
  readonly #queue = new TrialQueue();

  /** What is kept out now. */
  current(): Map<ObjectKey, KeptOut> {
    return new Map([...this.#entries].map(([key, entry]) => [key, entry.reason]));
  }

  /** Takes over what an earlier life of the gateway kept out; nothing of it is tried at once. */
  recall(quarantine: Quarantine, now: number): void {
    for (const [key, reason] of quarantine) {
      this.#put(key, reason, now);
    }
  }

  /** Takes over what a pass over the whole ended with. */
  replace(quarantined: Quarantine, now: number): void {
    for (const key of this.#entries.keys()) {
      if (!quarantined.has(key)) {
        this.#entries.delete(key);
      }
    }
    for (const [key, reason] of quarantined) {
      const known = this.#entries.get(key)?.reason;
      const isSame = known?.message === reason.message && known.closed === reason.closed;
      if (!isSame) {
        this.#put(key, reason, now);
      }
    }
  }

  /** Keeps one more object out. */
  add(key: ObjectKey, reason: KeptOut, now: number): void {
    this.#put(key, reason, now);
    this.#queue.drop(key);
  }

  /** Ends the entries of objects that are gone. */
  forget(gone: readonly ObjectRef[]): void {
    for (const ref of gone) {
      this.#entries.delete(objectKey(ref));
    }
  }

  /**
   * Has those tried that a change may have mended: those that changed, and those that name what changed, the more often
   * they were refused the later. `names` tells whether the text of an object names another one.
   */
  releaseChanged(
    changed: readonly ObjectRef[],
    names: (object: ObjectKey, other: ObjectRef) => boolean,
    now: number,
  ): void {
    const keys = new Set(changed.map(objectKey));
    const others = changed.filter((ref) => causes.includes(ref.kind));
    for (const [key, entry] of this.#entries) {
      if (keys.has(key)) {
        // Nothing is known against what it says now.
        this.#entries.set(key, { ...entry, reason: { ...entry.reason, waiting: true } });
        this.#tryAt(key, entry.triedAt + waitAfter(entry.refusals - freeEdits), now);
      } else if (others.some((other) => objectKey(other) !== key && names(key, other))) {
        this.#tryAt(key, entry.triedAt + waitAfter(entry.refusals), now);
      }
    }
  }

  /** Has all tried: something has changed that every object is built with. */
  releaseAll(now: number): void {
    for (const key of this.#entries.keys()) {
      this.#tryAt(key, now, now);
    }
  }

  /** Those of new objects whose namespace has so many kept out that they wait for a trial of their own. */
  distrusted(added: readonly ObjectRef[]): ObjectKey[] {
    const counts = new Map<string, number>();
    for (const key of this.#entries.keys()) {
      const namespace = parseObjectKey(key)?.namespace ?? '';
      counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
    }
    return added
      .filter(({ namespace }) => (counts.get(namespace) ?? 0) > mostTrusted)
      .map(objectKey)
      .filter((key) => !this.#entries.has(key));
  }

  /** Who is to be tried next, together; null where nobody is due. */
  nextTrial(now: number): readonly ObjectKey[] | null {
    const due = [...this.#entries].filter(([, { retryAt }]) => retryAt <= now);
    this.#queue.enqueue(due.map(([key, { reason }]) => ({ key, isFirst: reason.waiting === true })));
    return this.#queue.next((key) => this.#entries.has(key));
  }

  /** Takes over what came of a trial of these. */
  tried(group: readonly ObjectKey[], result: ApplyResult, now: number): void {
    if (result.outcome === 'failed' && result.fault?.kind !== 'object') {
      // Nothing was learnt of them: the disk is full, or nginx does not answer.
      this.postpone(group, now, troubleMs);
      return;
    }
    for (const key of result.added) {
      const reason = result.quarantined.get(key);
      if (reason !== undefined) {
        this.#put(key, reason, now);
      }
    }
    if (result.outcome === 'failed') {
      this.#queue.refused(group, result.added, result.apart ?? null);
      return;
    }
    this.#queue.done(group);
    for (const key of group) {
      this.#entries.delete(key);
    }
  }

  /** A trial of these could not be made. */
  postpone(group: readonly ObjectKey[], now: number, afterMs = firstRetryMs): void {
    this.#queue.done(group);
    for (const key of group) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) {
        this.#entries.set(key, { ...entry, triedAt: now, retryAt: now + afterMs });
      }
    }
  }

  /** When the next one is due; null where nobody is kept out. */
  nextDueAt(): number | null {
    const times = [...this.#entries.values()].map((entry) => entry.retryAt);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Whether there are some that nothing is known against. */
  hasWaiting(): boolean {
    return [...this.#entries.values()].some(({ reason }) => reason.waiting === true);
  }

  #put(key: ObjectKey, reason: KeptOut, now: number): void {
    const isWaiting = reason.waiting === true;
    const refusals = (this.#entries.get(key)?.refusals ?? 0) + (isWaiting ? 0 : 1);
    const afterMs = isWaiting ? 0 : Math.min(firstRetryMs * 2 ** (refusals - 1), longestRetryMs);
    this.#entries.set(key, { reason, refusals, triedAt: now, retryAt: now + afterMs });
  }

  #tryAt(key: ObjectKey, at: number, now: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.set(key, { ...entry, retryAt: Math.min(entry.retryAt, Math.max(at, now)) });
    }
  }
}

/** How long an edit waits for its trial after so many refusals that count. */
function waitAfter(refusals: number): number {
  return refusals <= 0 ? 0 : Math.min(editStepMs * 2 ** (refusals - 1), longestEditWaitMs);
}
