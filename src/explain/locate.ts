import type { InternalLocation, Location, Server } from '../model/model.ts';
import type { ExplainedLocation, LocationLoser, LocationModifier } from './explanation.ts';
import { findStatic, type StaticLocation, type StaticMatch } from './static-location.ts';
import { originOf } from './origin.ts';
import { bytesOf, matchRegex, type RegexAnswer, type RegexMatch } from './regex.ts';

const mostLosers = 50;

/** The location that takes a request. */
export interface FoundLocation {
  /** Null where it is one that only nginx itself may reach. */
  readonly location: Location | null;
  readonly internal: InternalLocation | null;
  /** The path has to have a slash more: nginx redirects. */
  readonly redirects: boolean;
  readonly regex: RegexMatch | null;
  readonly why: string;
  /** Regexes that were looked at before it and cannot be judged. */
  readonly unsure: readonly string[];
  readonly fixed: StaticMatch<Location | InternalLocation>;
}

/** Finds the location of a path as nginx does; null where none fits, which nginx answers with 404. */
export function findLocation(server: Server, uri: string): FoundLocation | null {
  const fixed = findStatic(staticsOf(server), uri);
  const shown = shownPath(fixed);
  const unsure: string[] = [];
  if (fixed.kind === 'exact') {
    return made(fixed, `"=" ${shown} is the whole path; nothing else is looked at`);
  }
  if (fixed.kind === 'redirect') {
    return made(
      fixed,
      `${shown} is the path with a slash more; nginx redirects to it before regexes are tried`,
    );
  }
  const isLast =
    fixed.kind === 'prefix' && isLocation(fixed.location.value) && fixed.location.value.match.beforeRegexes;
  for (const location of isLast ? [] : server.locations) {
    const answer = answerOf(location, uri);
    if (answer !== null && 'unknown' in answer) {
      unsure.push(`${location.match.regex?.text}: ${answer.unknown}`);
    } else if (answer !== null && answer.match !== null) {
      const before = fixed.kind === 'none' ? '' : `; regexes come before the prefix ${shown}`;
      const why = `it is the first regex in the order of the file that matches${before}`;
      return { location, internal: null, redirects: false, regex: answer.match, why, unsure, fixed };
    }
  }
  if (fixed.kind === 'none') {
    return null;
  }
  const hasRegexes = server.locations.some(({ match }) => match.regex !== null);
  const why = isLast
    ? `${shown} is the longest prefix of the path, and "^~" keeps regexes from being tried`
    : `${shown} is the longest prefix of the path${hasRegexes ? ', and no regex matches' : ''}`;
  return { ...made(fixed, why), unsure };
}

function made(
  fixed: Exclude<StaticMatch<Location | InternalLocation>, { readonly kind: 'none' }>,
  why: string,
): FoundLocation {
  const { value } = fixed.location;
  const redirects = fixed.kind === 'redirect';
  return isLocation(value)
    ? { location: value, internal: null, redirects, regex: null, why, unsure: [], fixed }
    : { location: null, internal: value, redirects, regex: null, why, unsure: [], fixed };
}

function isLocation(value: Location | InternalLocation): value is Location {
  return 'match' in value;
}

function staticsOf({ locations, internals }: Server): StaticLocation<Location | InternalLocation>[] {
  return [
    ...locations.flatMap((value): StaticLocation<Location | InternalLocation>[] => {
      const { exact, prefix } = value.match;
      const path = exact ?? prefix;
      const redirects = value.action.proxy !== null && path?.text.endsWith('/') === true;
      return path === null ? [] : [{ path: bytesOf(path.text), exact: exact !== null, redirects, value }];
    }),
    ...internals.flatMap((value) =>
      value.path === null ? [] : [{ path: bytesOf(value.path.text), exact: true, redirects: false, value }],
    ),
  ];
}

/** Null for what is no regex. */
function answerOf({ match }: Location, uri: string): RegexAnswer | null {
  return match.regex === null ? null : matchRegex(match.regex.text, true, uri);
}

function shownPath(fixed: StaticMatch<Location | InternalLocation>): string {
  if (fixed.kind === 'none') {
    return '';
  }
  const { value } = fixed.location;
  return isLocation(value) ? pathOf(value) : (value.path?.text ?? '');
}

function modifierOf({ match }: Location): LocationModifier {
  if (match.exact !== null) {
    return '=';
  }
  if (match.regex !== null) {
    return '~*';
  }
  return match.beforeRegexes ? '^~' : '';
}

function pathOf({ match }: Location): string {
  return (match.exact ?? match.prefix ?? match.regex)?.text ?? '';
}

/** The location as it is shown, with those that lost. */
export function explainLocation(found: FoundLocation, server: Server, uri: string): ExplainedLocation {
  const { location, internal } = found;
  const losers = inOrder(server.locations)
    .filter((each) => each !== location)
    .map((each) => loserOf(each, found, server, uri));
  const shown = new Set(
    [...losers.filter(({ fits }) => fits), ...losers.filter(({ fits }) => !fits)].slice(0, mostLosers),
  );
  return {
    modifier: location === null ? '=' : modifierOf(location),
    path: location === null ? (internal?.path?.text ?? '') : pathOf(location),
    why: found.why,
    origin: originOf(location?.origin ?? internal?.origin ?? null, location?.field ?? null),
    line: null,
    losers: losers.filter((each) => shown.has(each)),
    moreLosers: losers.length - shown.size,
  };
}

/** As nginx looks at them: whole paths, prefixes from the longest, regexes in the order of the file. */
function inOrder(locations: readonly Location[]): Location[] {
  return [
    ...locations.filter(({ match }) => match.exact !== null),
    ...locations
      .filter(({ match }) => match.prefix !== null)
      .sort((a, b) => pathOf(b).length - pathOf(a).length),
    ...locations.filter(({ match }) => match.regex !== null),
  ];
}

function loserOf(loser: Location, found: FoundLocation, server: Server, uri: string): LocationLoser {
  const [fits, why] = whyLost(loser, found, server, uri);
  return {
    modifier: modifierOf(loser),
    path: pathOf(loser),
    origin: originOf(loser.origin, loser.field),
    fits,
    why,
  };
}

function whyLost(
  loser: Location,
  { location, redirects }: FoundLocation,
  { locations }: Server,
  uri: string,
): readonly [boolean, string] {
  const path = bytesOf(pathOf(loser));
  const { exact, prefix } = loser.match;
  if (exact !== null) {
    const isNear = uri === `${path}/` || path === `${uri}/`;
    return [false, isNear ? 'the path differs by the slash at its end' : 'it is not the whole path'];
  }
  if (prefix !== null) {
    if (!uri.startsWith(path)) {
      return [false, 'the path does not begin with it'];
    }
    if (location?.match.regex !== null && location !== null) {
      return [true, 'the path begins with it, but a regex matches, which comes first'];
    }
    return [
      true,
      `the path begins with it, but ${location?.match.exact ? 'a whole path comes first' : 'a longer prefix does, too'}`,
    ];
  }
  const answer = answerOf(loser, uri);
  if (answer !== null && 'unknown' in answer) {
    return [false, `cannot be told: ${answer.unknown}`];
  }
  if (answer?.match === null || answer === null) {
    return [false, 'the path does not match it'];
  }
  if (location !== null && location.match.regex !== null) {
    const isEarlier = locations.indexOf(loser) < locations.indexOf(location);
    return [true, isEarlier ? 'it matches' : 'it matches, but another regex stands before it in the file'];
  }
  if (redirects || location === null || location.match.exact !== null) {
    return [true, 'it matches, but a whole path comes before regexes'];
  }
  return [true, 'it matches, but the prefix that was found has "^~", so no regex is tried'];
}
