import { token, type Token } from '../model/token.ts';
import { expression } from '../model/words.ts';
import type { Target } from './context.ts';

/**
 * Host and port of a target as `proxy_pass` has them. A name that is looked up while nginx runs stands in `variable`,
 * which the partial sets: nginx would look a name that is written out up to load.
 */
export function authorityOf({ upstream, external, address }: Target, variable: Token<'identifier'>): Token {
  if (external !== null) {
    return expression`$${variable}:${token('text', String(external.port))}`;
  }
  const authority = upstream ?? address;
  if (authority === null) {
    throw new TypeError('a target leads somewhere');
  }
  return authority;
}
