import type { ArtifactFile } from '../model/candidate.ts';
import type { Certificate } from '../model/model.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { SecretValue } from '../model/secret-value.ts';
import { file } from '../model/words.ts';
import { compareText } from './order.ts';
import { hashOf, type SecretPair } from './secret-pair.ts';

interface Entry {
  readonly content: SecretValue;
  readonly makers: Set<ObjectKey>;
  readonly users: Set<ObjectKey>;
}

/** The certificate files that a model names. Secrets of equal content share one. */
export class CertificateFiles {
  readonly #stateDir: string;
  readonly #entries = new Map<string, Entry>();

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Takes the pair of a Secret in; `user` is the Ingress that asks for it, if one does. */
  add(pair: SecretPair, secret: ObjectRef, user: ObjectKey | null): Certificate {
    const entry = this.#entry(pair.hash, pair.pem);
    entry.makers.add(objectKey(secret));
    if (user !== null) {
      entry.users.add(user);
    }
    return { path: this.#path(pair.hash), origin: objectKey(secret) };
  }

  /** Takes the gateway's own pair in. */
  addOwn(pem: SecretValue): Certificate {
    const hash = hashOf(pem.reveal());
    this.#entry(hash, pem);
    return { path: this.#path(hash), origin: null };
  }

  /** Sorted by path. */
  list(): ArtifactFile[] {
    return [...this.#entries]
      .map(([hash, { content, makers, users }]) => ({
        path: relativePath(hash),
        content: content.reveal(),
        secret: true,
        objects: [...[...makers].sort(compareText), ...[...users].sort(compareText)],
      }))
      .sort((a, b) => compareText(a.path, b.path));
  }

  #entry(hash: string, content: SecretValue): Entry {
    let entry = this.#entries.get(hash);
    if (entry === undefined) {
      entry = { content, makers: new Set(), users: new Set() };
      this.#entries.set(hash, entry);
    }
    return entry;
  }

  #path(hash: string): Certificate['path'] {
    return file(`${this.#stateDir}/${relativePath(hash)}`);
  }
}

function relativePath(hash: string): string {
  return `certificates/${hash}.pem`;
}
