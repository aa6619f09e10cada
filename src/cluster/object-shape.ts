import { SecretValue } from '../model/secret-value.ts';
import type { ClusterObject } from './objects.ts';

/** Freezes a trimmed object through and through. Trimmed objects are trees of bounded depth. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) {
      deepFreeze(inner);
    }
  }
  return value;
}

/**
 * Whether two trimmed objects say the same. `resourceVersion` is left out: it counts writes, not meanings, and
 * changes with every status update.
 */
export function sameObject(a: ClusterObject, b: ClusterObject): boolean {
  if (a === b) {
    return true;
  }
  const versionOfA = { ...a, meta: { ...a.meta, resourceVersion: '' } };
  const versionOfB = { ...b, meta: { ...b.meta, resourceVersion: '' } };
  return sameValue(versionOfA, versionOfB);
}

/** Deep equality of plain data; SecretValues by what they hold, prototypes ignored. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return false;
  }
  if (a instanceof SecretValue || b instanceof SecretValue) {
    return a instanceof SecretValue && b instanceof SecretValue && a.reveal() === b.reveal();
  }
  if (Array.isArray(a) !== Array.isArray(b)) {
    return false;
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
  );
}
