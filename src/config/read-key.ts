import { isDeepStrictEqual } from 'node:util';
import { type ConfigError, showValue } from './config-error.ts';
import type { LocatedKey } from './sections.ts';
import type { ValueKind } from './value-kind.ts';
import type { Place } from './yaml-source.ts';

/** A value before it is checked, and where it comes from. */
export interface Origin {
  readonly value: unknown;
  /** The file, the environment variable or `default`. */
  readonly source: string;
  /** Where in the file the value stands; with `[1]` given, the second item of it. */
  readonly place: (item: string) => Place | null;
  /** False where the default stands in. */
  readonly isSet: boolean;
}

/** The value that the program uses; undefined where it is refused, which is then among the errors. */
export function readKey(key: LocatedKey, origin: Origin, errors: ConfigError[]): unknown {
  const { kind, fallback, notYet } = key.definition;
  const read = kind.schema.safeParse(origin.value);
  const error = {
    key: key.dotted,
    value: origin.value,
    source: origin.source,
    ...spread(origin.place('')),
  };
  if (!read.success) {
    // A value that YAML versions read differently is reported already, with the better advice.
    const known = errors.some(
      ({ key: earlier, source }) => isOrIsIn(earlier, key.dotted) && source === origin.source,
    );
    if (!known) {
      errors.push(...(itemErrors(key, origin) ?? [{ ...error, message: notAllowed(origin.value, kind) }]));
    }
    return undefined;
  }
  if (notYet && !isDeepStrictEqual(read.data, kind.schema.parse(fallback))) {
    const message = `${showValue(origin.value)} is not implemented yet: remove the key or leave it at ${showValue(fallback)}`;
    errors.push({ ...error, message });
    return undefined;
  }
  return read.data;
}

function isOrIsIn(key: string, outer: string): boolean {
  return key === outer || key.startsWith(`${outer}[`) || key.startsWith(`${outer}.`);
}

/** An error for each item that is wrong; null where the fault is not in single items. */
function itemErrors(key: LocatedKey, origin: Origin): ConfigError[] | null {
  const { item } = key.definition.kind;
  if (item === undefined || !Array.isArray(origin.value)) {
    return null;
  }
  return origin.value.flatMap((value: unknown, index) =>
    item.schema.safeParse(value).success
      ? []
      : {
          key: `${key.dotted}[${index}]`,
          value,
          message: notAllowed(value, item),
          source: origin.source,
          ...spread(origin.place(`[${index}]`)),
        },
  );
}

/** A place as an error carries it. */
export function spread(place: Place | null): {
  readonly line: number | null;
  readonly column: number | null;
} {
  return { line: place?.line ?? null, column: place?.column ?? null };
}

function notAllowed(value: unknown, kind: ValueKind<unknown>): string {
  const meant = slips(value).find((slip) => kind.schema.safeParse(slip.value).success);
  const hint = meant === undefined ? '' : `; did you mean ${meant.words}?`;
  return `${showValue(value)} is not allowed: give ${kind.allowed}${hint}`;
}

interface Slip {
  readonly value: unknown;
  readonly words: string;
}

/** What people often mean who write this value; the first that is allowed is offered. */
function slips(value: unknown): Slip[] {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return [
      { value: String(value), words: `"${value}" in quotes` },
      { value: `:${value}`, words: `":${value}"` },
    ];
  }
  if (typeof value !== 'string' || value.trim() === '') {
    return [];
  }
  const text = value.trim();
  const lower = text.toLowerCase();
  const amount = /^(\d{1,9})\s*[a-z]{1,5}$/iu.exec(text)?.[1];
  const words: Readonly<Record<string, unknown>> = {
    true: true,
    yes: true,
    on: true,
    '1': true,
    false: false,
    no: false,
    off: false,
    '0': false,
    warning: 'warn',
    err: 'error',
    trace: 'debug',
  };
  return [
    ...(/^-?\d{1,15}(?:\.\d{1,15})?$/u.test(text)
      ? [{ value: Number(text), words: `${Number(text)} without quotes` }]
      : []),
    ...(amount === undefined ? [] : [{ value: Number(amount), words: `${amount} without a unit` }]),
    ...(Object.hasOwn(words, lower) ? [{ value: words[lower], words: JSON.stringify(words[lower]) }] : []),
    { value: `:${text}`, words: JSON.stringify(`:${text}`) },
    { value: lower, words: JSON.stringify(lower) },
    { value: [text], words: `a list: ${JSON.stringify([text])}` },
  ];
}
