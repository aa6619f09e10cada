import { objectKey, type Kind, type ObjectKey, type ObjectRef } from '../../model/object-ref.ts';
import type { Finding } from '../../model/verdict.ts';
import type { ClusterObject } from '../objects.ts';
import type { Store } from '../store.ts';
import type { Entry } from './intake.ts';
import { rest } from './pacer.ts';

/** The name under which the API server's objects stand in the store. */
export const apiSourceName = 'kubernetes';

export interface StoreWriterOptions {
  readonly store: Store;
  readonly coalesceMs: number;
  readonly holdBackMs: number;
  /**
   * Called with the objects about to be written; what it returns is waited for, up to `holdBackMs`. So an Ingress that
   * names a new Secret is never seen without it.
   */
  prepare(objects: readonly ClusterObject[]): Promise<void> | null;
  /** A listener of the store threw. The store itself has taken the change. */
  onListenerError(error: unknown): void;
}

/** Objects in one write; a thousand take the store about 5 ms. */
const batchSize = 1000;

/** Brings what the reflectors learn into the store: what comes close together becomes one change. */
export interface StoreWriter {
  change(set: readonly Entry[], deleted: readonly ObjectRef[]): void;
  /** Deletes all there is of a kind. */
  clear(kind: Kind): void;
  /** Says something about a kind as a whole, or takes it back. */
  note(kind: Kind, finding: Finding | null): void;
  /** Writes everything that is pending; resolves when it is written. */
  flush(): Promise<void>;
}

interface Pending {
  readonly ref: ObjectRef;
  readonly object: ClusterObject | null;
  readonly findings: readonly Finding[];
}

export function createStoreWriter(options: StoreWriterOptions): StoreWriter {
  const { store, coalesceMs, holdBackMs } = options;
  /** Objects with findings in the store, by the key that is their origin there. */
  const reported = new Map<ObjectKey, Kind>();
  const pending = new Map<ObjectKey, Pending>();
  let timer: NodeJS.Timeout | null = null;
  let heldSince: number | null = null;

  /** Listeners are other people's code: whatever they do must not end a watch or be taken for its failure. */
  function write(action: () => void): void {
    try {
      action();
    } catch (error) {
      options.onListenerError(error);
    }
  }

  function add(one: Pending): void {
    pending.set(objectKey(one.ref), one);
  }

  function schedule(): void {
    if (pending.size > 0) {
      timer ??= setTimeout(flushPrepared, coalesceMs);
    }
  }

  function flushPrepared(): void {
    timer = null;
    heldSince ??= performance.now();
    const left = heldSince + holdBackMs - performance.now();
    const objects = [...pending.values()].map((one) => one.object).filter((object) => object !== null);
    const ready = left > 0 ? options.prepare(objects) : null;
    if (ready === null) {
      flush();
      return;
    }
    // Nothing is written until this timer or the preparation ends it; what comes meanwhile joins in.
    timer = setTimeout(flush, left);
    void ready.then(() => {
      if (timer !== null) {
        clearTimeout(timer);
        flushPrepared();
      }
    });
  }

  /** Writes one batch; what is left of a large change follows in the next turns of the event loop. */
  function flush(): void {
    if (timer !== null) {
      clearTimeout(timer);
      timer = null;
    }
    heldSince = null;
    writeBatch();
    if (pending.size > 0) {
      void drain();
    }
  }

  async function drain(): Promise<void> {
    while (pending.size > 0) {
      await rest();
      writeBatch();
    }
  }

  function writeBatch(): void {
    if (pending.size === 0) {
      return;
    }
    const set: ClusterObject[] = [];
    const deleted: ObjectRef[] = [];
    const findings = new Map<string, readonly Finding[]>();
    for (const [key, { ref, object, findings: found }] of pending) {
      if (object === null) {
        deleted.push(ref);
      } else {
        set.push(object);
      }
      report(findings, key, ref.kind, found);
      pending.delete(key);
      if (set.length + deleted.length >= batchSize) {
        break;
      }
    }
    write(() => store.apply({ set, deleted, ...(findings.size > 0 && { findings }) }, apiSourceName));
  }

  function report(
    findings: Map<string, readonly Finding[]>,
    key: ObjectKey,
    kind: Kind,
    found: readonly Finding[],
  ): void {
    if (found.length > 0) {
      findings.set(key, found);
      reported.set(key, kind);
    } else if (reported.delete(key)) {
      findings.set(key, []);
    }
  }

  return {
    change(set, deleted) {
      for (const ref of deleted) {
        add({ ref, object: null, findings: [] });
      }
      for (const { ref, object, findings } of set) {
        add({ ref, object, findings });
      }
      schedule();
    },
    clear(kind) {
      for (const [key, { ref }] of pending) {
        if (ref.kind === kind) {
          pending.delete(key);
        }
      }
      write(() => store.replaceAll(kind, [], apiSourceName));
      const findings = new Map<string, readonly Finding[]>();
      for (const [key, ofKind] of reported) {
        if (ofKind === kind) {
          report(findings, key, kind, []);
        }
      }
      if (findings.size > 0) {
        write(() => store.apply({ set: [], deleted: [], findings }, apiSourceName));
      }
    },
    note(kind, finding) {
      write(() => store.setFindings(`kind ${kind}`, finding === null ? [] : [finding], apiSourceName));
    },
    flush() {
      flush();
      return drain();
    },
  };
}
