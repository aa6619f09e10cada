import type { Kind } from '../../model/object-ref.ts';
import type { EntryKey } from './intake.ts';

/** Up to this many may vanish in one list where they are not most of what there was. */
const fewObjects = 10;
const largeShare = 0.3;

/** How many objects of each kind there were when an earlier gateway of this pod last looked. */
export type EarlierCounts = Partial<Record<Kind, number>>;

/** What to do with the objects that a complete list no longer has. */
export type Disappearance =
  | { readonly kind: 'believed' }
  /** `suspects` have vanished; a second list has to say so too before they are deleted. */
  | { readonly kind: 'doubted'; readonly suspects: ReadonlySet<EntryKey> };

/**
 * Judges a list in which objects are missing. A list that has lost most of what there was is more often an error (a
 * restored or empty etcd, a wrong endpoint, a filter) than the truth, so nothing is deleted on its word alone.
 * @param suspects what the list before this one had lost already, or null where that one was believed
 */
export function judgeDisappearance(
  known: number,
  missing: readonly EntryKey[],
  suspects: ReadonlySet<EntryKey> | null,
): Disappearance {
  const news = suspects === null ? missing : missing.filter((key) => !suspects.has(key));
  return isMost(news.length, known) ? { kind: 'doubted', suspects: new Set(missing) } : { kind: 'believed' };
}

/**
 * Whether the first list of a life must be confirmed by a second one, because it has lost most of what an earlier life
 * has seen: nginx may still serve all of it.
 * @param before how many the list before this one had; null for none. One that has no less than that confirms it
 */
export function isFirstDoubted(earlier: number, found: number, before: number | null): boolean {
  const isConfirmed = before !== null && found >= before;
  return !isConfirmed && isMost(earlier - found, earlier);
}

function isMost(lost: number, of: number): boolean {
  return lost * 2 > of || (lost > fewObjects && lost > of * largeShare);
}

/** What a doubted list lacks. */
export interface Doubt {
  readonly missing: number;
  readonly known: number;
}

/** Judges the lists of one collection, one after the other; null where a list is believed. */
export interface Doubts {
  /** A list, where `known` objects are known and it lacks these. */
  of(known: number, missing: readonly EntryKey[]): Doubt | null;
  /** The first list of this life, which has `found`, where an earlier life knew `earlier`. */
  ofFirst(earlier: number, found: number): Doubt | null;
  /** Whether the last list waits to be confirmed. */
  areOpen(): boolean;
}

export function createDoubts(): Doubts {
  let suspects: ReadonlySet<EntryKey> | null = null;
  let firstFound: number | null = null;
  return {
    of(known, missing) {
      const judged = judgeDisappearance(known, missing, suspects);
      suspects = judged.kind === 'doubted' ? judged.suspects : null;
      return suspects === null ? null : { missing: missing.length, known };
    },
    ofFirst(earlier, found) {
      const isDoubted = isFirstDoubted(earlier, found, firstFound);
      firstFound = isDoubted ? found : null;
      return isDoubted ? { missing: earlier - found, known: earlier } : null;
    },
    areOpen: () => suspects !== null || firstFound !== null,
  };
}
