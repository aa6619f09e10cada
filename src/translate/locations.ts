import type { LocationMatch } from '../model/model.ts';
import { parsePath } from '../model/path.ts';
import { refused, type Token } from '../model/token.ts';
import type { Definition } from './hosts.ts';
import { compareText } from './order.ts';
import type { VerdictCollector } from './verdicts.ts';

/** One nginx location and the definition it comes from. */
export interface SplitLocation {
  readonly definition: Definition;
  readonly match: LocationMatch;
}

interface Form {
  readonly exact: boolean;
  readonly path: Token<'path'>;
  /** Stands as such in a rule; others are made from a prefix. */
  readonly isLiteral: boolean;
}

/**
 * The locations of one host. Prefix `/foo` stands for `/foo` and everything below `/foo/`, but not for `/foobar`,
 * which takes two locations; nginx refuses a location that is there twice, so one that a rule has literally wins
 * over one made by splitting. Longer paths come first, then later ones, a prefix before its exact twin.
 */
export function splitLocations(
  definitions: readonly Definition[],
  verdicts: VerdictCollector,
): SplitLocation[] {
  const literal = new Map<string, Definition>();
  for (const definition of definitions) {
    for (const form of formsOf(definition).filter(({ isLiteral }) => isLiteral)) {
      literal.set(idOf(form), definition);
    }
  }
  return [...definitions].sort(compareDefinitions).flatMap((definition) =>
    formsOf(definition).flatMap((form): SplitLocation[] => {
      const holder = form.isLiteral ? definition : literal.get(idOf(form));
      if (holder !== undefined && holder !== definition) {
        if (!form.exact) {
          tellShadowed(definition, holder, form, verdicts);
        }
        return [];
      }
      return [{ definition, match: matchOf(form) }];
    }),
  );
}

function formsOf({ path, exact }: Definition): Form[] {
  if (exact) {
    return [{ exact: true, path, isLiteral: true }];
  }
  if (path.text === '/') {
    return [{ exact: false, path, isLiteral: true }];
  }
  if (path.text.endsWith('/')) {
    return [
      { exact: false, path, isLiteral: true },
      { exact: true, path, isLiteral: false },
    ];
  }
  const below = parsePath(`${path.text}/`);
  const forms: Form[] = refused(below) ? [] : [{ exact: false, path: below.value, isLiteral: false }];
  return [...forms, { exact: true, path, isLiteral: false }];
}

function tellShadowed(loser: Definition, winner: Definition, form: Form, verdicts: VerdictCollector): void {
  if (loser.owner !== null && winner.owner !== null) {
    const where = winner.owner === loser.owner ? winner.field : `${winner.owner.key} ${winner.field}`;
    const message = `requests below ${form.path.text} are served by ${where}, which names that path itself`;
    verdicts.add(loser.owner.ref, 'served-with-difference', loser.field, message);
  }
}

function compareDefinitions(a: Definition, b: Definition): number {
  return (
    b.path.text.length - a.path.text.length ||
    compareText(b.path.text, a.path.text) ||
    Number(a.exact) - Number(b.exact)
  );
}

function matchOf({ exact, path }: Form): LocationMatch {
  return { exact: exact ? path : null, prefix: exact ? null : path, regex: null };
}

function idOf({ exact, path }: Pick<Form, 'exact' | 'path'>): string {
  return `${exact ? '=' : '^'}${path.text}`;
}
