import { literally } from './regex.ts';
import { hasControlCharacter, shown, token, whole, type Token } from './token.ts';

/** Who may read answers across origins. */
export interface Origins {
  /** Everybody, by a `*` in the list. */
  readonly any: boolean;
  /** Each matches whole origins, in any letter case, without captures. */
  readonly patterns: readonly Token<'regex'>[];
  /** What is wrong with items that are left out. */
  readonly problems: readonly string[];
}

/** More in one list are left out: each is a line of a map that is tried one by one. */
const mostOrigins = 200;

const isOrigin = whole('[a-z][a-z0-9+.-]*://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?');

/**
 * Reads a list of origins (RFC 6454) separated by commas: `scheme://host`, with a port where it is not the usual one,
 * `*.` before a host for any one label in its place, `null`, or `*`. An item that is none lets nobody in.
 */
export function readOrigins(text: string): Origins {
  const items = text.split(',').map((item) => item.trim());
  const given = [...new Set(items.filter((item) => item !== ''))];
  const problems: string[] = [];
  const patterns: Token<'regex'>[] = [];
  for (const item of given.filter((each) => each !== '*')) {
    const pattern = patternOf(item);
    if (pattern === null) {
      problems.push(
        `${shown(item)} is not an origin and is left out: write scheme://host[:port], without a path`,
      );
    } else if (patterns.length === mostOrigins) {
      problems.push(`${shown(item)} is left out: at most ${mostOrigins} origins are allowed`);
    } else {
      patterns.push(pattern);
    }
  }
  return { any: given.includes('*'), patterns, problems };
}

function patternOf(item: string): Token<'regex'> | null {
  if (item === 'null') {
    return token('regex', '^null$');
  }
  const plain = item.replace('://*.', '://');
  if (hasControlCharacter(item) || !isOrigin(plain)) {
    return null;
  }
  const [scheme = '', host = ''] = plain.split('://');
  const label = plain === item ? '' : '[a-z0-9-]+\\.';
  // An origin is compared whole: ingress-nginx lets anything stand before it.
  return token('regex', `(?i)^${literally(`${scheme}://`)}${label}${literally(host)}$`);
}
