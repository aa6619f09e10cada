import { objectKey } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';

/** A verdict for people: one line for the object, one for each reason. */
export function verdictText(verdict: Verdict): string {
  const reasons = verdict.reasons.map(({ field, message }) => `\n    ${field}: ${message}`);
  return `${verdict.state.padEnd(22)} ${objectKey(verdict)}${reasons.join('')}`;
}

/** True of the states in which an object is served just as it is written, or is not ours to serve. */
export function isFullyServed(verdict: Verdict): boolean {
  return verdict.state === 'served' || verdict.state === 'ignored';
}
