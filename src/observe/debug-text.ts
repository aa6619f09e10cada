import { parseObjectKey } from '../model/object-ref.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { SourceMap } from '../model/candidate.ts';

/** Lines from 1, both ends inclusive. */
export interface LineRange {
  readonly first: number;
  readonly last: number;
}

/** How many lines a text has; a last one without a line break counts. */
export function countLines(text: string): number {
  let lines = 0;
  for (let at = 0; at < text.length; lines += 1) {
    const end = text.indexOf('\n', at);
    at = end === -1 ? text.length : end + 1;
  }
  return lines;
}

/** A text as comment lines; nothing in it can end the comment. */
export function comment(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `# ${line.replace(/\p{Cc}/gu, ' ')}\n`)
    .join('');
}

/**
 * Which lines came from an object: a byte per line, 1 where it did, at index line − 1. A range inside one of its
 * ranges is its own too (the certificate of its server), unless another object of the same kind made it (another
 * Ingress's location in a shared server). Null where no line came from it.
 */
export function linesOf(map: SourceMap, object: ObjectKey, lineCount: number): Uint8Array | null {
  const kind = parseObjectKey(object)?.kind;
  const lines = new Uint8Array(lineCount);
  // Outer ranges come first, so that the innermost one of the kind has the last word.
  for (const range of map.ranges) {
    if (parseObjectKey(range.object)?.kind === kind) {
      lines.fill(range.object === object ? 1 : 0, range.first - 1, range.last);
    }
  }
  return lines.includes(1) ? lines : null;
}

/**
 * Lines with their numbers, one piece each: those of `range` that `chosen` (see `linesOf`) has, null being all. What
 * is left out between two of them shows as dots; `marked` gets an arrow.
 */
export function* numberedLines(
  text: string,
  range: LineRange,
  chosen: Uint8Array | null,
  marked: number | null,
): Generator<string> {
  const width = Math.max(5, String(range.last).length);
  let shownBefore = 0;
  let at = 0;
  for (let line = 1; line <= range.last && at < text.length; line += 1) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    if (line >= range.first && (chosen === null || chosen[line - 1] === 1)) {
      if (shownBefore > 0 && shownBefore < line - 1) {
        yield `    ${'.'.repeat(width)}\n`;
      }
      shownBefore = line;
      yield `${line === marked ? '>>> ' : '    '}${String(line).padStart(width)} | ${text.slice(at, end)}\n`;
    }
    at = end + 1;
  }
}
