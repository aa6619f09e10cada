import { described, flag } from '../model/grammar.ts';
import type { Snippet } from '../model/snippet.ts';
import { refused, shown, whole, type Parsed } from '../model/token.ts';
import type { SnippetContext } from '../nginx/lint-snippets.ts';
import { parseSnippet, protects, readSnippet } from '../nginx/snippet.ts';
import { option, type OptionSpec, type OptionTable } from './option.ts';
import { parseList } from './parsers.ts';

const isDirective = whole('[a-z][a-z0-9_]{0,60}');

/** Directives of nginx, the operator's own and those that Ingresses may bring. */
export const snippets = {
  'allow-snippet-annotations': option({
    ...flag,
    default: false,
    description:
      'Whether Ingresses may bring directives of nginx (`configuration-snippet` and the like). `annotations-risk-level` has to be `Critical` as well.',
  }),
  'allowed-snippet-directives': option<readonly string[]>({
    ...described((text) => parseList(text, parseDirectiveName), {
      name: 'list of directives',
      allowed: 'names of directives separated by commas',
      samples: ['limit_rate', 'limit_rate, etag'],
    }),
    default: [],
    description:
      'Directives that these may have beside the harmless ones, by name, separated by commas. What loads code or names files stays refused.',
  }),
  'main-snippet': snippetOption('main', 'the main context'),
  'http-snippet': snippetOption('http', 'http'),
  'server-snippet': snippetOption('server', 'every server, at its end'),
  'location-snippet': snippetOption('location', 'every location, at its beginning', [
    'stands before the snippets of Ingresses: nothing of theirs comes before it',
  ]),
  'stream-snippet': snippetOption('stream', 'stream, at its end'),
} satisfies OptionTable;

/** The operator's own directives: all but those that load code or name files outside the gateway's folders. */
export function readOwnSnippet(text: string, context: SnippetContext): Parsed<Snippet> {
  const parsed = parseSnippet(text);
  return refused(parsed) ? parsed : readSnippet(parsed.value, { context, level: 'template' });
}

/** A row of the operator's directives for a block. `always` is told of each that is taken. */
export function snippetOption(
  context: SnippetContext,
  where: string,
  always: readonly string[] = [],
): OptionSpec<Snippet | null> {
  return option<Snippet | null>({
    ...described((text) => readOwnSnippet(text, context), {
      name: 'directives',
      allowed: 'whole directives of nginx',
    }),
    default: null,
    keepsOut: (text) => {
      const parsed = parseSnippet(text);
      return refused(parsed) || protects(parsed.value);
    },
    remark: (text) => {
      const read = readOwnSnippet(text, context);
      const remarks = refused(read) ? [] : [...always, ...read.value.remarks];
      return remarks.length === 0 ? null : remarks.join('; ');
    },
    description: `Directives for ${where}.`,
  });
}

function parseDirectiveName(text: string): Parsed<string> {
  return isDirective(text)
    ? { value: text }
    : { error: `${shown(text)} is not the name of a directive: write lower-case letters, digits and "_"` };
}
