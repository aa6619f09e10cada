import { Lexer, type Word } from '../../nginx/lexer.ts';
import type { LineRange } from '../debug-text.ts';

/** What a piece of nginx configuration is; names of classes in the style sheet. */
export type SpanKind = 'plain' | 'comment' | 'block' | 'name' | 'string' | 'variable' | 'number' | 'sign';

export interface Span {
  readonly kind: SpanKind;
  readonly text: string;
}

/**
 * The lines of a range in pieces by what they are to nginx, read by the same lexer as the lint. What comes after an
 * error of grammar is plain. What stands before the range is read, too, but nothing is made of it, nor of lines that
 * are not `chosen` (a byte for each line of the text, see `linesOf`).
 */
export function colouredLines(text: string, range: LineRange, chosen: Uint8Array | null = null): Span[][] {
  const lines = new LineCollector(range);
  const lexer = new Lexer(text);
  const again = new Lexer(text);
  const from = offsetOfLine(text, range.first);
  lexer.collect = false;
  for (;;) {
    const { offset, line } = lexer;
    let step = lexer.next();
    const isLast = step === 'error' || step === 'end';
    if (!isLast && (lexer.offset <= from || !isWanted(chosen, line, lexer.line))) {
      continue;
    }
    // Once more, now with its words.
    again.offset = offset;
    again.line = line;
    step = again.next();
    lines.goTo(line);
    if (step === 'error') {
      lines.add('plain', text.slice(offset));
      break;
    }
    addStep(lines, text, offset, again.offset, again.words, step === 'block-start');
    if (step === 'end' || again.line > range.last) {
      break;
    }
  }
  return lines.take();
}

/** Whether some of these lines are among the chosen ones. */
function isWanted(chosen: Uint8Array | null, first: number, last: number): boolean {
  if (chosen === null) {
    return true;
  }
  for (let line = first; line <= last; line += 1) {
    if (chosen[line - 1] === 1) {
      return true;
    }
  }
  return false;
}

/** Where a line begins; the end of the text for one beyond it. */
function offsetOfLine(text: string, line: number): number {
  let at = 0;
  for (let number = 1; number < line; number += 1) {
    const end = text.indexOf('\n', at);
    if (end === -1) {
      return text.length;
    }
    at = end + 1;
  }
  return at;
}

/** One step of the lexer: white space, comments, the words in their order, and what ends it. */
function addStep(
  lines: LineCollector,
  text: string,
  from: number,
  to: number,
  words: readonly Word[],
  isBlock: boolean,
): void {
  let next = 0;
  let at = from;
  while (at < to) {
    const character = text[at] ?? '';
    const word = words[next];
    if (/\s/u.test(character)) {
      const end = endOf(/\S/gu, text, at, to);
      lines.add('plain', text.slice(at, end));
      at = end;
    } else if (character === '#') {
      const end = endOf(/\n/gu, text, at, to);
      lines.add('comment', text.slice(at, end));
      at = end;
    } else if (word === undefined) {
      lines.add('sign', character);
      at += 1;
    } else {
      if (next === 0) {
        lines.add(isBlock ? 'block' : 'name', word.raw);
      } else {
        addWord(lines, word);
      }
      at += word.raw.length;
      next += 1;
    }
  }
}

function endOf(what: RegExp, text: string, from: number, to: number): number {
  what.lastIndex = from;
  const found = what.exec(text);
  return found === null ? to : Math.min(found.index, to);
}

function addWord(lines: LineCollector, { raw, quoted }: Word): void {
  if (quoted === 'none' && /^\d+(?:[kKmMgGsSdhyw]|ms|%)?(?![^])/u.test(raw)) {
    lines.add('number', raw);
    return;
  }
  const kind = quoted === 'none' ? 'plain' : 'string';
  let at = 0;
  for (const { 0: variable, index } of raw.matchAll(/\$(?:\w+|\{\w+\})/gu)) {
    lines.add(kind, raw.slice(at, index));
    lines.add('variable', variable);
    at = index + variable.length;
  }
  lines.add(kind, raw.slice(at));
}

/** Sorts pieces into lines, and forgets those outside of the range. */
class LineCollector {
  readonly #range: LineRange;
  readonly #lines: Span[][] = [];
  #line = 1;

  constructor(range: LineRange) {
    this.#range = range;
  }

  /** The line of the next piece; those behind it follow from the pieces. */
  goTo(line: number): void {
    this.#line = line;
  }

  add(kind: SpanKind, text: string): void {
    const [head = '', ...rest] = text.split('\n');
    this.#put(kind, head);
    for (const part of rest) {
      this.#line += 1;
      this.#put(kind, part);
    }
  }

  #put(kind: SpanKind, text: string): void {
    const { first, last } = this.#range;
    const line = this.#line;
    if (line < first || line > last) {
      return;
    }
    const spans = (this.#lines[line - first] ??= []);
    if (text !== '') {
      spans.push({ kind, text });
    }
  }

  /** One list for each line of the range; those beyond the end are empty. */
  take(): Span[][] {
    const { first, last } = this.#range;
    return Array.from({ length: last - first + 1 }, (_, index) => this.#lines[index] ?? []);
  }
}
