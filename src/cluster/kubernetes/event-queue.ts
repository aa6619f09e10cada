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

/**
 * The newest untold change of each object. Namespaces take turns, so that none can keep the others waiting; in each,
 * what is a reason to worry comes first, then what has waited longest.
 */
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
  /** The keys of `entries` by namespace. Whose turn it is next comes first. */
  const turns = new Map<string, Set<string>>();
  /** Namespaces, and until when. */
  const blocked = new Map<string, number>();

  function entriesOf(keys: ReadonlySet<string>): Entry[] {
    return [...keys].flatMap((key) => entries.get(key) ?? []);
  }

  /** Of one namespace, in the order in which they are told. */
  function* inOrder(keys: ReadonlySet<string>): Generator<Entry> {
    const found = entriesOf(keys);
    for (const type of ['Warning', 'Normal']) {
      yield* found.filter(({ pending }) => pending.text.type === type);
    }
  }

  function set(entry: Entry): void {
    const { key, subject } = entry.pending;
    const keys = turns.get(subject.ref.namespace) ?? new Set();
    turns.set(subject.ref.namespace, keys.add(key));
    entries.set(key, entry);
  }

  function remove(key: string): void {
    const namespace = entries.get(key)?.pending.subject.ref.namespace ?? '';
    entries.delete(key);
    const keys = turns.get(namespace);
    keys?.delete(key);
    if (keys?.size === 0) {
      turns.delete(namespace);
    }
  }

  /** It waits until all others have had their turn. */
  function endTurn(namespace: string): void {
    const keys = turns.get(namespace);
    if (keys !== undefined) {
      turns.delete(namespace);
      turns.set(namespace, keys);
    }
  }

  function waitOf({ key, subject }: Pending): number {
    const until = blocked.get(subject.ref.namespace) ?? Number.NEGATIVE_INFINITY;
    return Math.max(until - clock.now(), perObject.waitMs(key), 0);
  }

  /** The last to be told of the namespace that has most waiting: a flood has to make room for itself. */
  function last(): Entry | null {
    let most: ReadonlySet<string> = new Set();
    for (const keys of turns.values()) {
      most = keys.size >= most.size ? keys : most;
    }
    return [...inOrder(most)].at(-1) ?? null;
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
      set({ pending, since: before?.since ?? clock.now() });
      if (entries.size <= limits.mostWaiting) {
        return null;
      }
      const overflow = last()?.pending ?? pending;
      remove(overflow.key);
      return overflow;
    },
    remove,
    keepOnly(keys) {
      for (const key of entries.keys()) {
        if (!keys.has(key)) {
          remove(key);
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
        least = Math.min(least, waitOf(entry.pending));
        if (least === 0) {
          break;
        }
      }
      return Math.max(least, total.waitMs());
    },
    take() {
      for (const [namespace, keys] of turns) {
        for (const { pending } of inOrder(keys)) {
          if (waitOf(pending) === 0) {
            total.take();
            perObject.take(pending.key);
            endTurn(namespace);
            return pending;
          }
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
