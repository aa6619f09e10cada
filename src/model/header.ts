import { shown, token, whole, type Parsed, type Token } from './token.ts';

/** What proxies and nginx itself pass on; `_` is dropped from requests by nginx, and allowed in ingress-nginx. */
const isName = whole('[A-Za-z0-9_-]{1,128}');

/** Reads the name of a header: letters, digits, `-` and `_`. */
export function parseHeaderName(text: string): Parsed<Token<'header-name'>> {
  const name = text.trim();
  return isName(name)
    ? { value: token('header-name', name) }
    : { error: `${shown(text)} is not the name of a header: write letters, digits, "-" and "_"` };
}

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
