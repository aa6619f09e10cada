import { inGeo } from '../model/cidr-list.ts';
import { described, flag, wordsType } from '../model/grammar.ts';
import { parseRequestText } from '../model/request-text.ts';
import { refused, shown, token, type Parsed, type Token } from '../model/token.ts';
import { identifier } from '../model/words.ts';
import { risks, type Risk } from '../plugins/plugin.ts';
import { option, type OptionTable } from './option.ts';
import { cidrs, geoCidrs, integer } from './parsers.ts';
import { patterns, type Pattern } from './patterns.ts';
import { prefixes } from './redirects.ts';

const everybody = [token('cidr', '0.0.0.0/0'), token('cidr', '::/0')];

/** No client has this address, so that an allow-list of it alone lets nobody in. nginx cannot read 255.255.255.255. */
const nobody = [token('cidr', '0.0.0.0/32')];

/** Who is let in. */
export const access = {
  'allow-cross-namespace-resources': option({
    ...flag,
    default: false,
    description:
      'Whether annotations may name Secrets and ConfigMaps of other namespaces: whoever may write an Ingress can then use them all.',
  }),
  'whitelist-source-range': option<readonly Token<'cidr'>[]>({
    ...cidrs,
    default: [],
    closed: nobody,
    description: 'Clients that are let in where an Ingress has no list of its own. Default: all.',
  }),
  'denylist-source-range': option<readonly Token<'cidr'>[]>({
    ...cidrs,
    default: [],
    closed: everybody,
    description: 'Clients that are kept out where an Ingress has no list of its own.',
  }),
  'block-cidrs': option<readonly Token<'cidr'>[]>({
    ...geoCidrs,
    default: [],
    closed: inGeo(everybody),
    description: 'Clients that get 403 on every host, whatever an Ingress says.',
  }),
  'block-user-agents': option<readonly Pattern[]>({
    ...patterns,
    default: [],
    closed: [everyText()],
    description:
      'User agents that get 403: whole texts, or `~` and a regular expression; separated by commas.',
  }),
  'block-referers': option<readonly Pattern[]>({
    ...patterns,
    default: [],
    closed: [everyText()],
    description: 'Referers that get 403: whole texts, or `~` and a regular expression; separated by commas.',
  }),
  'limit-req-status-code': integer(503, 400, 599, 'The status of requests above a rate limit.'),
  'limit-conn-status-code': integer(503, 400, 599, 'The status of requests above a limit of connections.'),
  'limit-conn-zone-variable': option<Token<'identifier'>>({
    ...described(parseLimitKey, {
      name: 'variable',
      allowed: 'one variable of a request, for example $binary_remote_addr',
      samples: ['$binary_remote_addr', '$http_x_api_key'],
    }),
    default: identifier('binary_remote_addr'),
    description:
      'What requests and connections are counted by, where an Ingress limits them: a variable. Requests for which it is empty are not limited.',
  }),
  'limit-rate': integer(0, 0, 1_000_000_000, 'KB a second that an answer is sent with; 0 for no limit.'),
  'limit-rate-after': integer(0, 0, 1_000_000_000, 'KB of an answer that are sent without that limit.'),
  'no-auth-locations': option<readonly Token<'path'>[]>({
    ...prefixes,
    default: [token('path', '/.well-known/acme-challenge')],
    // Not being able to read where no login is needed must not switch any login off.
    closed: [],
    description: 'Paths, with all below them, that need no login; separated by commas.',
  }),
  'annotations-risk-level': option<Risk>({
    ...described(parseRisk, wordsType(risks)),
    default: 'High',
    closed: 'Low',
    description: 'Ingresses with annotations of a higher risk are refused: Low, Medium, High or Critical.',
  }),
} satisfies OptionTable;

function everyText(): Pattern {
  return { exact: null, regex: token('regex', '^') };
}

function parseRisk(text: string): Parsed<Risk> {
  const found = risks.find((risk) => risk === text.trim());
  return found === undefined
    ? { error: `${shown(text)} is not allowed: write one of ${risks.join(', ')}` }
    : { value: found };
}

function parseLimitKey(text: string): Parsed<Token<'identifier'>> {
  const allowed = 'one variable of a request, for example $binary_remote_addr';
  const parsed = parseRequestText(text, { literal: () => false, allowed });
  const [part, ...more] = refused(parsed) ? [] : parsed.value.parts;
  return part !== undefined && 'variable' in part && more.length === 0
    ? { value: identifier(part.variable) }
    : { error: `${shown(text)} is not allowed: write ${allowed}` };
}
