import type { Clock } from './clock.ts';
import { createBudget, createKeyedBudget, type Rate } from './event-budget.ts';
import type { Telling } from './event-writer.ts';

/** A change that is to be told. */
export interface Pending extends Telling {
  /** `Kind/namespace/name`. */
  readonly key: string;
  readonly print: string;
}

export interface EventQueueLimits {
  readonly total: Rate;
  readonly perObject: Rate;
  readonly mostWaiting: number;
}

/** The newest untold change of each object. What is a reason to worry comes first, then what has waited longest. */
export interface EventQueue {
  readonly size: number;
  /**
   * Puts a change in the place of an earlier one of the same object, which it counts in.
   * @returns the change for which there is no room any more, or null
   */
  put(change: Omit<Pending, 'times'>): Pending | null;
  remove(key: string): void;
  /** Removes the changes of all other objects. */
  keepOnly(keys: ReadonlySet<string>): void;
  /** Waiting for longer than this. */
  olderThan(ms: number): Pending[];
  /** Milliseconds until the rates allow a change to be told; 0 where one may be, or where none waits. */
  waitMs(): number;
  /** The next change that may be told, which stays in the queue until it is removed; null where there is none. */
  take(): Pending | null;
  /** The answer to this one was lost: it may have been told. */
  doubt(key: string): void;
  /** Lets all changes of objects in this namespace wait. */
  block(namespace: string, ms: number): void;
}

interface Entry {
  readonly pending: Pending;
  readonly since: number;
}

export function createEventQueue(limits: EventQueueLimits, clock: Clock): EventQueue {
  const total = createBudget(limits.total, clock);
  const perObject = createKeyedBudget(limits.perObject, clock);
  const entries = new Map<string, Entry>();
  /** Namespaces, and until when. */
  const blocked = new Map<string, number>();

  /** In the order in which they are told. */
  function* inOrder(): Generator<Entry> {
    for (const type of ['Warning', 'Normal']) {
      for (const entry of entries.values()) {
        if (entry.pending.text.type === type) {
          yield entry;
        }
      }
    }
  }

  function waitOf({ pending }: Entry): number {
    const until = blocked.get(pending.subject.ref.namespace) ?? Number.NEGATIVE_INFINITY;
    return Math.max(until - clock.now(), perObject.waitMs(pending.key), 0);
  }

  function last(): Entry | null {
    let found: Entry | null = null;
    for (const entry of inOrder()) {
      found = entry;
    }
    return found;
  }

  return {
    get size() {
      return entries.size;
    },
    put(change) {
      const before = entries.get(change.key);
      if (before?.pending.print === change.print) {
        return null;
      }
      const pending = {
        ...change,
        times: (before?.pending.times ?? 0) + 1,
        isDoubtful: change.isDoubtful || before?.pending.isDoubtful === true,
      };
      entries.set(change.key, { pending, since: before?.since ?? clock.now() });
      if (entries.size <= limits.mostWaiting) {
        return null;
      }
      const overflow = last()?.pending ?? pending;
      entries.delete(overflow.key);
      return overflow;
    },
    remove: (key) => entries.delete(key),
    keepOnly(keys) {
      for (const key of entries.keys()) {
        if (!keys.has(key)) {
          entries.delete(key);
        }
      }
    },
    olderThan(ms) {
      const now = clock.now();
      return [...entries.values()].filter(({ since }) => now - since >= ms).map(({ pending }) => pending);
    },
    waitMs() {
      if (entries.size === 0) {
        return 0;
      }
      let least = Number.POSITIVE_INFINITY;
      for (const entry of entries.values()) {
        least = Math.min(least, waitOf(entry));
        if (least === 0) {
          break;
        }
      }
      return Math.max(least, total.waitMs());
    },
    take() {
      for (const entry of inOrder()) {
        if (waitOf(entry) === 0) {
          total.take();
          perObject.take(entry.pending.key);
          return entry.pending;
        }
      }
      return null;
    },
    doubt(key) {
      const entry = entries.get(key);
      if (entry !== undefined) {
        entries.set(key, { ...entry, pending: { ...entry.pending, isDoubtful: true } });
      }
    },
    block(namespace, ms) {
      blocked.set(namespace, clock.now() + ms);
    },
  };
}
