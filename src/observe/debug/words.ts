/** A moment for people, in UTC, and how long ago it was. */
export interface Moment {
  readonly iso: string;
  /** `2026-01-02 03:04:05 UTC`. */
  readonly clock: string;
  readonly ago: string;
}

/** `at` and `now` in milliseconds since the epoch. */
export function momentOf(at: number, now: number): Moment {
  const text = new Date(at).toISOString().slice(0, 19);
  return { iso: `${text}Z`, clock: `${text.replace('T', ' ')} UTC`, ago: agoWords(now - at) };
}

const units: readonly (readonly [limit: number, unit: string, seconds: number])[] = [
  [120, 's', 1],
  [7200, 'min', 60],
  [172_800, 'h', 3600],
  [Number.POSITIVE_INFINITY, 'days', 86_400],
];

function agoWords(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  const [, unit, size] = units.find(([limit]) => seconds < limit) ?? ['', 's', 1];
  const count = Math.floor(seconds / size);
  return count === 0 ? 'now' : `${count} ${unit} ago`;
}

/** Seconds in the unit that is read most easily: `850 µs`, `12 ms`, `1.4 s`. */
export function durationWords(seconds: number): string {
  if (seconds >= 1) {
    return `${round(seconds)} s`;
  }
  return seconds >= 0.001 || seconds === 0
    ? `${round(seconds * 1000)} ms`
    : `${round(seconds * 1_000_000)} µs`;
}

/** Three digits at most. */
function round(value: number): string {
  let digits = 0;
  if (value < 10) {
    digits = 2;
  } else if (value < 100) {
    digits = 1;
  }
  return String(Number(value.toFixed(digits)));
}

/** Capitalized where the first word is one, and no name of something. */
export function sentence(text: string): string {
  return /^(?!nginx)[a-z]+[ ,:]/u.test(text) ? `${text.slice(0, 1).toUpperCase()}${text.slice(1)}` : text;
}

const numbers = new Intl.NumberFormat('en-US');

/** `1,234`. */
export function countWords(count: number): string {
  return numbers.format(count);
}

/** Requests a second. */
export function rateWords(perSecond: number): string {
  return `${round(perSecond)}/s`;
}

/** Bytes with the unit that is read most easily. */
export function bytesWords(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  let index = 0;
  let value = bytes;
  while (value >= 1000 && index < names.length - 1) {
    value /= 1000;
    index += 1;
  }
  return `${round(value)} ${names[index] ?? 'B'}`;
}

/** A share of a whole, between 0 and 1. */
export function percentWords(share: number): string {
  return `${round(share * 100)} %`;
}
