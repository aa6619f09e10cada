import { z } from 'zod';

/** How a value is written in an environment variable. */
export type EnvironmentShape = 'text' | 'number' | 'number-or-text' | 'boolean' | 'text-list' | 'number-list';

/** One kind of value: what is allowed, in words for people and as a schema for the program. */
export interface ValueKind<T> {
  /** For the documentation, for example `seconds`. */
  readonly type: string;
  /** Completes the sentence "give …". */
  readonly allowed: string;
  readonly shape: EnvironmentShape;
  /** From what YAML gives to what the program uses. */
  readonly schema: z.ZodType<T>;
  /** Of a list: what each of its items is. */
  readonly item?: ValueKind<unknown>;
}

export function boolean(): ValueKind<boolean> {
  return { type: 'boolean', allowed: 'true or false', shape: 'boolean', schema: z.boolean() };
}

/** A whole number with a unit, for example `seconds`; both bounds are allowed. */
export function whole(unit: string, min: number, max: number): ValueKind<number> {
  return {
    type: unit,
    allowed: `a whole number${unit === 'number' ? '' : ` of ${unit}`} from ${min} to ${max}`,
    shape: 'number',
    schema: z.int().min(min).max(max),
  };
}

export function port(): ValueKind<number> {
  return {
    type: 'port',
    allowed: 'a port number from 1 to 65535',
    shape: 'number',
    schema: z.int().min(1).max(65_535),
  };
}

export function oneOf<const T extends string>(values: readonly T[]): ValueKind<T> {
  return {
    type: values.map((value) => `\`${value}\``).join(' or '),
    allowed: `one of ${values.join(', ')}`,
    shape: 'text',
    schema: z.enum(values),
  };
}

/** Text of one form. The pattern must be anchored; where `empty` is set, no text at all is allowed too. */
export function text(
  type: string,
  allowed: string,
  pattern: RegExp,
  limits: { readonly max: number; readonly empty: boolean },
): ValueKind<string> {
  const form = z.string().max(limits.max).regex(pattern);
  return {
    type,
    allowed: limits.empty ? `${allowed}, or "" for none` : allowed,
    shape: 'text',
    schema: limits.empty ? z.union([z.literal(''), form]) : form,
  };
}

/** A file system path; relative ones count from the working directory. */
export function path(): ValueKind<string> {
  return text('path', 'a path without control characters', /^\P{Cc}+$/u, { max: 4096, empty: true });
}

export function list<T>(item: ValueKind<T>): ValueKind<readonly T[]> {
  return {
    type: `list of ${item.type}`,
    allowed: `a list, each item ${item.allowed}`,
    shape: item.shape === 'number' ? 'number-list' : 'text-list',
    schema: z.array(item.schema).readonly(),
    item,
  };
}

/** The limits of a histogram: each greater than the one before. */
export function buckets(): ValueKind<readonly number[]> {
  return {
    type: 'list of number',
    allowed: 'a list of 1 to 50 numbers above 0, each greater than the one before',
    shape: 'number-list',
    schema: z
      .array(z.number().positive())
      .min(1)
      .max(50)
      .refine((limits) => limits.every((limit, index) => limit > (limits[index - 1] ?? 0)))
      .readonly(),
  };
}
