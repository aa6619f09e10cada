import type { LocationMatch } from '../model/model.ts';
import { literalPathRegex, parsePathRegex } from '../model/path-regex.ts';
import { neverMatches, parsePath } from '../model/path.ts';
import { refused, shown, type Token } from '../model/token.ts';
import type { RegexScope } from '../plugins/additions.ts';
import type { Definition } from './hosts.ts';
import { compareText } from './order.ts';
import { rankPrefixes, type Ranked } from './scoped-regexes.ts';
import type { VerdictCollector } from './verdicts.ts';

/** One nginx location and the definition it comes from. */
export interface SplitLocation {
  readonly definition: Definition;
  readonly match: LocationMatch;
  /** Answers 503 whatever its route does: what it should match cannot be told. */
  readonly closed: boolean;
}

type RankedLocation = SplitLocation & Ranked;

const noMatch: LocationMatch = { exact: null, prefix: null, beforeRegexes: false, regex: null };

interface Form {
  readonly exact: boolean;
  readonly path: Token<'path'>;
  /** Stands as such in a rule; others are made from a prefix. */
  readonly isLiteral: boolean;
  /** The rule's path is meant to be a regex. */
  readonly isRegex: boolean;
}

/**
 * The locations of one host. Prefix `/foo` stands for `/foo` and everything below `/foo/`, but not for `/foobar`,
 * which takes two locations; nginx refuses a location that is there twice, so one that a rule has literally wins
 * over one made by splitting. Longer paths come first, then later ones, a prefix before its exact twin.
 *
 * As in ingress-nginx one route that matches by regex makes all locations of its host case-insensitive regexes,
 * anchored at the start only; with the scope `location` it is alone, and plain paths hold their own beside it
 * (`rankPrefixes`).
 */
export function splitLocations(
  definitions: readonly Definition[],
  regexOf: (definition: Definition) => RegexScope | null,
  host: string,
  verdicts: VerdictCollector,
): SplitLocation[] {
  const sorted = [...definitions].sort(compareDefinitions);
  const infector = firstInfector(sorted, regexOf);
  if (infector !== null) {
    tellInfection(sorted, infector, regexOf, host, verdicts);
  }
  const literal = new Map<string, Definition>();
  for (const definition of definitions) {
    for (const form of formsOf(definition, regexOf(definition) !== null).filter(
      ({ isLiteral }) => isLiteral,
    )) {
      literal.set(idOf(form), definition);
    }
  }
  const regexes = new Map<string, Definition>();
  const locations = sorted.flatMap((definition) =>
    formsOf(definition, regexOf(definition) !== null).flatMap((form): RankedLocation[] => {
      const holder = form.isLiteral ? definition : literal.get(idOf(form));
      if (holder !== undefined && holder !== definition) {
        if (!form.exact) {
          tellShadowed(definition, holder, form, verdicts);
        }
        return [];
      }
      const location = {
        definition,
        path: definition.path,
        ...matchOf(definition, form, infector !== null, verdicts),
      };
      const regex = location.match.regex?.text ?? null;
      const first = regex === null ? undefined : regexes.get(regex);
      if (first !== undefined) {
        tellShadowed(definition, first, form, verdicts);
        return [];
      }
      if (regex === null) {
        tellUnreachable(definition, verdicts);
      } else {
        regexes.set(regex, definition);
      }
      return [location];
    }),
  );
  return rankPrefixes(locations);
}

function formsOf({ path, exact }: Definition, isRegex: boolean): Form[] {
  if (isRegex) {
    return [{ exact, path, isLiteral: true, isRegex }];
  }
  if (exact) {
    return [{ exact: true, path, isLiteral: true, isRegex }];
  }
  if (path.text === '/') {
    return [{ exact: false, path, isLiteral: true, isRegex }];
  }
  if (path.text.endsWith('/')) {
    return [
      { exact: false, path, isLiteral: true, isRegex },
      { exact: true, path, isLiteral: false, isRegex },
    ];
  }
  const below = parsePath(`${path.text}/`);
  const forms: Form[] = refused(below)
    ? []
    : [{ exact: false, path: below.value, isLiteral: false, isRegex }];
  return [...forms, { exact: true, path, isLiteral: false, isRegex }];
}

/** Of several Ingresses that ask for regexes, the one whose path comes first is named to the others. */
function firstInfector(
  sorted: readonly Definition[],
  regexOf: (definition: Definition) => RegexScope | null,
): Definition | null {
  return sorted.find((definition) => regexOf(definition) === 'host') ?? null;
}

function tellInfection(
  sorted: readonly Definition[],
  infector: Definition,
  regexOf: (definition: Definition) => RegexScope | null,
  host: string,
  verdicts: VerdictCollector,
): void {
  const told = new Set<string>();
  for (const definition of sorted) {
    const { owner, field } = definition;
    if (owner === null || definition.isFallback || told.has(owner.key)) {
      continue;
    }
    if (regexOf(definition) === null) {
      told.add(owner.key);
      const who = owner === infector.owner ? 'another path of this Ingress' : (infector.owner?.key ?? '');
      const message =
        `all paths of ${host} are regexes, matched without letter case and at the start only (Exact ones too), ` +
        `because ${who} has rewrite-target or use-regex; set cloud-native-gateway.io/regex-scope: location there to keep them apart`;
      verdicts.add(owner.ref, 'served-with-difference', field, message);
    } else if (regexOf(definition) === 'host' && owner === infector.owner) {
      const message = `rewrite-target or use-regex makes all paths of ${host} regexes, those of other Ingresses too`;
      told.add(owner.key);
      verdicts.add(owner.ref, 'served', 'metadata.annotations', message);
    }
  }
}

function tellShadowed(loser: Definition, winner: Definition, form: Form, verdicts: VerdictCollector): void {
  if (loser.owner !== null && winner.owner !== null && loser !== winner) {
    const where = winner.owner === loser.owner ? winner.field : `${winner.owner.key} ${winner.field}`;
    const message = `requests below ${form.path.text} are served by ${where}, which names that path itself`;
    verdicts.add(loser.owner.ref, 'served-with-difference', loser.field, message);
  }
}

/** Of plain paths alone: in a regex a "?" has another meaning. */
function tellUnreachable({ owner, path, field }: Definition, verdicts: VerdictCollector): void {
  const never = owner === null ? null : neverMatches(path);
  if (owner !== null && never !== null) {
    const message = `no request can have ${shown(path.text)}: ${never}`;
    verdicts.add(owner.ref, 'served-with-difference', field.replace(/backend$/u, 'path'), message);
  }
}

function compareDefinitions(a: Definition, b: Definition): number {
  return (
    b.path.text.length - a.path.text.length ||
    compareText(b.path.text, a.path.text) ||
    Number(a.exact) - Number(b.exact)
  );
}

function matchOf(
  definition: Definition,
  { exact, path, isRegex }: Form,
  isInfected: boolean,
  verdicts: VerdictCollector,
): Pick<SplitLocation, 'match' | 'closed'> {
  if (!isRegex && !isInfected) {
    const match = { ...noMatch, exact: exact ? path : null, prefix: exact ? null : path };
    return { match, closed: false };
  }
  const parsed = parsePathRegex(path);
  if (!refused(parsed)) {
    return { match: { ...noMatch, regex: parsed.value.regex }, closed: false };
  }
  const { owner, field } = definition;
  if (owner !== null) {
    const what = isRegex ? 'exactly these characters answer 503' : 'it is matched literally';
    verdicts.add(owner.ref, 'served-with-difference', field, `${parsed.error}; ${what}`);
  }
  return { match: { ...noMatch, regex: literalPathRegex(path) }, closed: isRegex };
}

function idOf({ exact, path }: Pick<Form, 'exact' | 'path'>): string {
  return `${exact ? '=' : '^'}${path.text}`;
}
