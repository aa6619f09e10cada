import type { ArtifactFile } from '../model/candidate.ts';
import type { Certificate } from '../model/model.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { SecretValue } from '../model/secret-value.ts';
import { whole, type Token } from '../model/token.ts';
import { file } from '../model/words.ts';
import type { ArtifactSpec } from '../plugins/context.ts';
import { compareText } from './order.ts';
import { hashOf, type SecretPair } from './secret-pair.ts';

interface Entry {
  readonly content: SecretValue;
  readonly secret: boolean;
  readonly makers: Set<ObjectKey>;
  readonly users: Set<ObjectKey>;
}

const isExtension = whole('[a-z0-9]{1,10}');

/** The files that a model names, each under the hash of its content: equal ones are one. */
export class ArtifactFiles {
  readonly #stateDir: string;
  readonly #entries = new Map<string, Entry>();

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Takes the pair of a Secret in; `user` is the Ingress that asks for it, if one does. */
  add(pair: SecretPair, secret: ObjectRef, user: ObjectKey | null): Certificate {
    const path = certificatePath(pair.hash);
    const entry = this.#entry(path, pair.pem, true);
    entry.makers.add(objectKey(secret));
    if (user !== null) {
      entry.users.add(user);
    }
    return { path: this.#path(path), origin: objectKey(secret) };
  }

  /** Takes the gateway's own pair in. */
  addOwn(pem: SecretValue): Certificate {
    const path = certificatePath(hashOf(pem.reveal()));
    this.#entry(path, pem, true);
    return { path: this.#path(path), origin: null };
  }

  /** Takes a plugin's file in, for an Ingress. */
  addArtifact({ folder, content, extension, objects }: ArtifactSpec, user: ObjectKey): Token<'file'> {
    if (!isExtension(extension)) {
      throw new TypeError(`not the extension of a file: ${extension}`);
    }
    const isSecret = content instanceof SecretValue;
    const value = isSecret ? content : new SecretValue(content);
    const path = `${folder}/${hashOf(value.reveal())}.${extension}`;
    const entry = this.#entry(path, value, isSecret);
    for (const object of objects) {
      entry.makers.add(object);
    }
    entry.users.add(user);
    return this.#path(path);
  }

  /** Sorted by path. */
  list(): ArtifactFile[] {
    return [...this.#entries]
      .map(([path, { content, secret, makers, users }]) => ({
        path,
        content: content.reveal(),
        secret,
        objects: [...new Set([...[...makers].sort(compareText), ...[...users].sort(compareText)])],
      }))
      .sort((a, b) => compareText(a.path, b.path));
  }

  #entry(path: string, content: SecretValue, secret: boolean): Entry {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      entry = { content, secret, makers: new Set(), users: new Set() };
      this.#entries.set(path, entry);
    }
    return entry;
  }

  #path(path: string): Token<'file'> {
    return file(`${this.#stateDir}/${path}`);
  }
}

function certificatePath(hash: string): string {
  return `certificates/${hash}.pem`;
}
