import { tokenOf, type Grammar } from './grammar.ts';
import { whole, type Token } from './token.ts';

const isHttp = whole('[hH][tT]{2}[pP][sS]?://[^/?]+(?:[/?].*)?');

/** What a redirect leads to, as ingress-nginx takes it: a URL or path without escapes, `#` and variables. */
export const redirectTarget: Grammar<Token<'text'>> = tokenOf({
  name: 'URL',
  pattern: '[A-Za-z0-9._~/:,?&=-]+',
  longest: 2048,
  fault: 'is no target of a redirect',
  allowed: 'a URL of letters, digits and - . _ ~ / : , ? & =',
  samples: ['https://example.com/path?a=b'],
});

/** Whether such a target names its scheme and host. */
export function isHttpUrl({ text }: Token<'text'>): boolean {
  return isHttp(text);
}
