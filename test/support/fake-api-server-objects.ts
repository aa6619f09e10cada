import { randomUUID } from 'node:crypto';

/** A Kubernetes object of any kind, as JSON has it. */
export interface FakeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: FakeMeta;
  readonly [field: string]: unknown;
}

export interface FakeMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** `apiVersion/plural`, as in `v1/secrets` or `networking.k8s.io/v1/ingresses`. */
export type CollectionName = string;

export interface FakeRecord {
  readonly object: FakeObject;
  readonly revision: number;
  /** The object as JSON, made once. */
  readonly json: string;
}

export interface FakeEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: CollectionName;
  readonly record: FakeRecord;
}

/** The etcd of the fake API server: one revision counter over all collections, and the events so far. */
export interface FakeObjects {
  readonly revision: number;
  /** Creates or replaces. `isSilent` tells no watch about it, as a server with a bug would. */
  put(object: object, options?: { readonly isSilent?: boolean; readonly revision?: number }): FakeObject;
  /** @returns whether it was there */
  remove(collection: CollectionName, key: string, options?: { readonly isSilent?: boolean }): boolean;
  get(collection: CollectionName, key: string): FakeObject | null;
  /** Sorted by key. */
  list(collection: CollectionName): readonly FakeRecord[];
  /** The events of a collection after a revision, or null where they are no longer kept. */
  eventsAfter(collection: CollectionName, revision: number): readonly FakeEvent[] | null;
  /** Forgets all events so far: watches from an older revision are answered 410. */
  compact(): void;
  /** As after etcd was emptied, or restored from a backup: this revision, these objects, and no watch is told. */
  restore(revision: number, content: readonly object[]): void;
  /** Counts the revision up without any change, as writes to other collections do. */
  tick(): void;
  onEvent(listener: (event: FakeEvent) => void): void;
}

const irregular: Readonly<Record<string, string>> = { Endpoints: 'endpoints' };

/** The collection in which objects of this kind stand. */
export function collectionOf({ apiVersion, kind }: Pick<FakeObject, 'apiVersion' | 'kind'>): CollectionName {
  const lower = kind.toLowerCase();
  let plural = `${lower}s`;
  if (/(?:s|x|ch)$/u.test(lower)) {
    plural = `${lower}es`;
  } else if (/[^aeiou]y$/u.test(lower)) {
    plural = `${lower.slice(0, -1)}ies`;
  }
  return `${apiVersion}/${irregular[kind] ?? plural}`;
}

/** `namespace/name`, or `/name`. */
export function keyOf({ metadata }: FakeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

export function createFakeObjects(firstRevision = 1000): FakeObjects {
  const collections = new Map<CollectionName, Map<string, FakeRecord>>();
  const sorted = new Map<CollectionName, readonly FakeRecord[]>();
  const listeners: ((event: FakeEvent) => void)[] = [];
  let events: FakeEvent[] = [];
  let revision = firstRevision;
  let compacted = 0;

  function recordsOf(collection: CollectionName): Map<string, FakeRecord> {
    const records = collections.get(collection) ?? new Map<string, FakeRecord>();
    collections.set(collection, records);
    return records;
  }

  function tell(event: FakeEvent, isSilent: boolean): void {
    sorted.delete(event.collection);
    if (!isSilent) {
      events.push(event);
      for (const listener of listeners) {
        listener(event);
      }
    }
  }

  return {
    get revision() {
      return revision;
    },
    put(raw, { isSilent = false, revision: given } = {}) {
      const draft = raw as FakeObject;
      const collection = collectionOf(draft);
      const records = recordsOf(collection);
      const key = keyOf(draft);
      const before = records.get(key)?.object.metadata;
      revision = given ?? revision + 1;
      const object: FakeObject = {
        ...draft,
        metadata: {
          creationTimestamp: '2026-01-31T12:00:00Z',
          ...draft.metadata,
          uid: before?.uid ?? draft.metadata.uid ?? randomUUID(),
          resourceVersion: String(revision),
        },
      };
      const record = { object, revision, json: JSON.stringify(object) };
      records.set(key, record);
      tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', collection, record }, isSilent);
      return object;
    },
    remove(collection, key, { isSilent = false } = {}) {
      const before = recordsOf(collection).get(key);
      if (before === undefined) {
        return false;
      }
      recordsOf(collection).delete(key);
      revision += 1;
      const object: FakeObject = {
        ...before.object,
        metadata: { ...before.object.metadata, resourceVersion: String(revision) },
      };
      tell(
        { type: 'DELETED', collection, record: { object, revision, json: JSON.stringify(object) } },
        isSilent,
      );
      return true;
    },
    get: (collection, key) => recordsOf(collection).get(key)?.object ?? null,
    list(collection) {
      const known = sorted.get(collection);
      if (known !== undefined) {
        return known;
      }
      const list = [...recordsOf(collection).values()].sort((one, other) =>
        keyOf(one.object) < keyOf(other.object) ? -1 : 1,
      );
      sorted.set(collection, list);
      return list;
    },
    eventsAfter(collection, after) {
      return after < compacted
        ? null
        : events.filter((event) => event.collection === collection && event.record.revision > after);
    },
    compact() {
      compacted = revision;
      events = [];
    },
    restore(at, content) {
      collections.clear();
      sorted.clear();
      events = [];
      compacted = 0;
      revision = at - content.length;
      for (const object of content) {
        this.put(object, { isSilent: true });
      }
    },
    tick() {
      revision += 1;
    },
    onEvent(listener) {
      listeners.push(listener);
    },
  };
}
