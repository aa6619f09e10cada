import { shown, token, whole, type Parsed, type Token } from './token.ts';

const isSize = whole('[0-9]{1,15}[bkmgBKMG]?');

const factors: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/**
 * Reads a number of bytes: digits and one of b, k, m, g in any case (bytes where there is none). `least` and `most`
 * are bytes, both inclusive.
 */
export function parseBytes(text: string, least: number, most: number): Parsed<number> {
  const trimmed = text.trim();
  if (!isSize(trimmed)) {
    return { error: `${shown(text)} is not a size: write digits and one of k, m, g, for example 8k` };
  }
  const unit = /[a-zA-Z]$/u.exec(trimmed)?.[0].toLowerCase() ?? 'b';
  const count = Number.parseInt(trimmed, 10) * (factors[unit] ?? 1);
  return count >= least && count <= most
    ? { value: count }
    : { error: `${shown(text)} is out of range: write a size from ${spelled(least)} to ${spelled(most)}` };
}

/** A number of bytes as nginx prints it: in m or k where that is exact. It has no g for most directives. */
export function bytes(count: number): Token<'size'> {
  return token('size', spelled(count));
}

function spelled(count: number): string {
  if (count > 0 && count % 1024 ** 2 === 0) {
    return `${count / 1024 ** 2}m`;
  }
  return count > 0 && count % 1024 === 0 ? `${count / 1024}k` : String(count);
}
