import { shown, token, whole, type Parsed, type Token } from './token.ts';

const isSeconds = whole('[0-9]{1,9}');
const isDuration = whole('[0-9]{1,9}(?:ms|s|m|h|d|w|M|y)?');
const isSize = whole('[0-9]{1,12}[kKmMgG]?');

/** A length of time in whole milliseconds, as nginx prints it. */
export function milliseconds(count: number): Token<'duration'> {
  const rounded = Math.round(count);
  return token('duration', rounded % 1000 === 0 ? `${rounded / 1000}s` : `${rounded}ms`);
}

/** A length of time in seconds. */
export function seconds(count: number): Token<'duration'> {
  return milliseconds(count * 1000);
}

/** Reads whole seconds without a unit. */
export function parseSeconds(text: string): Parsed<Token<'duration'>> {
  return isSeconds(text.trim())
    ? { value: seconds(Number(text.trim())) }
    : { error: `${shown(text)} is not a number of seconds: write digits alone, for example 60` };
}

/** Reads a time in nginx's form: digits and one of ms, s, m, h, d, w, M, y (seconds where there is none). */
export function parseDuration(text: string): Parsed<Token<'duration'>> {
  const trimmed = text.trim();
  if (!isDuration(trimmed)) {
    return { error: `${shown(text)} is not a time: write digits and one of ms, s, m, h, d, for example 60s` };
  }
  return { value: token('duration', /\d$/u.test(trimmed) ? `${trimmed}s` : trimmed) };
}

/** Reads a size in nginx's form: digits and one of k, m, g (bytes where there is none). */
export function parseSize(text: string): Parsed<Token<'size'>> {
  const trimmed = text.trim();
  return isSize(trimmed)
    ? { value: token('size', trimmed.toLowerCase()) }
    : { error: `${shown(text)} is not a size: write digits and one of k, m, g, for example 8k` };
}

/** Reads a boolean as ingress-nginx does (Go's ParseBool). */
export function parseBoolean(text: string): Parsed<boolean> {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) {
    return { value: true };
  }
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) {
    return { value: false };
  }
  return { error: `${shown(text)} is not a boolean: write "true" or "false"` };
}

/** Reads a whole number within bounds, both inclusive. */
export function parseInteger(text: string, least: number, most: number): Parsed<number> {
  const number = /^-?\d{1,15}$/u.test(text.trim()) ? Number(text) : Number.NaN;
  return number >= least && number <= most
    ? { value: number }
    : { error: `${shown(text)} is not a whole number from ${least} to ${most}` };
}

/** Reads one word of a closed set. */
export function parseChoice<T extends string>(text: string, choices: readonly T[]): Parsed<T> {
  const found = choices.find((choice) => choice === text);
  return found === undefined
    ? { error: `${shown(text)} is not allowed: write one of ${choices.join(', ')}` }
    : { value: found };
}
