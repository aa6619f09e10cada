import { objectKey, type Kind, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { Finding } from '../model/verdict.ts';
import { sameObject, sameValue } from './object-shape.ts';
import type { ClusterObject } from './objects.ts';
import { createSnapshotBuilder } from './snapshot-builder.ts';
import type { Snapshot } from './snapshot.ts';

/** Where objects come from: a folder of manifests, an API server. Each source knows its own objects only. */
export type SourceName = string;

/** What one source has to say at one moment; applied as a whole, with at most one notice to the listeners. */
export interface Changes {
  readonly set: readonly ClusterObject[];
  readonly deleted: readonly ObjectRef[];
  /** Findings by origin (a file, a kind); each list replaces that origin's, an empty one removes it. */
  readonly findings?: ReadonlyMap<string, readonly Finding[]>;
}

/** What brings a copy from one version to a later one. */
export interface Delta {
  /** The version that the copy has after this delta. */
  readonly version: number;
  /** The copy has to be emptied first: it is new, or too far behind for its deletions to be known. */
  readonly full: boolean;
  readonly set: readonly ClusterObject[];
  readonly deleted: readonly ObjectRef[];
  /** All findings, or null where they have not changed. */
  readonly findings: readonly Finding[] | null;
}

export interface Store {
  /** Counts effective changes, from 0. */
  readonly version: number;
  /** Sets and deletes objects of one source. An object that says the same as before changes nothing. */
  apply(changes: Changes, source?: SourceName): void;
  /** Makes `objects` all that this source has of this kind, as after a complete list. */
  replaceAll(kind: Kind, objects: readonly ClusterObject[], source?: SourceName): void;
  setFindings(origin: string, findings: readonly Finding[], source?: SourceName): void;
  /** Brings a copy (in a worker thread) up to date with the store that made the delta. */
  applyDelta(delta: Delta): void;
  /** The world as it is now; the same snapshot, and the same maps in it, as long as nothing in them changes. */
  snapshot(): Snapshot;
  changesSince(version: number): Delta;
  get(ref: ObjectRef): ClusterObject | null;
  /**
   * Calls the listener after each effective change, at once, with the kinds of the objects that are different; it
   * should only take note. Returns how to stop that.
   */
  onDirty(listener: (kinds: ReadonlySet<Kind>) => void): () => void;
}

/** Deletions remembered for `changesSince`; a copy further behind gets everything anew. */
const maxTombstones = 10_000;
const defaultSource: SourceName = 'default';

interface Entry {
  readonly object: ClusterObject;
  readonly version: number;
}

/**
 * One store for all sources. Where two sources have an object of the same key, the source whose name sorts first
 * wins, whatever the order in time.
 */
export function createStore(): Store {
  const sources = new Map<SourceName, Map<ObjectKey, ClusterObject>>();
  const entries = new Map<ObjectKey, Entry>();
  const tombstones = new Map<ObjectKey, { ref: ObjectRef; version: number }>();
  const findings = new Map<string, readonly Finding[]>();
  const listeners = new Set<(kinds: ReadonlySet<Kind>) => void>();
  const builder = createSnapshotBuilder();
  let version = 0;
  let findingsVersion = 0;
  /** Deletions up to this version may have been forgotten. */
  let forgottenUpTo = 0;

  function objectsOf(source: SourceName): Map<ObjectKey, ClusterObject> {
    let objects = sources.get(source);
    if (objects === undefined) {
      objects = new Map();
      sources.set(source, objects);
    }
    return objects;
  }

  /** The object that counts for a key: the one of the first source that has it. */
  function winner(key: ObjectKey): ClusterObject | null {
    let best: SourceName | null = null;
    let found: ClusterObject | null = null;
    for (const [name, objects] of sources) {
      const object = objects.get(key);
      if (object !== undefined && (best === null || name < best)) {
        best = name;
        found = object;
      }
    }
    return found;
  }

  /** Brings one key up to date with its sources; true if that changed anything. `next` is the version to record. */
  function settle(key: ObjectKey, ref: ObjectRef, next: number): boolean {
    const object = winner(key);
    const before = entries.get(key)?.object ?? null;
    if (object === null) {
      if (before === null) {
        return false;
      }
      entries.delete(key);
      tombstones.set(key, { ref, version: next });
      builder.delete(before);
      return true;
    }
    if (before !== null && sameObject(before, object)) {
      return false;
    }
    entries.set(key, { object, version: next });
    tombstones.delete(key);
    builder.set(object, before);
    return true;
  }

  function settleFindings(changed: ReadonlyMap<string, readonly Finding[]>, source: SourceName): boolean {
    let dirty = false;
    for (const [name, list] of changed) {
      const origin = `${source}\n${name}`;
      if (!sameValue(findings.get(origin) ?? [], list)) {
        dirty = true;
        if (list.length === 0) {
          findings.delete(origin);
        } else {
          findings.set(origin, list);
        }
      }
    }
    return dirty;
  }

  function listFindings(): Finding[] {
    const origins = [...findings.keys()].sort();
    return origins.flatMap((origin) => findings.get(origin) ?? []);
  }

  /** Forgets the oldest deletions; the map is in the order in which they happened, except for repeated ones. */
  function forgetOldDeletions(): void {
    while (tombstones.size > maxTombstones) {
      const [key, oldest] = tombstones.entries().next().value ?? [];
      if (key === undefined || oldest === undefined) {
        return;
      }
      tombstones.delete(key);
      forgottenUpTo = Math.max(forgottenUpTo, oldest.version);
    }
  }

  function apply(changes: Changes, source: SourceName = defaultSource): void {
    const next = version + 1;
    const own = objectsOf(source);
    const kinds = new Set<Kind>();
    // A key in both lists is set: what is there now counts.
    for (const ref of changes.deleted) {
      own.delete(objectKey(ref));
    }
    for (const object of changes.set) {
      const key = keyOf(object);
      const known = own.get(key);
      // Holding on to the copy that is already in use spares the memory of a second one.
      own.set(key, known !== undefined && sameObject(known, object) ? known : object);
    }
    for (const ref of changes.deleted) {
      if (settle(objectKey(ref), ref, next)) {
        kinds.add(ref.kind);
      }
    }
    for (const object of changes.set) {
      if (settle(keyOf(object), refOf(object), next)) {
        kinds.add(object.kind);
      }
    }
    let dirty = kinds.size > 0;
    if (changes.findings !== undefined && settleFindings(changes.findings, source)) {
      findingsVersion = next;
      builder.setFindings(listFindings());
      dirty = true;
    }
    if (dirty) {
      version = next;
      forgetOldDeletions();
      for (const listener of listeners) {
        listener(kinds);
      }
    }
  }

  return {
    get version() {
      return version;
    },
    apply,
    replaceAll(kind, objects, source = defaultSource) {
      const keys = new Set(objects.map(keyOf));
      const deleted: ObjectRef[] = [];
      for (const [key, object] of objectsOf(source)) {
        if (object.kind === kind && !keys.has(key)) {
          deleted.push(refOf(object));
        }
      }
      apply({ set: objects, deleted }, source);
    },
    setFindings(origin, list, source = defaultSource) {
      apply({ set: [], deleted: [], findings: new Map([[origin, list]]) }, source);
    },
    applyDelta(delta) {
      const known = new Set(delta.set.map(keyOf));
      const deleted = delta.full
        ? [...entries].filter(([key]) => !known.has(key)).map(([, entry]) => refOf(entry.object))
        : delta.deleted;
      apply({
        set: delta.set,
        deleted,
        ...(delta.findings === null ? {} : { findings: new Map([['delta', delta.findings]]) }),
      });
    },
    snapshot() {
      return builder.snapshot();
    },
    changesSince(since) {
      const full = since <= 0 || since < forgottenUpTo || since > version;
      const set: ClusterObject[] = [];
      for (const entry of entries.values()) {
        if (full || entry.version > since) {
          set.push(entry.object);
        }
      }
      const deleted = full
        ? []
        : [...tombstones.values()].filter((one) => one.version > since).map((one) => one.ref);
      return {
        version,
        full,
        set,
        deleted,
        findings: full || findingsVersion > since ? listFindings() : null,
      };
    },
    get(ref) {
      return entries.get(objectKey(ref))?.object ?? null;
    },
    onDirty(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** The reference of an object. */
export function refOf(object: ClusterObject): ObjectRef {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}

function keyOf(object: ClusterObject): ObjectKey {
  return objectKey(refOf(object));
}
