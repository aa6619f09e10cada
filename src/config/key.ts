import type { ValueKind } from './value-kind.ts';

/** A value as YAML writes it. */
export type PlainValue = string | number | boolean | readonly (string | number)[];

/** One key of the config file: all that is known of it, for the loader, the documentation and the chart. */
export interface KeyDefinition<T> {
  /** As in the file. */
  readonly name: string;
  readonly kind: ValueKind<T>;
  readonly fallback: PlainValue;
  /** What it does, in one or two sentences. */
  readonly effect: string;
  /** Its feature is not there yet: nothing but the default is accepted. */
  readonly notYet?: true;
  /** A change in the file takes effect without a restart. */
  readonly live?: true;
}

export interface SectionDefinition<Keys extends Readonly<Record<string, KeyDefinition<unknown>>>> {
  readonly description: string;
  /** By the name that the program uses, which carries the unit. */
  readonly keys: Keys;
}

export function key<T>(
  name: string,
  kind: ValueKind<T>,
  fallback: PlainValue,
  effect: string,
  marks: { readonly notYet?: true; readonly live?: true } = {},
): KeyDefinition<T> {
  return { name, kind, fallback, effect, ...marks };
}

/** The values of a section once they are read. */
export type SectionValues<Section> =
  Section extends SectionDefinition<infer Keys>
    ? { readonly [Name in keyof Keys]: Keys[Name] extends KeyDefinition<infer T> ? T : never }
    : never;
