import type { Directive } from './grammar.ts';
import { Lexer, type Word } from './lexer.ts';
import { type Inherited, inheritedSettings } from './lint-patterns.ts';

/** One block of the text, from its first word to its closing brace. */
export interface Fragment {
  readonly text: string;
  /** Line of its first word in the whole text. */
  readonly line: number;
  /** The block it stands in: `main`, `http` or `stream`. */
  readonly parent: string;
}

export interface SplitText {
  /** What is left when the fragments are taken out: single directives, and `http` and `stream` with theirs. */
  readonly skeleton: readonly Directive[];
  readonly fragments: readonly Fragment[];
  /** What `http` hands down to its servers. */
  readonly inherited: Inherited;
}

/** The blocks whose own blocks (servers, upstreams, maps) are worth remembering one by one. */
const containers = new Set(['http', 'stream']);

interface Container {
  readonly name: string;
  readonly children: Directive[];
}

/**
 * Splits a configuration into its blocks without making words of what is inside them, several times faster than
 * parsing it. Null if the text is not well formed.
 */
export function fragmentsOf(text: string): SplitText | null {
  const lexer = new Lexer(text);
  const skeleton: Directive[] = [];
  const fragments: Fragment[] = [];
  const inherited: Record<string, string> = {};
  let container: Container | null = null;
  for (;;) {
    const step = lexer.next();
    if (step === 'end') {
      return container ? null : { skeleton, fragments, inherited };
    }
    if (step === 'error') {
      return null;
    }
    if (step === 'block-end') {
      if (!container) {
        return null;
      }
      container = null;
      continue;
    }
    const parent: string = container?.name ?? 'main';
    const siblings: Directive[] = container?.children ?? skeleton;
    const name = lexer.words[0]?.text ?? '';
    if (step === 'directive') {
      const directive = directiveOf(lexer, null);
      siblings.push(directive);
      if (parent === 'http' && inheritedSettings.includes(name)) {
        inherited[name] = directive.args[0]?.text ?? '';
      }
    } else if (!container && containers.has(name)) {
      const children: Directive[] = [];
      skeleton.push(directiveOf(lexer, children));
      container = { name, children };
    } else {
      const { startOffset, startLine } = lexer;
      if (!skipBlock(lexer)) {
        return null;
      }
      fragments.push({ text: text.slice(startOffset, lexer.offset), line: startLine, parent });
    }
  }
}

/** Reads to the brace that closes the block just opened. */
function skipBlock(lexer: Lexer): boolean {
  lexer.collect = false;
  for (let depth = 1; depth > 0;) {
    const step = lexer.next();
    if (step === 'error' || step === 'end') {
      return false;
    }
    if (step === 'block-start') {
      depth++;
    } else if (step === 'block-end') {
      depth--;
    }
  }
  lexer.collect = true;
  return true;
}

function directiveOf(lexer: Lexer, block: readonly Directive[] | null): Directive {
  const [name, ...args] = lexer.words as [Word, ...Word[]];
  return { name, args, block, line: lexer.startLine, headLine: lexer.line, endLine: lexer.line };
}
