import { objectKey, type ObjectRef } from '../model/object-ref.ts';
import { SecretValue } from '../model/secret-value.ts';

/** What can stand in a log line. */
export type LogValue =
  string | number | boolean | null | readonly LogValue[] | { readonly [key: string]: LogValue };

// A line must stay far below the size at which the log file rotates, whatever a field holds.
const longestText = 4096;
const mostItems = 50;
const deepest = 6;

/**
 * Turns anything into what a log line can hold: secrets become `[redacted]`, objects of the cluster their
 * `Kind/namespace/name`, errors `{code, message, fields, cause}` (with `stack` where the error is not of our table),
 * bytes their number. Long texts and lists are cut, circles and throwing getters are named. Never throws.
 */
export function logValue(value: unknown): LogValue {
  return convert(value, []);
}

function convert(value: unknown, parents: readonly object[]): LogValue {
  switch (typeof value) {
    case 'string':
      return cut(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    case 'undefined':
      return null;
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    default:
      return typeof value === 'object' && value !== null ? convertObject(value, parents) : null;
  }
}

function convertObject(value: object, parents: readonly object[]): LogValue {
  if (value instanceof SecretValue) {
    return value.toJSON();
  }
  if (parents.includes(value)) {
    return '[circular]';
  }
  if (parents.length >= deepest) {
    return Array.isArray(value) ? '[list]' : '[object]';
  }
  const inside = [...parents, value];
  try {
    return convertKind(value, inside);
  } catch (error) {
    return `[unreadable: ${cut(error instanceof Error ? error.message : String(error))}]`;
  }
}

function convertKind(value: object, parents: readonly object[]): LogValue {
  if (value instanceof Error) {
    return convertError(value, parents);
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return `[${value.byteLength} bytes]`;
  }
  if (Array.isArray(value)) {
    return convertItems(value, value.length, parents);
  }
  if (value instanceof Set) {
    return convertItems(value, value.size, parents);
  }
  if (value instanceof Map) {
    return convertEntries(value, value.size, parents);
  }
  const key = clusterKey(value);
  if (key !== null) {
    return cut(key);
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return convert(value.toJSON(), parents);
  }
  if (value instanceof URL || value instanceof RegExp) {
    return cut(String(value));
  }
  const entries = Object.entries(value);
  return convertEntries(entries, entries.length, parents);
}

function convertItems(items: Iterable<unknown>, size: number, parents: readonly object[]): LogValue {
  const converted: LogValue[] = [];
  for (const item of items) {
    if (converted.length === mostItems) {
      converted.push(`… ${size - mostItems} more`);
      break;
    }
    converted.push(convert(item, parents));
  }
  return converted;
}

function convertEntries(
  entries: Iterable<readonly [unknown, unknown]>,
  size: number,
  parents: readonly object[],
): LogValue {
  const converted: [string, LogValue][] = [];
  for (const [key, item] of entries) {
    if (converted.length === mostItems) {
      converted.push(['…', `${size - mostItems} more`]);
      break;
    }
    if (item !== undefined) {
      converted.push([textOfKey(convert(key, parents)), convert(item, parents)]);
    }
  }
  // Not by assignment: a key `__proto__` would set the prototype and vanish from the line.
  return Object.fromEntries(converted);
}

function textOfKey(key: LogValue): string {
  return typeof key === 'string' ? key : JSON.stringify(key);
}

function convertError(error: Error, parents: readonly object[]): LogValue {
  const { code, fields } = error as { code?: unknown; fields?: unknown };
  const ours = typeof code === 'string' && code.startsWith('CNG_');
  return {
    ...(code === undefined ? { name: cut(error.name) } : { code: convert(code, parents) }),
    message: cut(error.message),
    ...(fields === undefined ? {} : { fields: convert(fields, parents) }),
    // An error of the table says what happened; only for the others does the place in the code help.
    ...(ours || error.stack === undefined ? {} : { stack: cut(error.stack) }),
    ...(error instanceof AggregateError ? { errors: convert(error.errors, parents) } : {}),
    ...(error.cause === undefined ? {} : { cause: convert(error.cause, parents) }),
  };
}

/** The key of a reference or of a whole object of the cluster: the whole would put manifests into the log. */
function clusterKey(value: object): string | null {
  const { kind, namespace, name, meta } = value as Record<string, unknown>;
  if (isRef({ kind, namespace, name }) && Object.keys(value).length === 3) {
    return objectKey(value as ObjectRef);
  }
  if (typeof meta === 'object' && meta !== null) {
    const ref = { kind, ...pick(meta) };
    return isRef(ref) ? objectKey(ref) : null;
  }
  return null;
}

function pick(meta: object): { namespace: unknown; name: unknown } {
  const { namespace, name } = meta as Record<string, unknown>;
  return { namespace, name };
}

function isRef(ref: { kind: unknown; namespace: unknown; name: unknown }): ref is ObjectRef {
  return typeof ref.kind === 'string' && typeof ref.namespace === 'string' && typeof ref.name === 'string';
}

function cut(text: string): string {
  return text.length > longestText
    ? `${text.slice(0, longestText)}… (${text.length - longestText} more characters)`
    : text;
}
