import type { Snippet } from '../model/snippet.ts';
import { hasControlCharacter, token, type Parsed, type Token } from '../model/token.ts';
import { type Directive, parseConfig } from './grammar.ts';
import type { LintOptions } from './lint-options.ts';
import { argsOf } from './lint-patterns.ts';
import { lintDirectives, type SnippetContext, type TrustLevel } from './lint-snippets.ts';
import { liftHeaders } from './snippet-headers.ts';

/** Whole directives that somebody wrote, read as nginx reads them; nothing else of the text is kept. */
export interface SnippetText {
  readonly directives: readonly Directive[];
}

export interface SnippetRules {
  readonly context: SnippetContext;
  readonly level: TrustLevel;
  /** Names beside the harmless ones that the operator lets snippets of level `snippet` have. */
  readonly alsoAllowed?: readonly string[];
  /** The same for blocks `location` inside. */
  readonly alsoInLocations?: readonly string[];
  /** Directives of blocks inside that have headers of their own, and would lose those of the blocks around them. */
  readonly nestedHeaders?: readonly string[];
  readonly options?: LintOptions;
}

const longest = 64 * 1024;

/** Reads the grammar of a snippet. An error names its line, in words that follow the name of the snippet. */
export function parseSnippet(text: string): Parsed<SnippetText> {
  if (text.length > longest) {
    return { error: `is longer than ${longest} characters` };
  }
  for (const [index, line] of text.split('\n').entries()) {
    if (hasControlCharacter(line.replaceAll(/\t|\r$/gu, ' '))) {
      return { error: `line ${index + 1} has a control character: remove it` };
    }
  }
  const { directives, errors } = parseConfig(text);
  const [error] = errors;
  const lua = error === undefined ? null : lineWithLua(text);
  if (lua !== null) {
    return {
      error: `line ${lua.line}: "${lua.directive}" is of a module that nginx does not have: remove it`,
    };
  }
  if (error !== undefined) {
    const where = error.suspectLine === error.line ? '' : ` (noticed in line ${error.line})`;
    return { error: `line ${error.suspectLine} is no nginx configuration: ${error.message}${where}` };
  }
  const broken = wordOverLines(directives);
  return broken === null
    ? { value: { directives } }
    : { error: `line ${broken.line} has a word that goes over the end of a line: write it in one line` };
}

/** Code of another language is no grammar of nginx's: its block breaks the text in ways that say nothing. */
function lineWithLua(text: string): { readonly line: number; readonly directive: string } | null {
  for (const [index, line] of text.split('\n').entries()) {
    const directive = /\b[a-z_]+_by_lua(?:_block|_file)?\b/u.exec(line)?.[0];
    if (directive !== undefined && !line.trimStart().startsWith('#')) {
      return { line: index + 1, directive };
    }
  }
  return null;
}

/** Holds a snippet to the rules of the block it is for. An error names the line. */
export function readSnippet({ directives }: SnippetText, rules: SnippetRules): Parsed<Snippet> {
  const { context, level, alsoAllowed = [], alsoInLocations = [], nestedHeaders = [], options = {} } = rules;
  const lifted = liftHeaders(directives, context);
  const [violation] = lintDirectives(lifted.directives, context, level, {
    ...options,
    alsoAllowed,
    alsoInLocations,
  });
  if (violation !== undefined) {
    return { error: `line ${violation.line}: ${violation.message}` };
  }
  return {
    value: {
      lines: lifted.directives.map((directive) => printed(directive, context, nestedHeaders)),
      requestHeaders: lifted.requestHeaders,
      responseHeaders: lifted.responseHeaders,
      remarks: lifted.remarks,
    },
  };
}

/** Directives that keep somebody out: a snippet that has one protects. */
const protective =
  /^(?:allow|deny|satisfy|return|internal|if|limit_(?:req|conn|except)|auth_\w+|valid_referers|secure_link\w*|ssl_verify_client|client_max_body_size)$/u;

/** Whether a snippet may keep somebody out, so that a route without it could be open. */
export function protects({ directives }: SnippetText): boolean {
  return directives.some(
    ({ name, block }) => protective.test(name.text) || (block !== null && protects({ directives: block })),
  );
}

/** What of a snippet's text may keep somebody out: where it is equal, two texts protect alike. */
export function protectionOf(text: string): string {
  const parsed = parseSnippet(text);
  return 'error' in parsed
    ? text
    : parsed.value.directives
        .filter((directive) => protects({ directives: [directive] }))
        .map((directive) => linesOf(directive, []).join('\n'))
        .join('\n');
}

/** The variables that stand in a snippet, without `$`. */
export function variablesIn({ directives }: SnippetText): Set<string> {
  const found = new Set<string>();
  for (const directive of directives) {
    for (const text of [directive.name.text, ...argsOf(directive)]) {
      for (const [, braced, plain] of text.matchAll(/\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/gu)) {
        found.add(braced ?? plain ?? '');
      }
    }
    for (const name of variablesIn({ directives: directive.block ?? [] })) {
      found.add(name);
    }
  }
  return found;
}

function wordOverLines(directives: readonly Directive[]): Directive | null {
  for (const directive of directives) {
    if ([directive.name, ...directive.args].some(({ raw }) => /[\r\n]/u.test(raw))) {
      return directive;
    }
    const inner = wordOverLines(directive.block ?? []);
    if (inner !== null) {
      return inner;
    }
  }
  return null;
}

/** How deep the block stands in nginx.conf, in blanks; the first line is indented by the template. */
const indents: Readonly<Record<SnippetContext, number>> = {
  main: 0,
  http: 4,
  stream: 4,
  server: 8,
  location: 12,
  auth: 12,
  if: 16,
};

/** One directive, written anew from its words: balanced whatever its text looked like, and without comments. */
function printed(
  directive: Directive,
  context: SnippetContext,
  nestedHeaders: readonly string[],
): Token<'snippet'> {
  const lines = linesOf(directive, nestedHeaders);
  return token('snippet', lines.join(`\n${' '.repeat(indents[context])}`));
}

const withHeaders: readonly string[] = ['if', 'location', 'limit_except'];

function linesOf({ name, args, block }: Directive, nestedHeaders: readonly string[]): string[] {
  const head = [name, ...args].map(({ raw }) => raw).join(' ');
  if (block === null) {
    return [`${head};`];
  }
  const losesHeaders =
    withHeaders.includes(name.text) && block.some((inner) => inner.name.text === 'add_header');
  const inner = [
    ...(losesHeaders ? nestedHeaders : []),
    ...block.flatMap((each) => linesOf(each, nestedHeaders)),
  ];
  return [`${head} {`, ...inner.map((line) => `    ${line}`), '}'];
}
