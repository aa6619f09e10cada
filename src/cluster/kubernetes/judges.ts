import type { ObjectRef } from '../../model/object-ref.ts';
import type { IngressClass, Namespace } from '../objects.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Entry } from './intake.ts';

/** What decides whether an Ingress is ours. */
export type Judges = Pick<Snapshot, 'ingressClasses' | 'namespaces'>;

/** The classes and namespaces of the server's newest word, also those that are not in the store yet. */
export interface KnownJudges extends Judges {
  note(set: readonly Entry[], deleted: readonly ObjectRef[]): void;
}

export function createJudges(): KnownJudges {
  const ingressClasses = new Map<string, IngressClass>();
  const namespaces = new Map<string, Namespace>();
  return {
    ingressClasses,
    namespaces,
    note(set, deleted) {
      for (const { kind, name } of deleted) {
        if (kind === 'IngressClass') {
          ingressClasses.delete(name);
        } else if (kind === 'Namespace') {
          namespaces.delete(name);
        }
      }
      for (const { object } of set) {
        if (object?.kind === 'IngressClass') {
          ingressClasses.set(object.meta.name, object);
        } else if (object?.kind === 'Namespace') {
          namespaces.set(object.meta.name, object);
        }
      }
    },
  };
}
