import { parseBytes } from './byte-size.ts';
import { parseBoolean, parseChoice, parseInteger } from './quantity.ts';
import { refused, shown, token, type Parsed, type Token } from './token.ts';
import { anyText, fits, pattern, type PatternShape, type ValueType } from './value-type.ts';

/** A parser, and what it takes: rows of annotations and options are made of these (`...integer(1, 9)`). */
export interface Grammar<T> {
  readonly parse: (text: string) => Parsed<T>;
  readonly type: ValueType;
}

/** What is said of a parser. Nothing said is text of any form. */
export type Described = Partial<ValueType> & Pick<ValueType, 'name' | 'allowed'>;

/** Says of an existing parser what it takes. */
export function described<T>(parse: (text: string) => Parsed<T>, type: Described): Grammar<T> {
  return { parse, type: { ...anyText, ...type } };
}

/** A grammar with another value made of each text. */
export function mapped<T, U>({ parse, type }: Grammar<T>, make: (value: T) => U): Grammar<U> {
  return {
    parse: (text) => {
      const parsed = parse(text);
      return refused(parsed) ? parsed : { value: make(parsed.value) };
    },
    type,
  };
}

/** A boolean as ingress-nginx reads it. */
export const flag: Grammar<boolean> = {
  parse: parseBoolean,
  type: {
    name: 'boolean',
    allowed: '"true" or "false"',
    shape: {
      kind: 'words',
      words: ['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'],
      trims: false,
      ignoresCase: false,
    },
    exact: true,
    samples: ['true', 'false'],
  },
};

/** Whole numbers within bounds, both inclusive. */
export function integer(least: number, most: number): Grammar<number> {
  return {
    parse: (text) => parseInteger(text, least, most),
    type: {
      name: 'whole number',
      allowed: `a whole number from ${least} to ${most}`,
      shape: { kind: 'integer', least, most },
      exact: true,
      samples: [String(least), String(most)],
    },
  };
}

/** Sizes, read as a number of bytes within bounds, both inclusive. */
export function byteSize(least: number, most: number): Grammar<number> {
  return {
    parse: (text) => parseBytes(text, least, most),
    type: {
      name: 'size',
      allowed: 'digits and one of k, m, g, for example 8k',
      shape: { kind: 'bytes', least, most },
      exact: true,
      samples: [String(least), ...(least <= 8192 && most >= 8192 ? ['8k'] : [])],
    },
  };
}

/** One word of a closed set, in exactly this letter case. */
export function choice<const T extends string>(words: readonly T[]): Grammar<T> {
  return { parse: (text) => parseChoice(text.trim(), words), type: wordsType(words) };
}

/** The type of one word of a closed set. */
export function wordsType(words: readonly string[], ignoresCase = false): ValueType {
  return {
    name: 'word',
    allowed: words.length === 1 ? (words[0] ?? '') : `one of ${words.join(', ')}`,
    shape: { kind: 'words', words, trims: true, ignoresCase },
    // Without regard to letter case there are letters beyond ASCII that count as the same ones.
    exact: !ignoresCase,
    samples: words,
  };
}

/** `on` or `off`. */
export const onOff: Grammar<boolean> = mapped(choice(['on', 'off']), (word) => word === 'on');

/** Text of a pattern, with what is wrong with any other in words between it and what may be written. */
export interface TextRule {
  readonly name: string;
  readonly pattern: string;
  readonly fault: string;
  readonly allowed: string;
  readonly longest?: number;
  readonly samples: readonly string[];
}

/** Text of a pattern, without the blanks around it. */
export function textOf({ name, fault, allowed, longest, samples, ...rule }: TextRule): Grammar<string> {
  const shape: PatternShape = pattern(rule.pattern, { longest: longest ?? null });
  return {
    parse: (text) =>
      fits(shape, text) ? { value: text.trim() } : { error: `${shown(text)} ${fault}: write ${allowed}` },
    type: { name, allowed, shape, exact: true, samples },
  };
}

/** The same as a token. */
export function tokenOf(rule: TextRule): Grammar<Token<'text'>> {
  return mapped(textOf(rule), (text) => token('text', text));
}
