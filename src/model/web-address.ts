import { shown, token, whole, type Parsed, type Token } from './token.ts';

const isAddress = whole('[A-Za-z0-9._~/:,?&=-]{1,2048}');
const isHttp = whole('https?://[^/?]+(?:[/?].*)?', 'i');

/** Reads what a redirect leads to, as ingress-nginx takes it: a URL or path without escapes, `#` and variables. */
export function parseRedirectTarget(text: string): Parsed<Token<'text'>> {
  const trimmed = text.trim();
  return isAddress(trimmed)
    ? { value: token('text', trimmed) }
    : {
        error: `${shown(text)} is no target of a redirect: write a URL of letters, digits and - . _ ~ / : , ? & =`,
      };
}

/** Whether such a target names its scheme and host. */
export function isHttpUrl({ text }: Token<'text'>): boolean {
  return isHttp(text);
}
