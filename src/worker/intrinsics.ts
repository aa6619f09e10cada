/*
 * Everything in the thread is built from these, plugins of users run beside it, and one that adds to a prototype changes
 * what all the others do. What looks after that must not use what it looks after: no iterator, no method of a list.
 */
const { ownKeys, getOwnPropertyDescriptor } = Reflect;
const { is } = Object;

interface Property {
  readonly key: string | symbol;
  readonly value: unknown;
  readonly get: unknown;
  readonly set: unknown;
}

interface Shape {
  readonly name: string;
  readonly object: object;
  /** Whether these are all of its properties. */
  readonly isWhole: boolean;
  readonly properties: readonly Property[];
}

const names =
  'Object Function Array String Number Boolean Symbol BigInt RegExp Date Promise Map Set WeakMap WeakSet JSON Math Reflect Proxy Uint8Array Buffer URL'.split(
    ' ',
  );

/**
 * Looks at the built-in objects as they are now. The function that it returns names the first of them that is not as it
 * was then, for example `Array.prototype.map`; null where all are.
 */
export function watchIntrinsics(): () => string | null {
  const listIterator = Object.getPrototypeOf([][Symbol.iterator]()) as object;
  const shapes: Shape[] = [
    shapeOf('globalThis', globalThis, names),
    shapeOf('Error.prototype', Error.prototype),
    shapeOf('the prototype of iterators', Object.getPrototypeOf(listIterator) as object),
    shapeOf('the prototype of list iterators', listIterator),
  ];
  for (const name of names) {
    const object = (globalThis as Record<string, unknown>)[name] as { readonly prototype?: unknown };
    shapes.push(shapeOf(name, object));
    const { prototype } = object;
    if ((typeof prototype === 'object' || typeof prototype === 'function') && prototype !== null) {
      shapes.push(shapeOf(`${name}.prototype`, prototype));
    }
  }
  return () => {
    for (let index = 0; index < shapes.length; index += 1) {
      const changed = changeOf(shapes[index] as Shape);
      if (changed !== null) {
        return changed;
      }
    }
    return null;
  };
}

/** All own properties, or those with these names alone: others of `globalThis` are made when they are first used. */
function shapeOf(name: string, object: object, only: readonly string[] | null = null): Shape {
  const properties = (only ?? ownKeys(object)).map((key): Property => {
    const { value, get, set } = getOwnPropertyDescriptor(object, key) ?? {};
    return { key, value, get, set };
  });
  return { name, object, isWhole: only === null, properties };
}

function changeOf({ name, object, isWhole, properties }: Shape): string | null {
  for (let index = 0; index < properties.length; index += 1) {
    const { key, value, get, set } = properties[index] as Property;
    const now = getOwnPropertyDescriptor(object, key);
    if (now === undefined || !is(now.value, value) || now.get !== get || now.set !== set) {
      return nameOf(name, key);
    }
  }
  return isWhole ? additionOf(name, ownKeys(object), properties) : null;
}

/** What was there is there still: if there are more, one is new. */
function additionOf(
  name: string,
  keys: readonly (string | symbol)[],
  properties: readonly Property[],
): string | null {
  if (keys.length === properties.length) {
    return null;
  }
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] as string | symbol;
    let isKnown = false;
    for (let known = 0; known < properties.length; known += 1) {
      isKnown ||= (properties[known] as Property).key === key;
    }
    if (!isKnown) {
      return nameOf(name, key);
    }
  }
  return null;
}

function nameOf(object: string, key: string | symbol): string {
  return typeof key === 'string' ? `${object}.${key}` : `a symbol of ${object}`;
}
