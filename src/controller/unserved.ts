import { refOf, type Delta } from '../cluster/store.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { verdictStates, type Verdict, type VerdictState } from '../model/verdict.ts';
import type { Quarantine } from '../nginx/apply-result.ts';

/** A pass that brought nothing to nginx. */
export interface Unserved {
  /** The verdicts on what is served. */
  readonly before: readonly Verdict[];
  /** Those of the build that could not be applied. */
  readonly now: readonly Verdict[];
  /** The objects that nginx does not serve as they are; null where it serves nothing yet. */
  readonly changed: ReadonlySet<ObjectKey> | null;
  readonly quarantined: Quarantine;
  readonly fault: string;
}

/** What became of every object when a pass failed: who waits for the next one is told so, and who is at fault. */
export function verdictsUnserved({ before, now, changed, quarantined, fault }: Unserved): Verdict[] {
  const served = new Map(before.map((verdict) => [objectKey(verdict), verdict]));
  return now.map((verdict) => {
    const key = objectKey(verdict);
    const known = served.get(key);
    const reason = quarantined.get(key);
    if (reason !== undefined) {
      const { field, message } = reason;
      if (known?.state === 'quarantined' && known.reasons[0]?.message.startsWith(message) === true) {
        return known;
      }
      return { ...verdict, state: 'quarantined', reasons: [{ field, message }] };
    }
    if (verdict.state === 'ignored' || (known !== undefined && changed?.has(key) !== true)) {
      return known ?? verdict;
    }
    const message = `it is tried again by itself: ${fault}`;
    return known === undefined
      ? {
          ...verdict,
          state: worse(verdict.state, 'rejected'),
          reasons: [{ field: 'spec', message: `is not served yet, ${message}` }, ...worries(verdict)],
        }
      : {
          ...known,
          state: worse(known.state, 'served-with-difference'),
          reasons: [{ field: 'spec', message: `is served as it was before, ${message}` }, ...known.reasons],
        };
  });
}

/** What has changed since something was brought to nginx. */
export class UnservedChanges {
  readonly #refs = new Map<ObjectKey, ObjectRef>();

  take({ set, deleted }: Delta): void {
    for (const object of set) {
      this.#refs.set(objectKey(refOf(object)), refOf(object));
    }
    for (const ref of deleted) {
      this.#refs.delete(objectKey(ref));
    }
  }

  keys(): ReadonlySet<ObjectKey> {
    return new Set(this.#refs.keys());
  }

  /** Where there is no build that could tell: the Ingresses that have no verdict yet. */
  unbuilt(before: readonly Verdict[]): Verdict[] {
    const known = new Set(before.map(objectKey));
    return [...this.#refs.values()]
      .filter((ref) => ref.kind === 'Ingress' && !known.has(objectKey(ref)))
      .map((ref) => ({ ...ref, state: 'served', reasons: [] }));
  }

  clear(): void {
    this.#refs.clear();
  }
}

function worries({ state, reasons }: Verdict): Verdict['reasons'] {
  return state === 'served' ? [] : reasons;
}

function worse(one: VerdictState, other: VerdictState): VerdictState {
  return verdictStates.indexOf(one) > verdictStates.indexOf(other) ? one : other;
}
