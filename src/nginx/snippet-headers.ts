import { faultOfSetHeader, parseHeaderName } from '../model/header.ts';
import type { RequestHeader, ResponseHeader } from '../model/model.ts';
import { hasControlCharacter, refused, token, type Token } from '../model/token.ts';
import type { Directive } from './grammar.ts';
import type { Word } from './lexer.ts';
import { argsOf } from './lint-patterns.ts';
import type { SnippetContext } from './lint-snippets.ts';

/** A snippet without its directives about headers, and the headers that they set. */
export interface Lifted {
  readonly directives: readonly Directive[];
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  readonly remarks: readonly string[];
}

interface Collected {
  readonly request: RequestHeader[];
  readonly response: ResponseHeader[];
  readonly remarks: string[];
}

/** Where headers are lifted from: their directives mean the same in the model. */
const liftedFrom: readonly SnippetContext[] = ['http', 'server', 'location', 'auth'];

/**
 * Takes the directives about headers out of a snippet: nginx hands headers down only to blocks without any of their
 * own, so a line of a snippet would take away all others. `more_set_headers` and its kin, of a module that stock nginx
 * does not have, become what comes nearest.
 */
export function liftHeaders(directives: readonly Directive[], context: SnippetContext): Lifted {
  const found: Collected = { request: [], response: [], remarks: [] };
  function liftOne(directive: Directive): boolean {
    const before = found.request.length;
    const isLifted = lift(directive, found);
    dropFraming(found.request, before, directive, found.remarks);
    // As in ingress-nginx: each location has headers for backends of its own.
    if (found.request.length > before && (context === 'http' || context === 'server')) {
      found.request.length = before;
      found.remarks.push(leftOut(directive, 'every location has headers of its own; set it for locations'));
    }
    return isLifted;
  }
  const kept = liftedFrom.includes(context)
    ? directives.flatMap((directive) => (liftOne(directive) ? [] : [nested(directive, found)]))
    : directives;
  return {
    directives: kept,
    requestHeaders: found.request,
    responseHeaders: found.response,
    remarks: found.remarks,
  };
}

/** Headers that frame a message or hold for one connection are the gateway's: what a snippet says of them is left out. */
function dropFraming(request: RequestHeader[], from: number, directive: Directive, remarks: string[]): void {
  for (const header of request.splice(from)) {
    const fault = header.name.text.toLowerCase() === 'host' ? null : faultOfSetHeader(header.name);
    if (fault === null) {
      request.push(header);
    } else {
      remarks.push(leftOut(directive, `${header.name.text} ${fault}`));
    }
  }
}

/** Whether it is a directive about headers, which then stands in `found`. A wrong one is left for the lint. */
function lift(directive: Directive, found: Collected): boolean {
  const args = argsOf(directive);
  const [name = '', value = '', more] = args;
  if (directive.block !== null) {
    return false;
  }
  switch (directive.name.text) {
    case 'add_header':
      return isCall(args, more === undefined || (more === 'always' && args.length === 3)) &&
        add(found.response, name, value)
        ? annotate(found.response, { always: more === 'always', replace: false })
        : false;
    case 'proxy_set_header':
    case 'grpc_set_header':
      return isCall(args, args.length === 2) && add(found.request, name, value);
    case 'proxy_hide_header':
    case 'grpc_hide_header':
      return args.length === 1 && add(found.response, name, '')
        ? annotate(found.response, { always: false, replace: true })
        : false;
    case 'more_set_headers':
    case 'more_clear_headers':
    case 'more_set_input_headers':
    case 'more_clear_input_headers':
      more_(directive, found);
      return true;
    default:
      return false;
  }
}

function isCall(args: readonly string[], sound: boolean): boolean {
  return args.length >= 2 && sound;
}

/** Adds a header to the list, if it is one that can be printed. */
function add(list: (RequestHeader & Partial<ResponseHeader>)[], name: string, value: string): boolean {
  const parsed = parseHeaderName(name);
  if (refused(parsed) || hasControlCharacter(value)) {
    return false;
  }
  list.push({ name: parsed.value, value: expanded(value) });
  return true;
}

/** What nginx reads in a word: text with variables. */
function expanded(value: string): Token<'expression'> {
  return token('expression', value);
}

function annotate(list: ResponseHeader[], how: Pick<ResponseHeader, 'always' | 'replace'>): true {
  const last = list.pop();
  if (last !== undefined) {
    list.push({ ...last, ...how });
  }
  return true;
}

/** The directives of the module headers-more. */
function more_(directive: Directive, { request, response, remarks }: Collected): void {
  const { text } = directive.name;
  const args = argsOf(directive);
  const isInput = text.includes('_input_');
  const clears = text.includes('_clear_');
  const option = args.find((arg) => arg.startsWith('-'));
  if (option !== undefined) {
    remarks.push(leftOut(directive, `its option ${option} needs a module that nginx does not have`));
    return;
  }
  for (const arg of args) {
    const colon = clears ? -1 : arg.indexOf(':');
    const name = colon < 0 ? arg.replace(/;$/u, '') : arg.slice(0, colon);
    const value = colon < 0 ? '' : arg.slice(colon + 1).trim();
    const list: (RequestHeader & Partial<ResponseHeader>)[] = [];
    if (!add(list, name.trim(), value)) {
      const why = name.includes('*') ? 'names are written out here, without *' : 'it is not "Name: value"';
      remarks.push(leftOut(directive, why));
      continue;
    }
    for (const header of list) {
      if (isInput) {
        request.push(header);
      } else {
        response.push({ ...header, always: true, replace: true });
        if (header.name.text.toLowerCase() === 'server') {
          remarks.push(leftOut(directive, 'nginx always sends Server'));
        }
      }
    }
  }
}

function leftOut({ name, line }: Directive, why: string): string {
  return `line ${line}: "${name.text}" is left out: ${why}`;
}

/** Inside of blocks there is no lifting; what sets headers of answers becomes the directive that nginx has. */
function nested(directive: Directive, found: Collected): Directive {
  if (directive.block === null) {
    return directive;
  }
  const block = directive.block.flatMap((inner): Directive[] => {
    if (inner.name.text !== 'more_set_headers' || inner.block !== null) {
      return [nested(inner, found)];
    }
    const collected: Collected = { request: [], response: [], remarks: found.remarks };
    more_(inner, collected);
    return collected.response.map(({ name, value }) => ({
      ...inner,
      name: bare('add_header'),
      args: [bare(name.text), quoted(value.text), bare('always')],
    }));
  });
  if (block.some(({ name }) => name.text === 'add_header')) {
    found.remarks.push(
      `line ${directive.line}: answers of the block "${directive.name.text}" have the headers that are set in it, and none that others set for the route`,
    );
  }
  return { ...directive, block };
}

function bare(text: string): Word {
  return { text, quoted: 'none', raw: text };
}

function quoted(text: string): Word {
  return { text, quoted: 'double', raw: `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` };
}
