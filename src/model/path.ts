import { hasControlCharacter, shown, token, type Parsed, type Token } from './token.ts';

/** A path longer than this is refused: nginx reads a request line of at most 8 KiB by default. */
const longestPath = 4096;

/** Reads the path of a rule, compared with nginx's decoded and normalised request path. */
export function parsePath(text: string): Parsed<Token<'path'>> {
  const path = text === '' ? '/' : text;
  if (hasControlCharacter(path)) {
    return { error: `${shown(text)} has a control character: remove it` };
  }
  if (!path.startsWith('/')) {
    return { error: `${shown(text)} does not begin with "/": a path is absolute` };
  }
  if (path.length > longestPath) {
    return { error: `${shown(text)} is longer than ${longestPath} characters` };
  }
  return { value: token('path', path) };
}

/**
 * Says why nginx can never see such a path, or null: nginx compares locations with the path after decoding
 * `%XX`, merging slashes and resolving dot segments.
 */
export function neverMatches(path: Token<'path'>): string | null {
  if (path.text.includes('//')) {
    return 'no request has "//" in its path once nginx has merged slashes';
  }
  if (path.text.split('/').some((segment) => segment === '.' || segment === '..')) {
    return 'no request has a dot segment in its path once nginx has resolved them';
  }
  if (/[?#]/u.test(path.text)) {
    return '"?" and "#" end the path of a request: only their encoded forms %3F and %23 can match';
  }
  return null;
}
