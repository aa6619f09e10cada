import { createHash } from 'node:crypto';
import type { ClusterObject } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { KeptOut } from '../nginx/apply-result.ts';
import { readSecretPair } from '../translate/secret-pair.ts';
import { objectOf } from './last-good.ts';

/** An object that was kept out, by the hash of the form that was refused. */
export interface KeptFault {
  readonly object: ObjectKey;
  readonly hash: string;
  readonly reason: KeptOut;
}

/** What is to be known of the quarantine after a restart. */
export function faultsOf(quarantine: ReadonlyMap<ObjectKey, KeptOut>, snapshot: Snapshot): KeptFault[] {
  return [...quarantine].flatMap(([object, reason]) => {
    const hash = hashOf(objectOf(object, snapshot));
    return hash === null ? [] : [{ object, hash, reason }];
  });
}

/** Those of them who are the same now. */
export function standingFaults(
  faults: readonly KeptFault[],
  snapshot: Snapshot,
): (readonly [ObjectKey, KeptOut])[] {
  return faults
    .filter(({ object, hash }) => hashOf(objectOf(object, snapshot)) === hash)
    .map(({ object, reason }) => [object, reason]);
}

/** Of a Secret it is the hash of its certificate and key, which say nothing of what else is in it. */
function hashOf(object: ClusterObject | null): string | null {
  if (object?.kind === 'Secret') {
    const pair = readSecretPair(object);
    return 'fault' in pair ? null : pair.hash;
  }
  const text = JSON.stringify(object && { ...object, meta: { ...object.meta, resourceVersion: '' } });
  return object === null ? null : createHash('sha256').update(text).digest('hex');
}
