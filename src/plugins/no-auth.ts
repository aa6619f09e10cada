import { shown, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import type { Options } from '../options/options.ts';

/** What a regex may do more than stand for itself; of a dot nobody expects more. */
const ofRegexes = /[\\^$*+?()[\]{}|]/u;

/**
 * Whether the path of a rule is one that needs no login (option `no-auth-locations`), or stands below one: certificate
 * authorities, for example, cannot log in. A path that could be a regex does not: it may take any other path too.
 */
export function isWithoutAuth(path: Token<'path'>, options: Options): boolean {
  return beginsWithoutAuth(path, options) && !ofRegexes.test(path.text);
}

/** What is told where a path begins like one that needs no login, and needs it all the same. */
export function tellWithAuth(path: Token<'path'>, options: Options, field: string): Reason[] {
  const message = `holds for ${shown(path.text)} too, although the option no-auth-locations names its beginning: as a regex it could take other paths; write it without characters of regexes`;
  return beginsWithoutAuth(path, options) && ofRegexes.test(path.text) ? [{ field, message }] : [];
}

function beginsWithoutAuth(path: Token<'path'>, options: Options): boolean {
  return options['no-auth-locations'].some(
    ({ text }) => path.text === text || path.text.startsWith(`${text.replace(/\/$/u, '')}/`),
  );
}
