import { token, type Token } from './token.ts';

/** The wildcard's label, available to templates as `$subdomain` as in ingress-nginx. */
const anyLabel = '(?<subdomain>[\\w-]+)';

/** The regex of a wildcard host: exactly one label, then the rest literally, anchored at both ends. */
export function wildcardRegex(host: Token<'wildcard-host'>): Token<'regex'> {
  return token('regex', `^${anyLabel}${literally(host.text.slice(1))}$`);
}

/**
 * A regex of texts that begin with `scheme`, a colon and none of the paths; with no path, of all texts that begin
 * with the scheme. It has no captures: those of a map's regex would replace a location's own.
 */
export function schemeOutsideRegex(scheme: 'http', paths: readonly Token<'path'>[]): Token<'regex'> {
  const excepted = paths.length === 0 ? '' : `(?!${paths.map((path) => literally(path.text)).join('|')})`;
  return token('regex', `^${scheme}:${excepted}`);
}

/** Text with every character that PCRE gives a meaning to escaped. */
export function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&');
}
