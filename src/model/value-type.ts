import { lowerCase, whole } from './token.ts';

/**
 * What texts a field takes, as data: documentation, policies of the API server and tests are made from it. A parser
 * and its type are made together (`grammar.ts`), and a property test holds the one against the other.
 */
export interface ValueType {
  /** For people, for example `whole number`. */
  readonly name: string;
  /** What may be written, in words that follow "write ". */
  readonly allowed: string;
  /** Every text that the parser takes fits it. */
  readonly shape: Shape;
  /** Whether the parser takes every text that fits; otherwise some faults are only found when the object is read. */
  readonly exact: boolean;
  /** Some texts that are taken. */
  readonly samples: readonly string[];
}

/**
 * The form of a text. Patterns are regular expressions of the whole text, in what RE2 (which the API server has) and
 * JavaScript read alike: no look-around, no back-references, no count above 1000, and `\s` only outside of classes.
 */
export type Shape =
  | { readonly kind: 'any' }
  /** One word of a closed set. */
  | {
      readonly kind: 'words';
      readonly words: readonly string[];
      readonly trims: boolean;
      readonly ignoresCase: boolean;
    }
  /** A whole number, both bounds inclusive; blanks around it do not count. */
  | { readonly kind: 'integer'; readonly least: number; readonly most: number }
  /** Digits and one of b, k, m, g; the bounds are bytes, both inclusive; blanks around it do not count. */
  | { readonly kind: 'bytes'; readonly least: number; readonly most: number }
  | PatternShape;

export interface PatternShape {
  readonly kind: 'pattern';
  readonly pattern: string;
  /** Whether blanks around the text count for nothing. */
  readonly trims: boolean;
  /** The most characters, without blanks around them; null where that is not bounded. */
  readonly longest: number | null;
  /** Patterns that match no part of the text. */
  readonly without: readonly string[];
}

/** Text of any form: what a row has that does not say more. */
export const anyText: ValueType = {
  name: 'text',
  allowed: 'text',
  shape: { kind: 'any' },
  exact: false,
  samples: [],
};

/** Digits, and a unit in any letter case. */
export const bytesPattern = '[0-9]{1,15}[bkmgBKMG]?';

/** A whole number: the parsers of numbers read no more digits. */
export const integerPattern = '-?[0-9]{1,15}';

const factors: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Whether a text has a shape. The CEL expression of the same shape (`src/policy/cel.ts`) says the same. */
export function fits(shape: Shape, text: string): boolean {
  switch (shape.kind) {
    case 'any':
      return true;
    case 'words':
      return fitsPattern(patternOfWords(shape), text);
    case 'integer': {
      const number = whole(integerPattern)(text.trim()) ? Number(text) : Number.NaN;
      return number >= shape.least && number <= shape.most;
    }
    case 'bytes': {
      const trimmed = lowerCase(text.trim());
      const factor = factors[/[a-z]$/u.exec(trimmed)?.[0] ?? 'b'] ?? 1;
      const count = whole(bytesPattern)(trimmed) ? Number.parseInt(trimmed, 10) * factor : Number.NaN;
      return count >= shape.least && count <= shape.most;
    }
    default:
      return fitsPattern(shape, text);
  }
}

/** The same set of texts as a pattern. */
export function patternOfWords({
  words,
  trims,
  ignoresCase,
}: Extract<Shape, { readonly kind: 'words' }>): PatternShape {
  const either = words.map(escaped).map((word) => (ignoresCase ? caseless(word) : word));
  return pattern(either.join('|'), { trims });
}

/**
 * A pattern with each letter in both cases: `(?i:…)` would take the long s and the Kelvin sign for letters, too. It is
 * for words alone, not for classes and escapes with letters.
 */
export function caseless(words: string): string {
  return words.replaceAll(/[A-Za-z]/gu, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}

/** A pattern shape; blanks around the text do not count unless `trims` says so. */
export function pattern(
  text: string,
  more: Partial<Pick<PatternShape, 'trims' | 'longest' | 'without'>> = {},
): PatternShape {
  return { kind: 'pattern', pattern: text, trims: true, longest: null, without: [], ...more };
}

/** A list of items separated by commas, of which at least `least` (0 or 1) are no blanks; blanks around items do not count. */
export function listPattern(item: string, least: 0 | 1 = 1): string {
  const more = `(?:,\\s*(?:(?:${item})\\s*)?)*`;
  return least === 0 ? `(?:(?:${item})\\s*)?${more}` : `(?:,\\s*)*(?:${item})\\s*${more}`;
}

function fitsPattern({ pattern: text, trims, longest, without }: PatternShape, value: string): boolean {
  const judged = trims ? value.trim() : value;
  return (
    whole(text)(judged) &&
    (longest === null || judged.length <= longest) &&
    // As in RE2, `$` stands for the end of the text alone.
    without.every((each) => !new RegExp(each, 'u').test(judged))
  );
}

function escaped(word: string): string {
  return word.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&');
}
