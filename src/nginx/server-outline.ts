import { parseConfig, type Directive } from './grammar.ts';

/** What a `server` block of a text has, as far as somebody may count on it. */
export interface ServerOutline extends BlockOutline {
  /** The words of each `listen`. */
  readonly listens: readonly (readonly string[])[];
  /** Sorted. */
  readonly names: readonly string[];
  /** By `locationKey`. */
  readonly locations: ReadonlyMap<string, BlockOutline>;
}

export interface BlockOutline {
  /** The names of its directives, also of those inside of `if`; what is `off` is not there. */
  readonly directives: ReadonlySet<string>;
  /** By directive, in lower case: the names of the headers that it sets itself. */
  readonly headers: ReadonlyMap<string, ReadonlySet<string>>;
  /** The conditions of its `if`. */
  readonly conditions: readonly string[];
}

/** Directives that nginx hands down only to blocks that have none of their own. */
const headerDirectives: readonly string[] = ['proxy_set_header', 'grpc_set_header', 'add_header'];

/** Reads one `server` block; null where the text is none. */
export function outlineServer(text: string): ServerOutline | null {
  const { directives, errors } = parseConfig(text);
  const [server] = directives;
  if (errors.length > 0 || server?.name.text !== 'server' || server.block === null) {
    return null;
  }
  const locations = new Map<string, BlockOutline>();
  for (const { name, args, block } of server.block) {
    if (name.text === 'location' && block !== null) {
      const [modifier, path] = args.length > 1 ? args : [null, args[0]];
      locations.set(locationKey(modifier?.text ?? '', path?.text ?? ''), outlineBlock(block));
    }
  }
  return {
    ...outlineBlock(server.block),
    listens: argumentsOf(server.block, 'listen'),
    names: argumentsOf(server.block, 'server_name').flat().sort(),
    locations,
  };
}

/** A location by what it takes: of prefixes and regexes one name for both of their forms. */
export function locationKey(modifier: string, path: string): string {
  switch (modifier) {
    case '':
    case '^~':
      return `^ ${path}`;
    case '~':
    case '~*':
      return `~ ${path}`;
    default:
      return `${modifier} ${path}`;
  }
}

/** What stands in a block itself. */
export function outlineBlock(block: readonly Directive[]): BlockOutline {
  const directives = new Set<string>();
  const headers = new Map<string, Set<string>>();
  const conditions: string[] = [];
  for (const { name, args, block: inner } of block) {
    if (args.length !== 1 || args[0]?.text !== 'off') {
      directives.add(name.text);
    }
    if (headerDirectives.includes(name.text)) {
      const found = headers.get(name.text) ?? new Set();
      headers.set(name.text, found.add((args[0]?.text ?? '').toLowerCase()));
    }
    if (name.text === 'if' && inner !== null) {
      conditions.push(args.map(({ text }) => text).join(' '));
      for (const each of outlineBlock(inner).directives) {
        directives.add(each);
      }
    }
  }
  return { directives, headers, conditions };
}

function argumentsOf(block: readonly Directive[], name: string): string[][] {
  return block
    .filter((directive) => directive.name.text === name)
    .map(({ args }) => args.map(({ text }) => text));
}
