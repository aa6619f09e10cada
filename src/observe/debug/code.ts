import type { SourceMap } from '../../model/candidate.ts';
import type { ObjectKey } from '../../model/object-ref.ts';
import type { LineRange } from '../debug-text.ts';
import { colouredLines, type Span } from './colour.ts';
import { linkTo } from './format.ts';

/** One line of configuration as the partial `code` shows it. */
export interface CodeLine {
  readonly number: number;
  readonly spans: readonly Span[];
  /** Whose it is, where that is another than on the line before. */
  readonly object: ObjectKey | null;
  readonly objectHref: string;
  readonly isMarked: boolean;
  /** Lines before it are left out. */
  readonly isAfterGap: boolean;
}

export interface CodeOptions {
  readonly range: LineRange;
  readonly map: SourceMap | null;
  /** As of `linesOf`: others are left out. Null: all. */
  readonly chosen?: Uint8Array | null;
  readonly marked?: number | null;
  /** More are not shown. */
  readonly most?: number;
}

/** The address of an object's page. */
export function objectHref(object: ObjectKey): string {
  return linkTo('/debug/object', { object });
}

/** The lines of a range, coloured, each block with the object it came from. */
export function codeLines(text: string, options: CodeOptions): CodeLine[] {
  const { range, map, chosen = null, marked = null, most = Number.POSITIVE_INFINITY } = options;
  const objects = objectsOfLines(map, range);
  const lines: CodeLine[] = [];
  let before: ObjectKey | null = null;
  let shownBefore = 0;
  for (const [index, spans] of colouredLines(text, range, chosen).entries()) {
    const number = range.first + index;
    if (chosen !== null && chosen[number - 1] !== 1) {
      continue;
    }
    if (lines.length === most) {
      break;
    }
    const object = objects[index] ?? null;
    lines.push({
      number,
      spans,
      object: object === before ? null : object,
      objectHref: object === null ? '' : objectHref(object),
      isMarked: number === marked,
      isAfterGap: shownBefore > 0 && shownBefore < number - 1,
    });
    before = object;
    shownBefore = number;
  }
  return lines;
}

/** The innermost object of each line of a range. */
function objectsOfLines(map: SourceMap | null, { first, last }: LineRange): (ObjectKey | null)[] {
  const objects = Array.from<ObjectKey | null>({ length: last - first + 1 }).fill(null);
  // Outer ranges come first, so that inner ones have the last word.
  for (const range of map?.ranges ?? []) {
    if (range.first > last) {
      break;
    }
    if (range.last >= first) {
      objects.fill(range.object, Math.max(range.first - first, 0), range.last - first + 1);
    }
  }
  return objects;
}

/** The objects whose lines enclose some of an object's, or stand within them. */
export function neighboursOf(map: SourceMap | null, object: ObjectKey): ObjectKey[] {
  const found = new Set<ObjectKey>();
  const open: { readonly object: ObjectKey; readonly last: number }[] = [];
  for (const range of map?.ranges ?? []) {
    while ((open.at(-1)?.last ?? Number.POSITIVE_INFINITY) < range.first) {
      open.pop();
    }
    if (range.object === object) {
      for (const outer of open) {
        found.add(outer.object);
      }
    } else if (open.some((outer) => outer.object === object)) {
      found.add(range.object);
    }
    open.push(range);
  }
  found.delete(object);
  return [...found].sort();
}
