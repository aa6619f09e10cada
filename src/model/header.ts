import { described, type Grammar } from './grammar.ts';
import { refused, shown, token, whole, type Parsed, type Token } from './token.ts';
import { listPattern, pattern } from './value-type.ts';

/** What proxies and nginx itself pass on; `_` is dropped from requests by nginx, and allowed in ingress-nginx. */
const isName = whole('[A-Za-z0-9_-]{1,128}');

/** Reads the name of a header: letters, digits, `-` and `_`. */
export function parseHeaderName(text: string): Parsed<Token<'header-name'>> {
  const name = text.trim();
  return isName(name)
    ? { value: token('header-name', name) }
    : { error: `${shown(text)} is not the name of a header: write letters, digits, "-" and "_"` };
}

/**
 * Headers that say where a message ends or hold for one connection (RFC 9110, 7.6.1; RFC 9112, 6), and Host. Whoever
 * sets them makes backend and gateway disagree about where the next request begins: it could be anybody's, on a
 * connection that is kept open.
 */
const ofTheGateway: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What `faultOfSetHeader` finds, as a pattern: some backends take `_` for `-`. */
const ofTheGatewayPattern = ofTheGateway.join('|').replaceAll('-', '[-_]');

/** What is wrong with setting a header of this name in the words that follow it; null where anybody may set it. */
export function faultOfSetHeader(name: Token<'header-name'>): string | null {
  const plain = name.text.toLowerCase().replaceAll('_', '-');
  if (!ofTheGateway.includes(plain)) {
    return null;
  }
  return plain === 'host'
    ? 'is set by the annotation upstream-vhost alone: use that'
    : 'holds for one connection and is set by the gateway alone: leave it out';
}

/**
 * Reads the name of a header that somebody wants to be set on requests or answers. The one parser for all who may set
 * headers: annotations, ConfigMaps, options, users' plugins.
 */
export function parseSetHeader(text: string): Parsed<Token<'header-name'>> {
  const name = parseHeaderName(text);
  const fault = refused(name) ? null : faultOfSetHeader(name.value);
  return fault === null ? name : { error: `${shown(text.trim())} ${fault}` };
}

/** Reads names separated by commas; of several that differ in letter case alone the last stays. */
function parseSetHeaders(text: string): Parsed<readonly Token<'header-name'>[]> {
  const names = new Map<string, Token<'header-name'>>();
  for (const item of text.split(',').map((each) => each.trim())) {
    const name = parseSetHeader(item);
    if (item === '') {
      continue;
    }
    if (refused(name)) {
      return name;
    }
    names.set(name.value.text.toLowerCase(), name.value);
  }
  return { value: [...names.values()] };
}

/** Names of headers that are to be set, separated by commas. */
export const setHeaders: Grammar<readonly Token<'header-name'>[]> = described(parseSetHeaders, {
  name: 'list of headers',
  allowed:
    'names of headers (letters, digits, "-" and "_") separated by commas, but for those of one connection such as Content-Length',
  shape: pattern(listPattern('[A-Za-z0-9_-]{1,128}', 0), {
    without: [`(?:^|,)\\s*(?i:${ofTheGatewayPattern})\\s*(?:,|$)`],
  }),
  exact: true,
  samples: ['X-User', 'X-User, X-Groups'],
});

/** The name of a header that stands in our source. Throws on anything else. */
export function headerName(name: string): Token<'header-name'> {
  if (!isName(name)) {
    throw new TypeError(`not the name of a header: ${shown(name)}`);
  }
  return token('header-name', name);
}

/** Whether two names are those of one header. */
export function sameHeader(a: Token<'header-name'>, b: Token<'header-name'>): boolean {
  return a.text.toLowerCase() === b.text.toLowerCase();
}

/**
 * The headers of a list with further ones: of several of one name the last holds, and it takes the place of the
 * first, so that lists that differ in little read alike. Cookies are each of their own (RFC 6265, 3).
 */
export function mergeHeaders<T extends { readonly name: Token<'header-name'> }>(
  base: readonly T[],
  more: readonly T[],
): T[] {
  const merged = new Map<string, T>();
  for (const header of [...base, ...more]) {
    const name = header.name.text.toLowerCase();
    merged.set(name === 'set-cookie' ? `${name} ${merged.size}` : name, header);
  }
  return [...merged.values()];
}
