import type { SourceMap } from '../model/candidate.ts';
import { Lexer } from './lexer.ts';

/** Where blocks that only one kind of parent can hold may stand; `main` is the top of the file. */
const parentsOf: Readonly<Record<string, readonly string[]>> = {
  http: ['main'],
  stream: ['main'],
  events: ['main'],
  server: ['http', 'stream'],
  upstream: ['http', 'stream'],
  map: ['http', 'stream'],
  geo: ['http', 'stream'],
  split_clients: ['http', 'stream'],
  location: ['server', 'location'],
  limit_except: ['location'],
};

interface OpenBlock {
  readonly name: string;
  readonly line: number;
  /** Columns before the first word of its line; null if it does not begin its line. */
  readonly indent: number | null;
}

/** Whether a block of this name may stand in that parent, as far as its name alone tells. */
export function mayStandIn(name: string, parent: string): boolean {
  return parentsOf[name]?.includes(parent) ?? true;
}

/**
 * The likely line of the brace that is missing or too many in an unbalanced text, or null if nothing tells.
 * nginx itself notices at the end of the file, or at an innocent block that came to stand in the wrong place.
 * Indentation betrays the place first (all our templates indent), then a block that cannot stand where it is.
 */
export function suspectLine(text: string): number | null {
  return indentationSuspect(text) ?? byPlacement(text);
}

interface Brace {
  readonly line: number;
  readonly opens: boolean;
}

/**
 * The line of the brace without its other half within the lines of one object, innermost object first; null if the
 * lines of every object balance. Surer than every guess, as no object may leave a brace to another.
 */
export function unbalancedObjectLine(text: string, sourceMap: SourceMap): number | null {
  const { braces, lastLine } = bracesOf(text);
  let found: { readonly size: number; readonly line: number } | null = null;
  for (const { first, last } of sourceMap.ranges) {
    // Behind the first error nothing was read, so the lines there prove nothing.
    if (last > lastLine) {
      continue;
    }
    const line = unbalancedLine(braces, first, last);
    if (line !== null && (found === null || last - first < found.size)) {
      found = { size: last - first, line };
    }
  }
  return found?.line ?? null;
}

/** Line of the brace without its other half in these lines, or null. */
function unbalancedLine(braces: readonly Brace[], first: number, last: number): number | null {
  const open: number[] = [];
  for (let at = firstFrom(braces, first); at < braces.length; at++) {
    const { line, opens } = braces[at] as Brace;
    if (line > last) {
      break;
    }
    if (opens) {
      open.push(line);
    } else if (open.pop() === undefined) {
      return line;
    }
  }
  return open.at(-1) ?? null;
}

/** Index of the first brace at this line or behind it. */
function firstFrom(braces: readonly Brace[], line: number): number {
  let low = 0;
  let high = braces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((braces[middle]?.line ?? 0) < line) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function bracesOf(text: string): { braces: Brace[]; lastLine: number } {
  const braces: Brace[] = [];
  const lexer = new Lexer(text);
  lexer.collect = false;
  for (;;) {
    const step = lexer.next();
    if (step === 'block-start' || step === 'block-end') {
      braces.push({ line: lexer.line, opens: step === 'block-start' });
    } else if (step !== 'directive') {
      return { braces, lastLine: step === 'end' ? Infinity : lexer.startLine };
    }
  }
}

/** The first brace that does not stand where the indentation expects it, or null. */
export function indentationSuspect(text: string): number | null {
  const open: OpenBlock[] = [];
  const lexer = new Lexer(text);
  for (;;) {
    const step = lexer.next();
    if (step === 'block-start') {
      open.push(blockOf(lexer));
    } else if (step === 'block-end') {
      const indent = indentAt(text, lexer.startOffset);
      const block = open.pop();
      if (!block) {
        return null;
      }
      if (indent !== null && block.indent !== null && indent !== block.indent && block.line !== lexer.line) {
        return indent > block.indent ? lexer.line : block.line;
      }
    } else if (step !== 'directive') {
      return null;
    }
  }
}

function byPlacement(text: string): number | null {
  const open: OpenBlock[] = [];
  let lastClosed = 0;
  const lexer = new Lexer(text);
  for (;;) {
    const step = lexer.next();
    if (step === 'block-start') {
      const block = blockOf(lexer);
      const parent = open.at(-1);
      if (parent && !mayStandIn(block.name, parent.name)) {
        return isTooShallow(block.name, open) ? lastClosed : parent.line;
      }
      if (!parent && lastClosed > 0 && !mayStandIn(block.name, 'main')) {
        return lastClosed;
      }
      open.push(block);
    } else if (step === 'block-end') {
      if (open.pop() === undefined) {
        return lexer.line;
      }
      lastClosed = lexer.line;
    } else if (step !== 'directive') {
      // The innermost block that is still open is as good a guess as any.
      return step === 'end' ? (open.at(-1)?.line ?? null) : null;
    }
  }
}

/** Whether none of the open blocks could hold it: then a brace too many closed its parent before. */
function isTooShallow(name: string, open: readonly OpenBlock[]): boolean {
  return !open.some((block) => mayStandIn(name, block.name));
}

function blockOf(lexer: Lexer): OpenBlock {
  const name = lexer.words[0]?.text ?? '';
  return { name, line: lexer.startLine, indent: indentAt(lexer.text, lexer.startOffset) };
}

function indentAt(text: string, offset: number): number | null {
  let lineStart = offset;
  while (text[lineStart - 1] === ' ' || text[lineStart - 1] === '\t') {
    lineStart--;
  }
  return lineStart === 0 || text[lineStart - 1] === '\n' ? offset - lineStart : null;
}
