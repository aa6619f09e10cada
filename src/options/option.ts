import type { Parsed } from '../model/token.ts';
import { anyText, type ValueType } from '../model/value-type.ts';

/** One key of the options ConfigMap: everything there is to know about it. */
export interface OptionSpec<T = unknown> {
  /** Reads a value that is not blank. The words of an error follow the key's name. */
  readonly parse: (text: string) => Parsed<T>;
  /** What it takes; of any form where the row does not say. */
  readonly type: ValueType;
  /** Holds where the key is absent or blank. */
  readonly default: T;
  /**
   * Of an option that keeps somebody out: holds where the value is bad and no good one is known, and lets nobody in.
   * Others fall back to the default.
   */
  readonly closed?: T;
  /**
   * Of an option whose value may keep somebody out: whether this one may. Where such a value is bad and no good one is
   * known, every route answers 503.
   */
  readonly keepsOut?: (text: string) => boolean;
  /** What of a good value has no effect here, in words that follow the key's name; null where all of it has. */
  readonly remark?: (text: string) => string | null;
  /** One sentence for the documentation. */
  readonly description: string;
}

/** Options by their keys in the ConfigMap. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** The parsed options of a table, by key. */
export type OptionsOf<T extends OptionTable> = {
  readonly [Name in keyof T]: T[Name] extends OptionSpec<infer Value> ? Value : never;
};

/** Gives a row its type. */
export function option<T>(spec: Omit<OptionSpec<T>, 'type'> & { readonly type?: ValueType }): OptionSpec<T> {
  return { type: anyText, ...spec };
}
