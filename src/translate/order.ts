import type { Meta } from '../cluster/objects.ts';

/** Compares by code units: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) {
    return 0;
  }
  return a < b ? -1 : 1;
}

/**
 * The order in which Ingresses claim hosts and paths, as in ingress-nginx: the oldest first; among equally old ones
 * `namespace/name` descending. Objects without a time of creation are the oldest.
 */
export function compareAge(a: Meta, b: Meta): number {
  const age = (a.createdAt ?? 0) - (b.createdAt ?? 0);
  return age === 0 ? compareText(`${b.namespace}/${b.name}`, `${a.namespace}/${a.name}`) : age;
}
