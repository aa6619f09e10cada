import type { LocationMatch } from '../model/model.ts';
import { literallyMatched } from '../model/path-regex.ts';
import { literally } from '../model/regex.ts';
import { token, type Token } from '../model/token.ts';

/** One location on its way to nginx: a plain one, or a regex of the scope `location`. */
export interface Ranked {
  readonly match: LocationMatch;
  /** As in the rule. */
  readonly path: Token<'path'>;
}

/**
 * nginx would take any regex that fits before a plain prefix, however little of the path the regex names: a `.*` of
 * somebody else would have everything below a protected prefix. Here a plain prefix wins but over those regexes that
 * name more of the path literally than it does, and `/` over none. Whole paths win anyway.
 *
 * A prefix that wins over all regexes is printed with `^~`; one that wins over some is a regex itself, with letter
 * case and before the first that it wins over. `locations` are in the order of print; so is what is returned.
 */
export function rankPrefixes<T extends Ranked>(locations: readonly T[]): T[] {
  const regexes = locations.filter(({ match }) => match.regex !== null).map(regexRank);
  const before = new Map<Ranked, T[]>();
  const others: T[] = [];
  for (const location of locations) {
    const { prefix } = location.match;
    const rivals = prefix === null ? [] : regexes.filter(({ literal }) => meet(literal, prefix.text));
    const losers = rivals.filter(({ literal }) => !namesMore(literal, location, prefix?.text ?? ''));
    const [first] = losers;
    if (prefix === null || first === undefined) {
      others.push(location);
    } else if (losers.length === rivals.length) {
      others.push({ ...location, match: { ...location.match, beforeRegexes: true } });
    } else {
      const regex = token('regex', `^(?-i)${literally(prefix.text)}`);
      const match: LocationMatch = { exact: null, prefix: null, beforeRegexes: false, regex };
      before.set(first.location, [...(before.get(first.location) ?? []), { ...location, match }]);
    }
  }
  return others.flatMap((location) => [...(before.get(location) ?? []), location]);
}

interface RegexRank {
  readonly location: Ranked;
  /** What every path that fits begins with, in lower case. */
  readonly literal: string;
}

function regexRank(location: Ranked): RegexRank {
  return { location, literal: literallyMatched(location.path).toLowerCase() };
}

/** Whether one path can fit both. */
function meet(literal: string, prefix: string): boolean {
  const lower = prefix.toLowerCase();
  return lower.startsWith(literal) || literal.startsWith(lower);
}

function namesMore(literal: string, { path }: Ranked, prefix: string): boolean {
  return path.text === '/' || (literal.length > path.text.length && literal.startsWith(prefix.toLowerCase()));
}
