import { choice, described, flag } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import { locationVariables } from '../model/location-variables.ts';
import { parsePathRegex } from '../model/path-regex.ts';
import {
  isFixed,
  parseRequestText,
  requestText,
  requestTextExpression,
  requestTextType,
  rulesOf,
  variableParts,
  type RequestText,
} from '../model/request-text.ts';
import { refused, shown, token, type Parsed, type Token } from '../model/token.ts';
import { pattern, type ValueType } from '../model/value-type.ts';
import { annotation, definePlugin, type RouteContext } from './plugin.ts';

const characters = 'A-Za-z0-9._~/:-';

const targetForm = {
  name: 'path',
  characters,
  allowed: 'an absolute path of letters, digits, "-", ".", "_", "~", "/", ":" and groups ($1)',
  captures: true,
  more: locationVariables,
  samples: ['/', '/$1', '/api/$2/$host', '/$namespace/$1'],
};

/** It begins with "/", a variable or a group, and has no dot segment. */
const targetType: ValueType = {
  ...requestTextType(targetForm),
  shape: pattern(`(?:/[${characters}]*)?(?:${variableParts(targetForm)})*`, {
    longest: 1024,
    without: ['/[.][.]?(?:/|$)'],
  }),
};

/** What a rewritten path may not be: one that climbs, or none at all. The groups hold what clients wrote. */
const noPath = token('regex', '^[^/]|^$|/\\.\\.?(?:/|$)');

const table = {
  'rewrite-target': annotation<RequestText | null>({
    ...described(parseTarget, targetType),
    default: null,
    risk: 'Medium',
    scope: 'ingress',
    description: 'The path that backends see; $1 to $9 are the groups of the path, which is a regex then.',
  }),
  'use-regex': annotation({
    ...flag,
    default: false,
    description: 'Reads the paths as regexes, and with them all other paths of their hosts.',
  }),
  'regex-scope': annotation<'host' | 'location'>({
    ...choice(['host', 'location']),
    default: 'host',
    description: 'Whether regexes reach all paths of their host (host) or only their own (location).',
  }),
  'x-forwarded-prefix': annotation<RequestText | null>({
    ...requestText({
      name: 'text',
      characters,
      allowed: 'letters, digits, "-", ".", "_", "~", "/", ":" and groups ($1)',
      captures: true,
      more: locationVariables,
      samples: ['/app', '/$1'],
    }),
    default: null,
    risk: 'Medium',
    onInvalid: 'reject',
    description: 'The header X-Forwarded-Prefix for backends, where rewrite-target has an effect.',
  }),
};

type Route = RouteContext<typeof table>;

/** Changes the path that backends see, and reads paths as regexes as ingress-nginx does (behaviours, section 6). */
export const rewrite = definePlugin({
  name: 'rewrite',
  // Nothing of the rewrite phase may follow a rewrite: redirects look at the path that the client sent.
  order: 900,
  annotations: table,
  regex(route) {
    const isRegex =
      !route.catchAll && !route.fallback && (route.settings['use-regex'] || targetOf(route) !== null);
    return isRegex ? route.settings['regex-scope'] : null;
  },
  route(route) {
    const target = targetOf(route);
    const regex = parsePathRegex(route.path);
    if (route.catchAll || target === null || refused(regex)) {
      return {};
    }
    const { variables } = regex.value;
    const missing = !route.fallback && highestCapture(target) > variables.length;
    const field = route.field('rewrite-target') ?? '';
    const prefix = route.settings['x-forwarded-prefix'];
    return {
      // `break` would end the rewrite phase before an answer of the gateway's own is given.
      onlyProxied: true,
      location: {
        target: requestTextExpression(target, variables),
        isFixed: isFixed(target),
        noPath,
      },
      ...(prefix !== null && {
        requestHeaders: [
          { name: headerName('X-Forwarded-Prefix'), value: requestTextExpression(prefix, variables) },
        ],
      }),
      ...(missing && {
        differences: [
          {
            field,
            message: `has a group that the path ${shown(route.path.text)} does not have: nothing stands in its place`,
          },
        ],
      }),
    };
  },
});

/** The target, where it has an effect: one that is the path itself has none. */
function targetOf({ settings, path }: Route): RequestText | null {
  const target = settings['rewrite-target'];
  return target === null || textOf(target) === path.text ? null : target;
}

function textOf(target: RequestText): string | null {
  const expression: Token<'expression'> = requestTextExpression(target);
  return isFixed(target) ? expression.text : null;
}

function highestCapture({ parts }: RequestText): number {
  return Math.max(0, ...parts.map((part) => ('capture' in part ? part.capture : 0)));
}

function parseTarget(text: string): Parsed<RequestText> {
  const parsed = parseRequestText(text, rulesOf(targetForm));
  if (refused(parsed)) {
    return parsed;
  }
  const [first] = parsed.value.parts;
  if (first === undefined || ('literal' in first && !first.literal.startsWith('/'))) {
    return { error: `${shown(text)} does not begin with "/" or a group: write an absolute path` };
  }
  const literals = parsed.value.parts.map((part) => ('literal' in part ? part.literal : 'x')).join('');
  return /\/\.\.?(?:\/|$)/u.test(literals)
    ? { error: `${shown(text)} has a dot segment: write the path that it leads to` }
    : parsed;
}
