import { choice, flag, integer, textOf, mapped, described } from '../model/grammar.ts';
import { parseConditionRegex } from '../model/path-regex.ts';
import { literally } from '../model/regex.ts';
import { token, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import type { RequestCondition } from './additions.ts';
import type { AnnotationView } from './context.ts';
import { annotation, definePlugin } from './plugin.ts';

/** What a header variable of nginx can be named after; nginx itself drops headers of other names. */
const headerCharacters = '[A-Za-z0-9-]{1,128}';

const table = {
  canary: annotation({
    ...flag,
    default: false,
    scope: 'ingress',
    description:
      'Makes the Ingress an alternative for the routes of another one with the same host, path and path type.',
  }),
  'canary-weight': annotation<number>({
    ...integer(0, 1_000_000),
    default: 0,
    scope: 'ingress',
    description: 'The share of requests, of canary-weight-total, that no header or cookie decides about.',
  }),
  'canary-weight-total': annotation<number>({
    ...integer(1, 1_000_000),
    default: 100,
    scope: 'ingress',
    description: 'What canary-weight is a part of; less than 100 counts as 100.',
  }),
  'canary-by-header': annotation<Token<'header-name'> | null>({
    ...mapped(
      textOf({
        name: 'header',
        pattern: headerCharacters,
        fault: 'is not the name of a header',
        allowed: 'letters, digits and "-"',
        samples: ['X-Canary'],
      }),
      (name) => token('header-name', name),
    ),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description: 'A header that sends a request there (always) or away (never).',
  }),
  'canary-by-header-value': annotation<string | null>({
    ...textOf({
      name: 'text',
      pattern: '[A-Za-z0-9._~/: -]{1,1000}',
      fault: 'is not allowed',
      allowed: 'letters, digits, blanks and - . _ ~ / :',
      samples: ['beta'],
    }),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description: 'The value of that header that sends a request there, in the place of always and never.',
  }),
  'canary-by-header-pattern': annotation<Token<'regex'> | null>({
    ...described(parseConditionRegex, {
      name: 'regular expression',
      allowed: 'a regular expression of at most 1024 characters',
      samples: ['^v2', 'a|b'],
    }),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description: 'The same as a regular expression; canary-by-header-value holds before it.',
  }),
  'canary-by-cookie': annotation<string | null>({
    ...textOf({
      name: 'cookie',
      pattern: '[A-Za-z0-9_.~-]{1,128}',
      fault: 'is not the name of a cookie',
      allowed: 'letters, digits and _ . ~ -',
      samples: ['canary'],
    }),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description:
      'A cookie that sends a request there (always) or away (never), where the header does not decide.',
  }),
  'affinity-canary-behavior': annotation<'sticky' | 'legacy'>({
    ...choice(['sticky', 'legacy']),
    default: 'sticky',
    scope: 'ingress',
    description:
      'Whether a client with a session stays where it began (sticky) or is decided about each time (legacy).',
  }),
};

type Table = typeof table;

/**
 * Makes an Ingress the alternative of another one. It is never an ordinary one: that would take all the traffic of
 * what it is a canary of.
 */
export const canary = definePlugin({
  name: 'canary',
  order: 0,
  annotations: table,
  ingress(view) {
    const { settings, given, field } = view;
    if (!settings.canary) {
      const differences = given
        .filter((name) => name !== 'canary')
        .map((name) => ({ field: field(name) ?? '', message: 'has no effect without canary: "true"' }));
      return { differences };
    }
    const weight = Math.min(settings['canary-weight'] / Math.max(settings['canary-weight-total'], 100), 1);
    const conditions = conditionsOf(view);
    const differences: Reason[] = unused(view);
    if (weight === 0 && conditions.length === 0) {
      const message = 'takes no request: set canary-weight, canary-by-header or canary-by-cookie';
      differences.push({ field: field('canary') ?? '', message });
    }
    return {
      alternative: {
        // nginx reads two digits after the point.
        share: weight === 0 ? 0 : Math.max(Math.round(weight * 10_000), 1),
        conditions,
        followsSessions: settings['affinity-canary-behavior'] === 'sticky',
        field: field('canary') ?? '',
      },
      differences,
    };
  },
});

/** The header decides before the cookie. */
function conditionsOf({ settings }: AnnotationView<Table>): RequestCondition[] {
  const header = settings['canary-by-header'];
  const cookie = settings['canary-by-cookie'];
  return [
    ...(header === null ? [] : [headerCondition(header, settings)]),
    ...(cookie === null ? [] : [cookieCondition(cookie)]),
  ];
}

function headerCondition(
  name: Token<'header-name'>,
  settings: AnnotationView<Table>['settings'],
): RequestCondition {
  const input = token('expression', `$http_${name.text.toLowerCase().replaceAll('-', '_')}`);
  const value = settings['canary-by-header-value'];
  const pattern = settings['canary-by-header-pattern'];
  if (value !== null) {
    return { input, there: token('regex', `^${literally(value)}$`), away: null };
  }
  return pattern === null
    ? { input, there: token('regex', '^always$'), away: token('regex', '^never$') }
    : { input, there: pattern, away: null };
}

function cookieCondition(name: string): RequestCondition {
  function holds(value: string): Token<'regex'> {
    return token('regex', `(?:^|; *)(?i:${literally(name)})=${value}(?:;|$)`);
  }
  return { input: token('expression', '$http_cookie'), there: holds('always'), away: holds('never') };
}

function unused({ settings, given, field }: AnnotationView<Table>): Reason[] {
  const withoutHeader =
    settings['canary-by-header'] === null
      ? (['canary-by-header-value', 'canary-by-header-pattern'] as const).map((name) => ({
          name,
          message: 'has no effect without canary-by-header',
        }))
      : [];
  const beside =
    settings['canary-by-header-value'] !== null && settings['canary-by-header'] !== null
      ? [
          {
            name: 'canary-by-header-pattern' as const,
            message: 'has no effect: canary-by-header-value holds',
          },
        ]
      : [];
  return [...withoutHeader, ...beside]
    .filter(({ name }) => given.includes(name))
    .map(({ name, message }) => ({ field: field(name) ?? '', message }));
}
