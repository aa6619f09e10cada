import { parseObjectKey } from '../model/object-ref.ts';
import type { ExplainedOrigin } from './explanation.ts';

/** The object that something comes from, as it is shown; null for the gateway itself. */
export function originOf(key: string | null, field: string | null): ExplainedOrigin | null {
  const ref = key === null ? null : parseObjectKey(key);
  if (key === null || ref === null) {
    return null;
  }
  const indexes = /^spec\.rules\[(\d+)\](?:\.http\.paths\[(\d+)\])?/u.exec(field ?? '');
  return {
    object: key,
    kind: ref.kind,
    namespace: ref.namespace,
    name: ref.name,
    field,
    rule: indexes?.[1] === undefined ? null : Number(indexes[1]),
    path: indexes?.[2] === undefined ? null : Number(indexes[2]),
  };
}
