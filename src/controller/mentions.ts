import type { ClusterObject } from '../cluster/objects.ts';
import type { ObjectRef } from '../model/object-ref.ts';

/** Tells which objects name which others, by their text: annotations name Secrets and ConfigMaps in many ways. */
export class Mentions {
  readonly #texts = new WeakMap<ClusterObject, string>();

  /** Whether an object has the name of another one in it: by itself in the same namespace, else as `namespace/name`. */
  has(object: ClusterObject, other: ObjectRef): boolean {
    if (object.kind === 'Secret') {
      return false;
    }
    let text = this.#texts.get(object);
    if (text === undefined) {
      text = JSON.stringify(object);
      this.#texts.set(object, text);
    }
    const { namespace, name } = other;
    return hasName(text, object.meta.namespace === namespace ? name : `${namespace}/${name}`);
  }
}

function hasName(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!isOfName(text[at - 1]) && !isOfName(text[at + name.length])) {
      return true;
    }
  }
  return false;
}

function isOfName(character = ' '): boolean {
  return /[a-z0-9.-]/.test(character);
}
