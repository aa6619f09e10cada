import { diffArrays } from 'diff';

/** One line of a difference; numbers count from 1 and are null on the side that does not have it. */
export interface DiffLine {
  readonly sign: ' ' | '+' | '-';
  readonly before: number | null;
  readonly after: number | null;
  readonly text: string;
}

/** A run of changed lines with those around them. */
export interface DiffHunk {
  readonly lines: readonly DiffLine[];
}

export interface LineDiff {
  readonly hunks: readonly DiffHunk[];
  readonly added: number;
  readonly removed: number;
  /** The time was up: some parts are shown as replaced where less may have changed. */
  readonly isCoarse: boolean;
}

/** Lines on each side of a change that are shown, too. */
const contextLines = 3;

/** Milliseconds for all of one difference; this thread answers the probes as well. */
const usualMs = 400;

/** Lines whose comparison takes no time worth counting, also where the rest has used it up. */
const smallPart = 40;

/**
 * What is different between two texts, line by line. Lines that stand once in each text and in the same order are found
 * first (their longest rising chain); only what lies between them is compared with Myers' algorithm, whose time grows
 * with the square of the changes: a directive that changed in each of 10,000 locations is 10,000 small differences and no
 * large one. `mostMs`: milliseconds for all of it.
 */
export function diffLines(before: string, after: string, mostMs = usualMs): LineDiff {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  const deadline = performance.now() + mostMs;
  const all: DiffLine[] = [];
  let isCoarse = false;
  let [left, right] = [0, 0];
  function same(until: number): void {
    for (; left < until; left += 1, right += 1) {
      all.push({ sign: ' ', before: left + 1, after: right + 1, text: old[left] ?? '' });
    }
  }
  function removeUntil(until: number): void {
    for (; left < until; left += 1) {
      all.push({ sign: '-', before: left + 1, after: null, text: old[left] ?? '' });
    }
  }
  function addUntil(until: number): void {
    for (; right < until; right += 1) {
      all.push({ sign: '+', before: null, after: right + 1, text: fresh[right] ?? '' });
    }
  }
  /** What stands between two anchors: trimmed on both sides first, then compared where there is something on each. */
  function between(nextLeft: number, nextRight: number): void {
    let ends = 0;
    while (left < nextLeft && right < nextRight && old[left] === fresh[right]) {
      same(left + 1);
    }
    while (
      nextLeft - ends > left &&
      nextRight - ends > right &&
      old[nextLeft - ends - 1] === fresh[nextRight - ends - 1]
    ) {
      ends += 1;
    }
    const [untilLeft, untilRight] = [nextLeft - ends, nextRight - ends];
    const [olds, news] = [old.slice(left, untilLeft), fresh.slice(right, untilRight)];
    if (olds.length > 0 && news.length > 0) {
      const isSmall = Math.max(olds.length, news.length) <= smallPart;
      const timeout = isSmall ? usualMs : Math.max(deadline - performance.now(), 0);
      const changes = timeout === 0 ? undefined : diffArrays(olds, news, { timeout });
      isCoarse ||= changes === undefined;
      for (const { added, removed, count } of changes ?? []) {
        if (removed) {
          removeUntil(left + count);
        } else if (added) {
          addUntil(right + count);
        } else {
          same(left + count);
        }
      }
    }
    removeUntil(untilLeft);
    addUntil(untilRight);
    same(nextLeft);
  }
  for (const [nextLeft, nextRight] of [...anchors(old, fresh), [old.length, fresh.length] as const]) {
    between(nextLeft, nextRight);
    if (nextLeft < old.length) {
      same(nextLeft + 1);
    }
  }
  function countOf(sign: DiffLine['sign']): number {
    return all.filter((line) => line.sign === sign).length;
  }
  return { hunks: hunksOf(all), added: countOf('+'), removed: countOf('-'), isCoarse };
}

/** A difference as `diff -u` writes it, in pieces. */
export function* unifiedDiff({ hunks }: LineDiff, names: readonly [string, string]): Generator<string> {
  if (hunks.length === 0) {
    return;
  }
  yield `--- ${names[0]}\n+++ ${names[1]}\n`;
  for (const { lines } of hunks) {
    const first = lines[0];
    const [olds, news] = [lines.filter(({ sign }) => sign !== '+'), lines.filter(({ sign }) => sign !== '-')];
    const starts = [first?.before ?? olds[0]?.before ?? 0, first?.after ?? news[0]?.after ?? 0];
    yield `@@ -${starts[0]},${olds.length} +${starts[1]},${news.length} @@\n`;
    for (const { sign, text } of lines) {
      yield `${sign}${text}\n`;
    }
  }
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') {
    lines.pop();
  }
  return lines;
}

/** Pairs of places with the same line, which stands once in each text, rising on both sides. */
function anchors(old: readonly string[], fresh: readonly string[]): (readonly [number, number])[] {
  const places = uniquePlaces(fresh);
  const pairs: (readonly [number, number])[] = [];
  for (const [text, left] of uniquePlaces(old)) {
    const right = places.get(text);
    if (left !== null && right !== null && right !== undefined) {
      pairs.push([left, right]);
    }
  }
  return longestRising(pairs);
}

/** Where each line stands; null where it does so more than once. */
function uniquePlaces(lines: readonly string[]): Map<string, number | null> {
  const places = new Map<string, number | null>();
  for (const [index, line] of lines.entries()) {
    places.set(line, places.has(line) ? null : index);
  }
  return places;
}

/** Of pairs that rise on their left side, the longest chain that rises on the right side, too (patience sorting). */
function longestRising(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  /** By length, the index of the pair that ends the best chain of it. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [index, [, right]] of pairs.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[ends[middle] ?? 0]?.[1] ?? 0) < right) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    previous.push(low === 0 ? -1 : (ends[low - 1] ?? -1));
    ends[low] = index;
  }
  const chain: (readonly [number, number])[] = [];
  for (let at = ends.at(-1) ?? -1; at !== -1; at = previous[at] ?? -1) {
    chain.push(pairs[at] as readonly [number, number]);
  }
  return chain.toReversed();
}

function hunksOf(all: readonly DiffLine[]): DiffHunk[] {
  const hunks: DiffHunk[] = [];
  let from = -1;
  let to = -1;
  for (const [index, { sign }] of all.entries()) {
    if (sign === ' ') {
      continue;
    }
    if (from === -1 || index - contextLines > to) {
      if (from !== -1) {
        hunks.push({ lines: all.slice(from, to) });
      }
      from = Math.max(index - contextLines, 0);
    }
    to = Math.min(index + contextLines + 1, all.length);
  }
  return from === -1 ? hunks : [...hunks, { lines: all.slice(from, to) }];
}
