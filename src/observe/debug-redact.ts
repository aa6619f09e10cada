import { redactText } from '../model/redact.ts';

const redacted = '[redacted]';

/** kubectl keeps the whole object here, a Secret's data included. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * One property as it may be shown: every text is redacted, and by form what must never be shown wherever it stands:
 * the content of a secret file, the data of a Secret, bytes. Maps become objects, sets become arrays. `value` is
 * `holder[key]` after its `toJSON`.
 */
function redactProperty(holder: Record<string, unknown>, key: string, value: unknown): unknown {
  // `toJSON` has turned a Buffer into an array of numbers: look at what it was made from.
  if (ArrayBuffer.isView(holder[key]) || isHidden(holder, key)) {
    return redacted;
  }
  if (typeof value === 'string') {
    return redactText(value);
  }
  if (typeof value === 'bigint') {
    return value.toString();
  }
  if (value instanceof Map) {
    return Object.fromEntries(value);
  }
  return value instanceof Set ? [...value] : value;
}

function isHidden(holder: Record<string, unknown>, key: string): boolean {
  switch (key) {
    case 'content':
      return holder['secret'] === true;
    case 'data':
    case 'stringData':
      return holder['kind'] === 'Secret';
    default:
      return key === lastApplied;
  }
}

/**
 * A value as redacted JSON in pieces, so that the answer for ten thousand objects never stands in memory as a whole:
 * the two outermost levels are walked, what is below them is written at once. Throws as `JSON.stringify` does.
 */
export function* jsonPieces(value: unknown, depth = 2): Generator<string> {
  if (depth === 0 || !isPlain(value)) {
    yield JSON.stringify(value, replacer) ?? 'null';
    return;
  }
  const isList = Array.isArray(value);
  yield isList ? '[' : '{';
  let separator = '\n';
  for (const key of Object.keys(value)) {
    const item = redactProperty(value, key, value[key]);
    if (item === undefined && !isList) {
      continue;
    }
    yield isList ? separator : `${separator}${JSON.stringify(key)}: `;
    yield* jsonPieces(item, depth - 1);
    separator = ',\n';
  }
  yield isList ? '\n]' : '\n}';
}

function replacer(this: Record<string, unknown>, key: string, value: unknown): unknown {
  return redactProperty(this, key, value);
}

/** Arrays and objects of no class: others may print themselves (`toJSON`) and are not to be taken apart. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}
