import type { ClusterObject, Ingress, Secret } from '../cluster/objects.ts';
import { emptyRecord } from '../cluster/ingest-fields.ts';
import { deepFreeze, sameObject } from '../cluster/object-shape.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { ArtifactFile } from '../model/candidate.ts';
import { objectKey, parseObjectKey, type ObjectKey } from '../model/object-ref.ts';
import { SecretValue } from '../model/secret-value.ts';
import type { Finding } from '../model/verdict.ts';
import type { KeptOut } from '../nginx/apply-result.ts';
import { readSecretPair } from '../translate/secret-pair.ts';
import { presentPart, type LastGoodRule } from './present-part.ts';

/** Judges last good forms by what the plugins say of annotations. */
export interface FormRules {
  /** Whether two versions of an object ask for the same protections. */
  readonly sameProtections: (before: ClusterObject, after: ClusterObject) => boolean;
  readonly ruleOf: LastGoodRule;
}

/** The certificate of a Secret as it was served: a file of the state folder. */
export interface ServedPair {
  /** SHA-256 of the file's content, which is its name. */
  readonly hash: string;
  /** Certificates and key; null where the file is gone. */
  readonly pem: () => SecretValue | null;
}

/** What a restart of the gateway, or of its rendering thread, has to know. */
export interface Remembered {
  readonly forms: readonly ClusterObject[];
  readonly pairs: readonly (readonly [ObjectKey, ServedPair])[];
  /** Not everything that was served is in it. */
  readonly isPartial?: boolean;
}

/** What was verified. */
export interface Served {
  readonly snapshot: Snapshot;
  readonly quarantine: ReadonlyMap<ObjectKey, KeptOut>;
  readonly files: readonly ArtifactFile[];
}

/** A snapshot with good forms in it. */
export interface Restored {
  readonly snapshot: Snapshot;
  readonly stubbed: Map<ObjectKey, KeptOut>;
  readonly restored: Set<ObjectKey>;
  /** Corrected back to what is served: there is nothing to keep out. */
  readonly mended: readonly ObjectKey[];
}

const pairFile = /^certificates\/([0-9a-f]{64})\.pem$/u;

/**
 * The last version of each object that nginx verifiably served. A quarantined object goes on in that form only
 * if its protections are the ones that its new version asks for: otherwise a route could stay open that its
 * owner has just closed. Of an Ingress only those hosts and paths go on that its new version has as well. Of a Secret it is the certificate alone: everything else in it may be a protection.
 */
export class LastGood {
  readonly #forms = new Map<ObjectKey, ClusterObject>();
  #pairs = new Map<ObjectKey, ServedPair>();
  /** Secrets with their served certificate in them: the same object as long as nothing changes. */
  #repaired = new Map<ObjectKey, { readonly now: Secret; readonly hash: string; readonly secret: Secret }>();
  /** What present versions leave of last good forms, the same object as long as nothing changes. */
  readonly #parts = new WeakMap<Ingress, { readonly good: Ingress; readonly part: Ingress | null }>();
  readonly #rules: FormRules;
  #version = 0;
  /** Everything that was served is known: who is not among it has changed since. */
  #knowsAll = false;
  /** Secrets as they were served in this life. Nothing but their certificate is kept for another one. */
  #secrets: ReadonlyMap<string, Secret> | null = null;

  constructor(rules: FormRules) {
    this.#rules = rules;
  }

  /** Counts what became different. */
  get version(): number {
    return this.#version;
  }

  /** Takes over what an earlier life remembered. */
  recall({ forms, pairs, isPartial }: Remembered): void {
    this.#knowsAll = forms.length > 0 && isPartial !== true;
    for (const form of forms) {
      this.#forms.set(keyOf(form), form);
    }
    this.#pairs = new Map(pairs);
  }

  /** All that is remembered. */
  remembered(): Remembered {
    return { forms: [...this.#forms.values()], pairs: [...this.#pairs] };
  }

  /** Remembers what has just been verified, but for the objects that were kept out of it. */
  remember({ snapshot, quarantine, files }: Served): void {
    this.#knowsAll = true;
    this.#rememberSecrets(snapshot, quarantine);
    const seen = new Set<ObjectKey>();
    for (const object of objectsOf(snapshot)) {
      const key = keyOf(object);
      seen.add(key);
      if (!quarantine.has(key) && this.#forms.get(key) !== object) {
        this.#forms.set(key, object);
        this.#version += 1;
      }
    }
    for (const key of this.#forms.keys()) {
      if (!seen.has(key)) {
        this.#forms.delete(key);
        this.#version += 1;
      }
    }
    this.#rememberPairs(files, quarantine, snapshot);
  }

  /**
   * The objects that are not as they were served, but for those that are kept out; null where that is not known, because
   * nothing has been served yet.
   */
  changedIn(snapshot: Snapshot, quarantine: ReadonlyMap<ObjectKey, KeptOut>): Set<ObjectKey> | null {
    if (!this.#knowsAll) {
      return null;
    }
    const changed = new Set<ObjectKey>();
    for (const object of objectsOf(snapshot)) {
      const key = keyOf(object);
      const form = this.#forms.get(key);
      if (form === object || quarantine.has(key)) {
        continue;
      }
      if (form !== undefined && sameObject(form, object)) {
        // Recalled from an earlier life: the next look need not compare.
        this.#forms.set(key, object);
      } else {
        changed.add(key);
      }
    }
    for (const [name, secret] of this.#secrets === null ? [] : snapshot.secrets) {
      const key = keyOf(secret);
      if (this.#secrets?.get(name) !== secret && !quarantine.has(key)) {
        changed.add(key);
      }
    }
    return changed;
  }

  #rememberSecrets({ secrets }: Snapshot, quarantine: ReadonlyMap<ObjectKey, KeptOut>): void {
    const isAnyOut = [...quarantine.keys()].some((key) => key.startsWith('Secret/'));
    this.#secrets = isAnyOut
      ? new Map([...secrets].filter(([, secret]) => !quarantine.has(keyOf(secret))))
      : secrets;
  }

  /**
   * Puts last good forms in the place of quarantined objects. What remains quarantined has none, or its protections
   * have changed, or it is refused as well, or is the present one: the fault is then in what surrounds it.
   */
  restore(snapshot: Snapshot, quarantine: ReadonlyMap<ObjectKey, KeptOut>): Restored {
    const mended: ObjectKey[] = [];
    const stubbed = new Map<ObjectKey, KeptOut>();
    const restored = new Map<ObjectKey, ClusterObject>();
    for (const [key, reason] of quarantine) {
      if (reason.waiting === true && reason.closed !== true && this.#isAsServed(key, snapshot)) {
        mended.push(key);
        continue;
      }
      const form = reason.closed === true ? null : this.#goodFormOf(key, snapshot);
      if (form === null) {
        stubbed.set(key, reason);
      } else {
        restored.set(key, form);
      }
    }
    return { snapshot: exchange(snapshot, restored), stubbed, restored: new Set(restored.keys()), mended };
  }

  /**
   * A Secret whose certificate was served and which has since been edited into one that cannot be: the certificate
   * stays until it is replaced by a sound one or the Secret is deleted, and the Secret says so.
   */
  keepCertificates(snapshot: Snapshot): Snapshot {
    const kept = new Map<ObjectKey, Secret>();
    const findings: Finding[] = [];
    for (const key of this.#pairs.keys()) {
      const secret = secretOf(key, snapshot);
      const read = secret === null ? null : readSecretPair(secret);
      if (secret === null || read === null || !('fault' in read)) {
        continue;
      }
      const repaired = this.#repair(key, secret);
      if (repaired !== null) {
        kept.set(key, repaired);
        const object = { kind: secret.kind, namespace: secret.meta.namespace, name: secret.meta.name };
        const message = `${read.fault.message}; the certificate that it had before goes on being served`;
        const field = `data["${read.fault.field}"]`;
        findings.push({ object, state: 'rejected', reason: { field, message } });
      }
    }
    return kept.size === 0
      ? snapshot
      : { ...exchange(snapshot, kept), findings: [...snapshot.findings, ...findings] };
  }

  #isAsServed(key: ObjectKey, snapshot: Snapshot): boolean {
    const [now, good] = [objectOf(key, snapshot), this.#forms.get(key)];
    return now !== null && good !== undefined && sameObject(good, now);
  }

  /** A form other than the present one that may be served in its place; null where there is none. */
  #goodFormOf(key: ObjectKey, snapshot: Snapshot): ClusterObject | null {
    const secret = secretOf(key, snapshot);
    if (secret !== null) {
      return this.#repair(key, secret);
    }
    const now = objectOf(key, snapshot);
    const good = this.#forms.get(key) ?? null;
    if (now === null || good === null || sameObject(good, now) || !this.#rules.sameProtections(good, now)) {
      return null;
    }
    const part = good.kind === 'Ingress' && now.kind === 'Ingress' ? this.#partOf(good, now) : good;
    // Where it says the same as the present one, the fault is in what surrounds it.
    return part === null || sameObject(part, now) ? null : part;
  }

  #partOf(good: Ingress, now: Ingress): Ingress | null {
    const known = this.#parts.get(now);
    if (known?.good === good) {
      return known.part;
    }
    const part = presentPart(good, now, this.#rules.ruleOf);
    this.#parts.set(now, { good, part });
    return part;
  }

  /** A Secret with the certificate that was served in the place of its own; null where that is the same, or gone. */
  #repair(key: ObjectKey, now: Secret): Secret | null {
    const pair = this.#pairs.get(key);
    const own = readSecretPair(now);
    if (pair === undefined || (!('fault' in own) && own.hash === pair.hash)) {
      return null;
    }
    const before = this.#repaired.get(key);
    if (before?.now === now && before.hash === pair.hash) {
      return before.secret;
    }
    const pem = pair.pem();
    if (pem === null) {
      return null;
    }
    // Certificates and key are found in either by their blocks.
    const data = Object.assign(emptyRecord<SecretValue>(), now.data, { 'tls.crt': pem, 'tls.key': pem });
    const secret = deepFreeze<Secret>({ ...now, data });
    if ('fault' in readSecretPair(secret)) {
      return null;
    }
    this.#repaired.set(key, { now, hash: pair.hash, secret });
    return secret;
  }

  /** Which files were served says which Secrets have a certificate worth keeping. */
  #rememberPairs(
    files: readonly ArtifactFile[],
    quarantine: ReadonlyMap<ObjectKey, KeptOut>,
    snapshot: Snapshot,
  ): void {
    const pairs = new Map<ObjectKey, ServedPair>();
    for (const { path, content, objects } of files) {
      const hash = pairFile.exec(path)?.[1] ?? '';
      for (const key of hash === '' ? [] : objects.filter((each) => each.startsWith('Secret/'))) {
        const known = this.#pairs.get(key);
        if (known?.hash === hash) {
          pairs.set(key, known);
        } else if (content.includes('PRIVATE KEY-----')) {
          // Certificates of authorities lie in the same folder.
          pairs.set(key, { hash, pem: () => new SecretValue(content) });
        }
      }
    }
    // Who is kept out keeps what there was.
    for (const [key, pair] of this.#pairs) {
      if (!pairs.has(key) && quarantine.has(key) && secretOf(key, snapshot) !== null) {
        pairs.set(key, pair);
      }
    }
    const isSame =
      pairs.size === this.#pairs.size &&
      [...pairs].every(([key, { hash }]) => this.#pairs.get(key)?.hash === hash);
    this.#version += isSame ? 0 : 1;
    this.#pairs = pairs;
    for (const key of this.#repaired.keys()) {
      if (!pairs.has(key)) {
        this.#repaired.delete(key);
      }
    }
  }
}

/** The kinds that a build can leave out or put back one object at a time, but for Secrets. */
function objectsOf(snapshot: Snapshot): ClusterObject[] {
  return [...snapshot.ingresses, ...snapshot.services.values(), ...snapshot.configMaps.values()];
}

function keyOf(object: ClusterObject): ObjectKey {
  return objectKey({ kind: object.kind, namespace: object.meta.namespace, name: object.meta.name });
}

function secretOf(key: ObjectKey, { secrets }: Snapshot): Secret | null {
  const ref = parseObjectKey(key);
  return ref?.kind === 'Secret' ? (secrets.get(`${ref.namespace}/${ref.name}`) ?? null) : null;
}

/** The object of a key, of the kinds that can be kept out. */
export function objectOf(key: ObjectKey, snapshot: Snapshot): ClusterObject | null {
  const ref = parseObjectKey(key);
  const name = `${ref?.namespace}/${ref?.name}`;
  switch (ref?.kind) {
    case 'Ingress':
      return snapshot.ingresses.find((ingress) => keyOf(ingress) === key) ?? null;
    case 'Service':
      return snapshot.services.get(name) ?? null;
    case 'ConfigMap':
      return snapshot.configMaps.get(name) ?? null;
    case 'Secret':
      return snapshot.secrets.get(name) ?? null;
    default:
      return null;
  }
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
