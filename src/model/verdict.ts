import type { Kind, ObjectRef } from './object-ref.ts';

/** What became of an object. The names are part of the public contract (`/debug/objects`, metrics). */
export type VerdictState =
  'served' | 'served-with-difference' | 'quarantined' | 'rejected' | 'conflict' | 'ignored';

/** From harmless to worst: where several things are true of an object, the worst names its state. */
export const verdictStates: readonly VerdictState[] = [
  'served',
  'ignored',
  'served-with-difference',
  'conflict',
  'rejected',
  'quarantined',
];

/** One thing to know about an object: the field it is about, and value, cause and remedy in words. */
export interface Reason {
  readonly field: string;
  readonly message: string;
}

/** The verdict on one object, in the words that log, debug pages, Events and status all use. */
export interface Verdict {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly state: VerdictState;
  readonly reasons: readonly Reason[];
}

/** One finding about one object, before the findings of an object are joined to its verdict. */
export interface Finding {
  readonly object: ObjectRef;
  readonly state: VerdictState;
  readonly reason: Reason;
}
