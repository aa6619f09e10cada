import type { EntryKey } from './intake.ts';

/** Up to this many may vanish in one list where they are not most of what there was. */
const fewObjects = 10;
const largeShare = 0.3;

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
  const isMost = news.length * 2 > known;
  const isMany = news.length > fewObjects && news.length > known * largeShare;
  return isMost || isMany ? { kind: 'doubted', suspects: new Set(missing) } : { kind: 'believed' };
}
