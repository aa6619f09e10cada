import type { ClusterObject, Secret } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { objectKey, type ObjectKey } from '../model/object-ref.ts';
import type { Finding, Reason } from '../model/verdict.ts';

/** Tells whether two versions of an object ask for the same protections. */
type SameProtections = (before: ClusterObject, after: ClusterObject) => boolean;

/**
 * The last version of each object that nginx verifiably served. A quarantined object goes on in that form only
 * if its protections are the ones that its new version asks for: otherwise a route could stay open that its
 * owner has just closed.
 */
export class LastGood {
  readonly #forms = new Map<ObjectKey, ClusterObject>();
  readonly #sameProtections: SameProtections;

  constructor(sameProtections: SameProtections) {
    this.#sameProtections = sameProtections;
  }

  /** Remembers what has just been verified, but for the objects that were kept out of it. */
  remember(snapshot: Snapshot, quarantine: ReadonlyMap<ObjectKey, Reason>): void {
    const seen = new Set<ObjectKey>();
    for (const object of objectsOf(snapshot)) {
      const key = keyOf(object);
      seen.add(key);
      if (!quarantine.has(key)) {
        this.#forms.set(key, object);
      }
    }
    for (const key of this.#forms.keys()) {
      if (!seen.has(key)) {
        this.#forms.delete(key);
      }
    }
  }

  /** The form in which an object was served last, or null. */
  formOf(key: ObjectKey): ClusterObject | null {
    return this.#forms.get(key) ?? null;
  }

  /**
   * Puts last good forms in the place of quarantined objects. What remains quarantined has none, or its
   * protections have changed, or its last good form is its present one: the fault is then in what surrounds it.
   */
  restore(
    snapshot: Snapshot,
    quarantine: ReadonlyMap<ObjectKey, Reason>,
  ): { snapshot: Snapshot; stubbed: Map<ObjectKey, Reason>; restored: Set<ObjectKey> } {
    const stubbed = new Map<ObjectKey, Reason>();
    const restored = new Map<ObjectKey, ClusterObject>();
    const present = new Map(objectsOf(snapshot).map((object) => [keyOf(object), object]));
    for (const [key, reason] of quarantine) {
      const now = present.get(key);
      const good = this.#forms.get(key);
      if (now === undefined || good === undefined || good === now || !this.#sameProtections(good, now)) {
        stubbed.set(key, reason);
      } else {
        restored.set(key, good);
      }
    }
    return { snapshot: exchange(snapshot, restored), stubbed, restored: new Set(restored.keys()) };
  }
}

/**
 * A Secret whose certificate was served and which has since been edited into one that cannot be: the certificate
 * stays until it is replaced by a sound one or the Secret is deleted, and the Secret says so.
 */
export function keepCertificates(
  snapshot: Snapshot,
  goodForm: (key: ObjectKey) => ClusterObject | null,
  faultOf: (secret: Secret) => Reason | null,
): Snapshot {
  const kept = new Map<string, Secret>();
  const findings: Finding[] = [];
  for (const [name, secret] of snapshot.secrets) {
    const good = goodForm(keyOf(secret));
    const fault =
      good?.kind === 'Secret' && good !== secret && faultOf(good) === null ? faultOf(secret) : null;
    if (good?.kind === 'Secret' && fault !== null) {
      kept.set(name, good);
      const object = { kind: secret.kind, namespace: secret.meta.namespace, name: secret.meta.name };
      const message = `${fault.message}; the certificate that it had before goes on being served`;
      findings.push({ object, state: 'rejected', reason: { field: fault.field, message } });
    }
  }
  return kept.size === 0
    ? snapshot
    : {
        ...snapshot,
        secrets: new Map([...snapshot.secrets, ...kept]),
        findings: [...snapshot.findings, ...findings],
      };
}

/** The kinds that a build can leave out or put back one object at a time. */
function objectsOf(snapshot: Snapshot): ClusterObject[] {
  return [
    ...snapshot.ingresses,
    ...snapshot.services.values(),
    ...snapshot.secrets.values(),
    ...snapshot.configMaps.values(),
  ];
}

function keyOf(object: ClusterObject): ObjectKey {
  return objectKey({ kind: object.kind, namespace: object.meta.namespace, name: object.meta.name });
}

function exchange(snapshot: Snapshot, restored: ReadonlyMap<ObjectKey, ClusterObject>): Snapshot {
  if (restored.size === 0) {
    return snapshot;
  }
  function put<T extends ClusterObject>(object: T): T {
    return (restored.get(keyOf(object)) as T | undefined) ?? object;
  }
  function putAll<T extends ClusterObject>(objects: ReadonlyMap<string, T>): Map<string, T> {
    return new Map([...objects].map(([name, object]) => [name, put(object)]));
  }
  return {
    ...snapshot,
    ingresses: snapshot.ingresses.map(put),
    services: putAll(snapshot.services),
    secrets: putAll(snapshot.secrets),
    configMaps: putAll(snapshot.configMaps),
  };
}
