import type { ObjectRef } from '../../model/object-ref.ts';
import type { NamespacedName } from '../snapshot.ts';
import type { ApiClient } from './api-client.ts';
import { identify, refOfKey, type Entry, type EntryKey, type Intake } from './intake.ts';
import { resourcePath, type Resource } from './resource.ts';
import { createBackoff } from './retry.ts';
import type { Sink } from './reflector-events.ts';
import { jittered, pause, type Timings } from './timing.ts';

/** Requests at a time. */
const parallel = 6;
/** After this many failures in a row an object no longer holds up those who wait for all. */
const patience = 5;

export interface HeldObjectsOptions {
  readonly client: ApiClient;
  readonly resource: Resource;
  readonly intake: Intake;
  readonly timings: Timings;
  /** Where fetched objects go, and the references of those to be forgotten. */
  onChange(set: readonly Entry[], deleted: readonly ObjectRef[]): void;
  onContact(): void;
}

/**
 * Holds, of a kind whose names and versions are watched, only the objects that something refers to: fetches them by
 * name, again when their version changes, and forgets them when nothing refers to them or they are deleted.
 */
export interface HeldObjects {
  /** Takes what a reflector of names learns. Several may share it where their collections do not overlap. */
  readonly sink: Sink;
  refer(references: ReadonlySet<NamespacedName>): void;
  /**
   * Also fetches these, until the next `refer`. Resolves when each has been fetched or has failed once; null where there
   * is nothing to wait for.
   */
  want(references: Iterable<NamespacedName>): Promise<void> | null;
  /** Resolves when everything referred to has been fetched, is known to be missing, or has failed repeatedly. */
  settled(): Promise<void>;
  isSettled(): boolean;
  /** Fetches until the signal is aborted. */
  run(signal: AbortSignal): void;
}

interface Waiter {
  isOver(): boolean;
  resolve(): void;
}

interface Fetching {
  failures: number;
  isRunning: boolean;
}

export function createHeldObjects(options: HeldObjectsOptions): HeldObjects {
  const { client, resource, intake, timings } = options;
  /** The version of each object there is. */
  const present = new Map<EntryKey, string>();
  /** The version that `present` had when the held object was asked for. */
  const held = new Map<EntryKey, string>();
  const fetching = new Map<EntryKey, Fetching>();
  let references: ReadonlySet<NamespacedName> = new Set();
  let wanted = new Set<NamespacedName>();
  let waiting: Waiter[] = [];
  let running = 0;
  let stop: AbortSignal | null = null;

  function isReferred(key: EntryKey): boolean {
    return references.has(key) || wanted.has(key);
  }

  function consider(key: EntryKey): void {
    const version = present.get(key);
    if (version === undefined || !isReferred(key)) {
      const hasFinding = (fetching.get(key)?.failures ?? 0) >= patience;
      fetching.delete(key);
      if (held.delete(key) || hasFinding) {
        options.onChange([], [refOfKey(resource, key)]);
      }
      return;
    }
    if (held.get(key) !== version && !fetching.has(key)) {
      fetching.set(key, { failures: 0, isRunning: false });
    }
  }

  function pump(): void {
    if (stop !== null && !stop.aborted) {
      for (const [key, state] of fetching) {
        if (running >= parallel) {
          break;
        }
        if (!state.isRunning) {
          state.isRunning = true;
          running += 1;
          void fetchOne(key, state, stop);
        }
      }
    }
    const open = waiting;
    waiting = [];
    for (const waiter of open) {
      if (waiter.isOver()) {
        waiter.resolve();
      } else {
        waiting.push(waiter);
      }
    }
  }

  async function fetchOne(key: EntryKey, state: Fetching, signal: AbortSignal): Promise<void> {
    const version = present.get(key) ?? '';
    const { namespace, name } = refOfKey(resource, key);
    const path = resourcePath({ apiVersion: resource.apiVersion, plural: resource.plural, namespace, name });
    const answer = await client.send({ path, signal });
    running -= 1;
    state.isRunning = false;
    if (fetching.get(key) === state && !signal.aborted) {
      const status = answer.kind === 'answer' ? answer.status : 0;
      const identity = answer.kind === 'answer' ? identify(answer.body) : null;
      if (status === 200 && answer.kind === 'answer' && identity?.key === key) {
        options.onContact();
        settle(key, version, intake(answer.body as object, identity));
      } else if (status === 404) {
        settle(key, version, null);
      } else {
        const reason = answer.kind === 'answer' ? `${status}: ${answer.message}` : answer.reason;
        postpone(key, state, version, reason, status === 403, signal);
      }
    }
    pump();
  }

  function settle(key: EntryKey, version: string, entry: Entry | null): void {
    fetching.delete(key);
    held.set(key, version);
    options.onChange(entry === null ? [] : [entry], entry === null ? [refOfKey(resource, key)] : []);
    consider(key);
  }

  /** Tries again later. What was held stays; where nothing was, the object says why. */
  function postpone(
    key: EntryKey,
    state: Fetching,
    version: string,
    reason: string,
    isForbidden: boolean,
    signal: AbortSignal,
  ): void {
    state.failures = isForbidden ? patience : state.failures + 1;
    state.isRunning = true;
    if (state.failures === patience && !held.has(key)) {
      options.onChange([unavailable(key, version, reason)], []);
    }
    const backoff = createBackoff({
      backoffMinMs: Math.min(timings.backoffMinMs * 2 ** state.failures, timings.backoffMaxMs),
      backoffMaxMs: timings.backoffMaxMs,
    });
    const wait = isForbidden ? jittered(timings.forbiddenMs, 0.1) : backoff.next();
    void pause(wait, signal).then(() => {
      state.isRunning = false;
      pump();
    });
  }

  function unavailable(key: EntryKey, resourceVersion: string, reason: string): Entry {
    const ref = refOfKey(resource, key);
    const message = `cannot be read from the API server (${reason}); it is tried again, and counts as missing meanwhile`;
    return {
      key,
      ref,
      uid: '',
      resourceVersion,
      object: null,
      findings: [{ object: ref, state: 'rejected', reason: { field: '', message } }],
    };
  }

  function waitFor(isOver: () => boolean): Promise<void> {
    return isOver() ? Promise.resolve() : new Promise((resolve) => waiting.push({ isOver, resolve }));
  }

  function isFirstAttempt(key: EntryKey): boolean {
    return fetching.get(key)?.failures === 0;
  }

  function isSettled(): boolean {
    return [...fetching.values()].every(({ failures }) => failures >= patience);
  }

  function take(set: readonly Entry[], deleted: readonly ObjectRef[]): void {
    for (const { namespace, name } of deleted) {
      const key = `${namespace}/${name}`;
      present.delete(key);
      consider(key);
    }
    for (const entry of set) {
      present.set(entry.key, entry.resourceVersion);
      consider(entry.key);
    }
    pump();
  }

  return {
    sink: {
      first: (entries) => take(entries, []),
      change: ({ set, deleted }) => take(set, deleted),
    },
    refer(next) {
      const before = [...references, ...wanted];
      references = next;
      wanted = new Set();
      for (const key of new Set([...before, ...next])) {
        consider(key);
      }
      pump();
    },
    want(list) {
      const more = [...list];
      for (const key of more) {
        if (!references.has(key)) {
          wanted.add(key);
          consider(key);
        }
      }
      pump();
      const missing = more.filter((key) => !held.has(key) && isFirstAttempt(key));
      if (missing.length === 0) {
        return null;
      }
      return waitFor(() => !missing.some(isFirstAttempt));
    },
    settled: () => waitFor(isSettled),
    isSettled,
    run(signal) {
      stop = signal;
      pump();
    },
  };
}
