import type { ObjectRef } from '../../model/object-ref.ts';
import type { Finding } from '../../model/verdict.ts';
import { ingest } from '../ingest.ts';
import type { ClusterObject } from '../objects.ts';
import { at, textAt } from './api-json.ts';
import type { Resource } from './resource.ts';

/** `namespace/name`, as the server has it; `/name` for kinds without namespaces. */
export type EntryKey = string;

/** One object of the server, trimmed. */
export interface Entry {
  readonly key: EntryKey;
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Null where the object is refused, and where only its name and version are wanted. */
  readonly object: ClusterObject | null;
  readonly findings: readonly Finding[];
}

/** Which version of which object a piece of JSON is. */
export interface Identity {
  readonly key: EntryKey;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Turns JSON of the server into an entry. Never throws. */
export type Intake = (raw: object, identity: Identity) => Entry;

/** What identifies the object, or null where this is no object of the API at all. */
export function identify(raw: unknown): Identity | null {
  const metadata = at(raw, 'metadata');
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    return null;
  }
  return {
    key: `${textAt(metadata, 'namespace')}/${textAt(metadata, 'name')}`,
    uid: textAt(metadata, 'uid'),
    resourceVersion: textAt(metadata, 'resourceVersion'),
  };
}

/** Objects as a whole, trimmed by `ingest`. One that cannot be read is a finding, nothing more. */
export function wholeObjects(resource: Resource): Intake {
  return (raw, identity) => {
    // The items of a list carry no kind of their own.
    const { object, findings, ref } = ingest({
      ...raw,
      apiVersion: resource.apiVersion,
      kind: resource.kind,
    });
    return { ...identity, ref: ref ?? refOfKey(resource, identity.key), object, findings };
  };
}

/** Only which objects there are, in which version. */
export function namesOnly(resource: Resource): Intake {
  return (_raw, identity) => ({
    ...identity,
    ref: refOfKey(resource, identity.key),
    object: null,
    findings: [],
  });
}

export function refOfKey(resource: Resource, key: EntryKey): ObjectRef {
  const slash = key.indexOf('/');
  return { kind: resource.kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/**
 * Whether one resourceVersion is surely older than another. Versions are numbers in every API server there is;
 * where they are not, nothing is older.
 */
export function isOlder(one: string, other: string): boolean {
  const digits = /^[1-9]\d*$/u;
  if (!digits.test(one) || !digits.test(other)) {
    return false;
  }
  return one.length === other.length ? one < other : one.length < other.length;
}
