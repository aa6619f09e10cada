import type { Token } from '../model/token.ts';
import type { Options } from '../options/options.ts';

/**
 * Whether the path of a rule is one that needs no login (option `no-auth-locations`), or stands below one: certificate
 * authorities, for example, cannot log in.
 */
export function isWithoutAuth(path: Token<'path'>, options: Options): boolean {
  return options['no-auth-locations'].some(
    ({ text }) => path.text === text || path.text.startsWith(`${text.replace(/\/$/u, '')}/`),
  );
}
