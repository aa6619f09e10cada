import { SecretValue } from '../model/secret-value.ts';
import { emptyRecord } from './ingest-fields.ts';
import { deepFreeze } from './object-shape.ts';
import type { ClusterObject, Meta, Secret } from './objects.ts';
import type { Delta } from './store.ts';

/** A Secret with its values in the clear: for `postMessage` alone, never for a log or a file. */
export interface WireSecret {
  readonly kind: 'Secret';
  readonly meta: Meta;
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

/** A trimmed object as plain data that survives the structured clone. */
export type WireObject = Exclude<ClusterObject, Secret> | WireSecret;

/** A delta as plain data. */
export interface WireDelta extends Omit<Delta, 'set'> {
  readonly set: readonly WireObject[];
}

/** The form in which an object goes to another thread. */
export function toWire(object: ClusterObject): WireObject {
  if (object.kind !== 'Secret') {
    return object;
  }
  const data = emptyRecord<string>();
  for (const [key, value] of Object.entries(object.data)) {
    data[key] = value.reveal();
  }
  return { kind: 'Secret', meta: object.meta, type: object.type, data };
}

/** The object that `toWire` was given, after the structured clone: frozen, its keys without a prototype again. */
export function fromWire(wire: WireObject): ClusterObject {
  const meta: Meta = {
    ...wire.meta,
    labels: withoutPrototype(wire.meta.labels),
    annotations: withoutPrototype(wire.meta.annotations),
  };
  if (wire.kind === 'Secret') {
    const data = emptyRecord<SecretValue>();
    for (const [key, text] of Object.entries(wire.data)) {
      data[key] = new SecretValue(text);
    }
    return deepFreeze({ kind: 'Secret', meta, type: wire.type, data });
  }
  if (wire.kind === 'ConfigMap') {
    return deepFreeze({ kind: 'ConfigMap', meta, data: withoutPrototype(wire.data) });
  }
  return deepFreeze({ ...wire, meta });
}

/** The form in which a delta goes to another thread. */
export function deltaToWire(delta: Delta): WireDelta {
  return { ...delta, set: delta.set.map(toWire) };
}

/** The delta that `deltaToWire` was given, after the structured clone. */
export function deltaFromWire(wire: WireDelta): Delta {
  return { ...wire, set: wire.set.map(fromWire) };
}

function withoutPrototype(record: Readonly<Record<string, string>>): Record<string, string> {
  const copy = emptyRecord<string>();
  for (const [key, text] of Object.entries(record)) {
    copy[key] = text;
  }
  return copy;
}
