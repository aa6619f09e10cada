import { objectKey } from '../model/object-ref.ts';
import type { Reason, Verdict, VerdictState } from '../model/verdict.ts';
import { adviceFor, isAlike, isLoss } from './harmless.ts';
import type { AuditedObject, AuditedReason } from './report.ts';
import type { CompletedSnapshot } from './stand-ins.ts';
import type { Outcome } from './world.ts';

const outcomes: Readonly<Record<VerdictState, Outcome>> = {
  served: 'same',
  ignored: 'same',
  'served-with-difference': 'difference',
  // Of two objects with one route ingress-nginx serves the older one too; which one that is may be told differently.
  conflict: 'difference',
  rejected: 'not-served',
  quarantined: 'not-served',
};

/**
 * The verdicts of a build in the words of an audit: of every Ingress of the controller, of its ConfigMaps, and of
 * other objects that have something to be said about them.
 */
export function outcomesOf(
  verdicts: readonly Verdict[],
  { snapshot, missing, standIns }: CompletedSnapshot,
  options: Readonly<Record<string, string>>,
  origin: 'manifests' | 'cluster',
): AuditedObject[] {
  const read = new Set(snapshot.ingresses.map(({ meta }) => `Ingress/${meta.namespace}/${meta.name}`));
  return verdicts
    .filter((verdict) => {
      const key = objectKey(verdict);
      const isOurs = verdict.kind !== 'Ingress' || (read.has(key) && verdict.state !== 'ignored');
      return isOurs && !standIns.has(key);
    })
    .map((verdict) => {
      const absent = (missing.get(objectKey(verdict)) ?? []).map((key) => absence(key, origin));
      return audited(verdict, options, absent);
    })
    .filter(({ kind, outcome }) => kind === 'Ingress' || kind === 'ConfigMap' || outcome !== 'same');
}

/** That something is missing, and what is assumed of it. */
export function absence(key: string, origin: 'manifests' | 'cluster'): Reason {
  const message =
    origin === 'manifests'
      ? `${key} is not in the manifests given: taken as it should be`
      : `${key} is missing or cannot be read: taken as it should be`;
  return { field: '', message };
}

function audited(
  { kind, namespace, name, state, reasons }: Verdict,
  options: Readonly<Record<string, string>>,
  absent: readonly Reason[],
): AuditedObject {
  const alike = reasons.filter((reason) => state === 'served' || isAlike(reason, options));
  const differing = reasons.filter((reason) => !alike.includes(reason));
  const isWhole = state === 'served-with-difference' && differing.length === 0;
  const isLost = differing.some(isLoss);
  const outcome: Outcome = isLost ? 'not-served' : outcomes[isWhole ? 'served' : state];
  return {
    kind,
    namespace,
    name,
    outcome,
    reasons: differing.map(withAdvice),
    notes: [...alike, ...absent].map(withAdvice),
  };
}

function withAdvice(reason: Reason): AuditedReason {
  const advice = adviceFor(reason);
  return advice === null ? reason : { ...reason, advice };
}
