import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { redactText } from '../model/redact.ts';
import {
  verdictStates,
  type Finding,
  type Reason,
  type Verdict,
  type VerdictState,
} from '../model/verdict.ts';
import { compareText } from './order.ts';

/** More reasons than this on one object help nobody; the rest is counted. */
const mostReasons = 50;

/** Collects findings and joins those of one object to its verdict. */
export class VerdictCollector {
  readonly #findings = new Map<ObjectKey, { readonly object: ObjectRef; readonly found: Finding[] }>();

  /** Notes that an object is used, which is `served` unless something else is found about it. */
  use(object: ObjectRef): void {
    this.#of(object);
  }

  add(object: ObjectRef, state: VerdictState, field: string, message: string): void {
    this.addFinding({ object, state, reason: { field, message } });
  }

  addAll(object: ObjectRef, state: VerdictState, reasons: readonly Reason[]): void {
    for (const reason of reasons) {
      this.addFinding({ object, state, reason });
    }
  }

  /** What is secret in the words goes here, so that whoever tells a verdict tells the same. */
  addFinding({ object, state, reason: { field, message } }: Finding): void {
    this.#of(object).push({ object, state, reason: { field, message: redactText(message) } });
  }

  /** One verdict for each object, sorted by kind, namespace and name; the worst state of its findings is its own. */
  verdicts(): Verdict[] {
    return [...this.#findings.values()]
      .map(({ object, found }) => ({ ...refOf(object), state: worstOf(found), reasons: reasonsOf(found) }))
      .sort(
        (a, b) =>
          compareText(a.kind, b.kind) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name),
      );
  }

  #of(object: ObjectRef): Finding[] {
    const key = objectKey(object);
    let entry = this.#findings.get(key);
    if (entry === undefined) {
      entry = { object, found: [] };
      this.#findings.set(key, entry);
    }
    return entry.found;
  }
}

function refOf({ kind, namespace, name }: ObjectRef): ObjectRef {
  return { kind, namespace, name };
}

function worstOf(found: readonly Finding[]): VerdictState {
  const worst = Math.max(0, ...found.map((finding) => verdictStates.indexOf(finding.state)));
  return verdictStates[worst] ?? 'served';
}

/** Worst first, each once: the reason for the state itself stands on top. */
function reasonsOf(found: readonly Finding[]): Reason[] {
  const sorted = [...found].sort(
    (a, b) =>
      verdictStates.indexOf(b.state) - verdictStates.indexOf(a.state) ||
      compareText(a.reason.field, b.reason.field) ||
      compareText(a.reason.message, b.reason.message),
  );
  const unique = new Map(sorted.map(({ reason }) => [`${reason.field}\n${reason.message}`, reason]));
  const reasons = [...unique.values()].map(({ field, message }) => ({ field, message }));
  const rest = reasons.length - mostReasons;
  return rest > 0
    ? [...reasons.slice(0, mostReasons), { field: '', message: `and ${rest} more like these` }]
    : reasons;
}
