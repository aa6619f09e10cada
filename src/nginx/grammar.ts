import { suspectLine } from './brace-suspect.ts';
import { type LexError, Lexer, type Word } from './lexer.ts';

export type { ConfigErrorKind, Word } from './lexer.ts';

/** One directive. All lines count from 1. */
export interface Directive {
  readonly name: Word;
  readonly args: readonly Word[];
  /** Null for a directive that ends in `;`. */
  readonly block: readonly Directive[] | null;
  /** Of its name. */
  readonly line: number;
  /** Of its `;` or `{`: the line that nginx gives in its messages about the directive. */
  readonly headLine: number;
  /** Of its `;` or `}`. */
  readonly endLine: number;
}

/** Why a text is no nginx configuration. */
export interface ConfigSyntaxError extends LexError {
  /** Best guess at the line of the mistake: the block left open, the brace too many, the quote never closed. */
  readonly suspectLine: number;
}

export interface ParsedConfig {
  /** Everything up to the first error; blocks that were never closed included. */
  readonly directives: readonly Directive[];
  /** Empty or one: nothing after the first error can be read with certainty. */
  readonly errors: readonly ConfigSyntaxError[];
}

interface OpenDirective {
  name: Word;
  args: Word[];
  block: OpenDirective[] | null;
  line: number;
  headLine: number;
  endLine: number;
}

/**
 * Reads a text as nginx configuration grammar. It knows no directive: what a name means, and whether it may
 * stand where it stands, is for the lint and for nginx. Never throws, never recurses.
 */
export function parseConfig(text: string): ParsedConfig {
  const lexer = new Lexer(text);
  const directives: OpenDirective[] = [];
  const open: OpenDirective[] = [];
  let siblings = directives;
  for (;;) {
    const step = lexer.next();
    switch (step) {
      case 'directive':
      case 'block-start': {
        const args = lexer.words;
        const name = args.shift() as Word;
        const block: OpenDirective[] | null = step === 'block-start' ? [] : null;
        const { line } = lexer;
        const directive = { name, args, block, line: lexer.startLine, headLine: line, endLine: line };
        siblings.push(directive);
        if (block) {
          open.push(directive);
          siblings = block;
        }
        break;
      }
      case 'block-end': {
        const closed = open.pop();
        if (!closed) {
          const error = {
            kind: 'unexpected-character',
            line: lexer.line,
            message: 'unexpected "}"',
          } as const;
          return { directives, errors: [withSuspect(lexer, error)] };
        }
        closed.endLine = lexer.line;
        siblings = open.at(-1)?.block ?? directives;
        break;
      }
      case 'end': {
        if (open.length === 0) {
          return { directives, errors: [] };
        }
        const message = 'unexpected end of file, expecting "}"';
        const error = { kind: 'unexpected-end-in-block', line: lexer.line, message } as const;
        closeAll(open, lexer.line);
        return { directives, errors: [withSuspect(lexer, error)] };
      }
      case 'error':
        closeAll(open, lexer.line);
        return { directives, errors: lexer.error ? [withSuspect(lexer, lexer.error)] : [] };
    }
  }
}

function closeAll(open: readonly OpenDirective[], line: number): void {
  for (const directive of open) {
    directive.endLine = line;
  }
}

function withSuspect(lexer: Lexer, error: LexError): ConfigSyntaxError {
  const line = lexer.firstMultilineWord ?? suspectLine(lexer.text) ?? error.line;
  return { ...error, suspectLine: Math.min(line, error.line) };
}
