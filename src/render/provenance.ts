import type { OriginRange, SourceMap } from '../model/candidate.ts';

/**
 * While rendering, the helper `origin` brackets what an object brought with two control characters that no token
 * can hold. They are taken out afterwards, and what they bracketed becomes the source map: so provenance holds
 * for every template, an operator's own included.
 */
const open = '\u0001';
const openEnd = '\u0002';
const close = '\u0003';

/** Stands for the generation until the text is hashed. */
export const generationMark = '\u0004';

/**
 * Brackets the text that came from one object. The closing bracket stands before the last line end: after it, it
 * would be a line of its own, which Handlebars would indent.
 */
export function bracket(key: string, text: string): string {
  return text.endsWith('\n')
    ? `${open}${key}${openEnd}${text.slice(0, -1)}${close}\n`
    : `${open}${key}${openEnd}${text}${close}`;
}

/** Takes the brackets out of a rendered text, empties blank lines, and tells which lines the brackets held. */
export function unbracket(marked: string): { text: string; sourceMap: SourceMap } {
  const ranges: OriginRange[] = [];
  const pending: { object: string; first: number; place: number }[] = [];
  const pieces: string[] = [];
  // None of the built-in templates leaves a line of blanks, and to look for one costs more than all the rest.
  const tidy = marked.includes(' \n') ? marked.replaceAll(/^ +$/gmu, '') : marked;
  let line = 1;
  let from = 0;
  let opening = tidy.indexOf(open);
  let closing = tidy.indexOf(close);
  while (closing !== -1) {
    const isOpening = opening !== -1 && opening < closing;
    const index = isOpening ? opening : closing;
    const piece = tidy.slice(from, index);
    line += countLineEnds(piece);
    pieces.push(piece);
    if (isOpening) {
      const end = tidy.indexOf(openEnd, index);
      pending.push({ object: tidy.slice(index + 1, end), first: line, place: ranges.length });
      // Holds the range's place, so that outer ranges come before the inner ones they contain.
      ranges.push({ object: '', first: line, last: line });
      from = end + 1;
      opening = tidy.indexOf(open, from);
    } else {
      const opened = pending.pop();
      if (opened !== undefined) {
        ranges[opened.place] = { object: opened.object, first: opened.first, last: line };
      }
      from = index + 1;
      closing = tidy.indexOf(close, from);
    }
  }
  pieces.push(tidy.slice(from));
  return { text: pieces.join(''), sourceMap: { ranges } };
}

function countLineEnds(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    count += 1;
  }
  return count;
}
