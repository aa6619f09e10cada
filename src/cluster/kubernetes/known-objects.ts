import type { ObjectRef } from '../../model/object-ref.ts';
import { identify, isOlder, type Entry, type EntryKey, type Identity, type Intake } from './intake.ts';

/** A complete list while it comes in. It is not seen by anybody before it is complete. */
export interface Listing {
  /** False where this is no object of the API. */
  add(raw: unknown): boolean;
  remove(raw: unknown): void;
  /** What is known in that version already is there by its identity only. */
  readonly content: ReadonlyMap<EntryKey, Entry | Identity>;
}

/** What to do so that the store says what the server says. */
export interface Difference {
  readonly set: readonly Entry[];
  readonly deleted: readonly ObjectRef[];
}

/** The comparison of a complete list with what was known before it. */
export interface Comparison extends Difference {
  /** Objects that the list shows in a version older than the watch had reached, yet which the watch never told. */
  readonly drift: number;
}

/** Which objects in which version the store has been given: all that a reflector remembers. */
export interface KnownObjects {
  readonly size: number;
  listing(): Listing;
  /** The keys that a listing lacks. */
  missingFrom(listing: Listing): EntryKey[];
  /** Takes a listing as the truth. `position` is the version that the watch had reached before, or null. */
  accept(listing: Listing, position: string | null): Comparison;
  /** An ADDED or MODIFIED event: what is new in it, or null; undefined where it holds no object. */
  put(raw: unknown): Entry | null | undefined;
  /** The server counts anew: versions seen so far say nothing about those to come. The objects stay known. */
  forgetVersions(): void;
  /** A DELETED event. */
  remove(raw: unknown): ObjectRef | null | undefined;
}

interface Known {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly ref: ObjectRef;
}

export function createKnownObjects(intake: Intake): KnownObjects {
  const known = new Map<EntryKey, Known>();

  function isKnown({ key, uid, resourceVersion }: Identity): boolean {
    const before = known.get(key);
    return (
      before !== undefined &&
      resourceVersion !== '' &&
      before.resourceVersion === resourceVersion &&
      before.uid === uid
    );
  }

  function remember(entry: Entry): void {
    const { uid, resourceVersion, ref } = entry;
    known.set(entry.key, { uid, resourceVersion, ref });
  }

  return {
    get size() {
      return known.size;
    },
    listing() {
      const content = new Map<EntryKey, Entry | Identity>();
      return {
        content,
        add(raw) {
          const identity = identify(raw);
          if (identity === null) {
            return false;
          }
          // What is there already in that version need not be read again: a list to compare with is cheap.
          content.set(identity.key, isKnown(identity) ? identity : intake(raw as object, identity));
          return true;
        },
        remove(raw) {
          const identity = identify(raw);
          if (identity !== null) {
            content.delete(identity.key);
          }
        },
      };
    },
    missingFrom({ content }) {
      return [...known.keys()].filter((key) => !content.has(key));
    },
    accept({ content }, position) {
      const set: Entry[] = [];
      const deleted: ObjectRef[] = [];
      let drift = 0;
      for (const [key, { ref }] of known) {
        if (!content.has(key)) {
          deleted.push(ref);
          known.delete(key);
        }
      }
      for (const entry of content.values()) {
        if ('findings' in entry) {
          if (position !== null && !isOlder(position, entry.resourceVersion)) {
            drift += 1;
          }
          set.push(entry);
          remember(entry);
        }
      }
      return { set, deleted, drift };
    },
    forgetVersions() {
      for (const [key, before] of known) {
        known.set(key, { ...before, resourceVersion: '' });
      }
    },
    put(raw) {
      const identity = identify(raw);
      if (identity === null) {
        return undefined;
      }
      const before = known.get(identity.key);
      const isStale =
        before !== undefined &&
        before.uid === identity.uid &&
        isOlder(identity.resourceVersion, before.resourceVersion);
      if (isKnown(identity) || isStale) {
        return null;
      }
      const entry = intake(raw as object, identity);
      remember(entry);
      return entry;
    },
    remove(raw) {
      const identity = identify(raw);
      if (identity === null) {
        return undefined;
      }
      const before = known.get(identity.key);
      // The end of an object of which there is a successor by the same name already.
      const isPredecessor =
        before !== undefined && identity.uid !== '' && before.uid !== '' && before.uid !== identity.uid;
      if (before === undefined || isPredecessor) {
        return null;
      }
      known.delete(identity.key);
      return before.ref;
    },
  };
}
