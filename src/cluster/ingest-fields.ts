import { quoted, type Report } from './ingest-report.ts';

/** Stands for a field that is there and cannot be used; it has been reported. */
export const wrong: unique symbol = Symbol('wrong');
export type Wrong = typeof wrong;

/** A value of any shape, and where in the object it stands. */
export interface Field {
  readonly value: unknown;
  readonly path: string;
}

/** What a wrong field does: refuse the object, or only be reported (the caller leaves the part out or closes it). */
export type Severity = 'reject' | 'differ';

const plainKey = /^[A-Za-z][A-Za-z0-9]{0,62}$/;

/** Only own properties count, so that a key such as `constructor` finds nothing by itself. */
export function fieldOf(parent: Field, key: string): Field {
  const { value } = parent;
  const inside = isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  const step = plainKey.test(key) ? `.${key}` : `[${quoted(key)}]`;
  return { value: inside, path: parent.path === '' ? step.replace(/^\./, '') : parent.path + step };
}

export function itemOf(list: Field, index: number, value: unknown): Field {
  return { value, path: `${list.path}[${index}]` };
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null counts as absent, as in the API. */
export function isAbsent(field: Field): boolean {
  return field.value === undefined || field.value === null;
}

function report(to: Report, severity: Severity, field: Field, wanted: string): Wrong {
  to[severity](field.path, `is ${to.show(field.value)}; ${wanted}`);
  return wrong;
}

export function readText(to: Report, field: Field, severity: Severity): string | undefined | Wrong {
  if (isAbsent(field)) {
    return undefined;
  }
  if (typeof field.value === 'string') {
    return field.value;
  }
  const scalar = typeof field.value === 'number' || typeof field.value === 'boolean';
  return report(to, severity, field, scalar ? 'text is wanted: put it in quotes' : 'text is wanted');
}

export function readTruth(to: Report, field: Field, severity: Severity): boolean | undefined | Wrong {
  if (isAbsent(field)) {
    return undefined;
  }
  return typeof field.value === 'boolean'
    ? field.value
    : report(to, severity, field, 'true or false is wanted, without quotes');
}

/** A port number, 1 to 65535. */
export function readPort(to: Report, field: Field, severity: Severity): number | undefined | Wrong {
  const { value } = field;
  if (isAbsent(field)) {
    return undefined;
  }
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) {
    return value;
  }
  const quotedNumber = typeof value === 'string' && /^[0-9]{1,5}$/.test(value);
  return report(
    to,
    severity,
    field,
    quotedNumber
      ? 'a number is wanted: leave out the quotes'
      : 'a whole number from 1 to 65535 is wanted, without quotes',
  );
}

export function readMapping(to: Report, field: Field, severity: Severity): Field | undefined | Wrong {
  if (isAbsent(field)) {
    return undefined;
  }
  return isMapping(field.value) ? field : report(to, severity, field, 'a mapping of fields is wanted');
}

/** The items of a list with their places; `limit` is the most that is read, more is wrong as a whole. */
export function readList(
  to: Report,
  field: Field,
  severity: Severity,
  limit: number,
): Field[] | undefined | Wrong {
  if (isAbsent(field)) {
    return undefined;
  }
  const { value } = field;
  if (!Array.isArray(value)) {
    return report(to, severity, field, 'a list is wanted (each item on a line of its own after "- ")');
  }
  if (value.length > limit) {
    to[severity](
      field.path,
      `has ${value.length} items; at most ${limit} are read: spread them over several objects`,
    );
    return wrong;
  }
  // Not `map`: it would leave the holes of a sparse list as they are.
  return Array.from(value, (item: unknown, index) => itemOf(field, index, item));
}

/** A list of texts; one item that is not text makes the list wrong. */
export function readTexts(
  to: Report,
  field: Field,
  severity: Severity,
  limit: number,
): string[] | undefined | Wrong {
  const items = readList(to, field, severity, limit);
  if (items === undefined || items === wrong) {
    return items;
  }
  const texts: string[] = [];
  let sound = true;
  for (const item of items) {
    if (typeof item.value === 'string') {
      texts.push(item.value);
    } else {
      report(to, severity, item, 'text is wanted: put it in quotes');
      sound = false;
    }
  }
  return sound ? texts : wrong;
}

/** A mapping of text to text without a prototype; one value that is not text is reported and leaves it out. */
export function readTextMap(
  to: Report,
  field: Field,
  severity: Severity,
): Record<string, string> | undefined | Wrong {
  const mapping = readMapping(to, field, severity);
  if (mapping === undefined || mapping === wrong) {
    return mapping;
  }
  const texts = emptyRecord<string>();
  let sound = true;
  for (const key of Object.keys(mapping.value as object)) {
    // The API decodes a value of null as the empty text.
    const text = readText(to, fieldOf(mapping, key), severity) ?? '';
    if (text === wrong) {
      sound = false;
    } else {
      texts[key] = text;
    }
  }
  return sound ? texts : wrong;
}

/** Keys come from the cluster: without a prototype, `constructor` and `__proto__` are keys like any other. */
export function emptyRecord<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}

/**
 * Reports every key of a mapping that the API does not know. A misspelled field may be the one that protects,
 * so it refuses the object, as the strict validation of kubectl does.
 */
export function refuseUnknown(to: Report, field: Field, known: ReadonlySet<string>): void {
  if (!isMapping(field.value)) {
    return;
  }
  for (const key of Object.keys(field.value)) {
    if (!known.has(key)) {
      const like = [...known].find((name) => name.toLowerCase() === key.toLowerCase());
      const remedy =
        like === undefined ? `known here are: ${[...known].join(', ')}` : `it is spelled ${like}`;
      to.reject(fieldOf(field, key).path, `is no field of this object; ${remedy}`);
    }
  }
}
