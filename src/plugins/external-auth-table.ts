import { parseAuthUrl, parseSignInUrl, type AuthUrl, type SignInUrl } from '../model/auth-url.ts';
import { parseHeaderName } from '../model/header.ts';
import { parseBoolean, parseChoice, parseInteger } from '../model/quantity.ts';
import { parseRequestText, type RequestText } from '../model/request-text.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { defaultCacheRules, parseCacheRules, type CacheRule } from './auth-cache.ts';
import { annotation } from './plugin.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'] as const;

const isParameter = whole('[A-Za-z0-9._~/:,?&-]{1,100}');
const isKey = whole('[A-Za-z0-9_-]*');
const isRedirect = whole('[A-Za-z0-9._~/:,?&=-]{1,2000}');

/** What annotations of a check have in common: a wrong value closes the routes. */
const protective = { protective: true, onInvalid: 'deny' } as const;

/** The annotations of external authentication. */
export const externalAuthTable = {
  'auth-url': annotation<AuthUrl | null>({
    parse: parseAuthUrl,
    default: null,
    risk: 'High',
    ...protective,
    onInvalid: 'reject',
    description:
      'The URL of a service that is asked about every request: 2xx lets it in, 401 and 403 do not.',
  }),
  'auth-method': annotation<string | null>({
    parse: (text) => parseChoice<string>(text.trim(), methods),
    default: null,
    ...protective,
    description: 'The method of the question; GET by default.',
  }),
  'auth-signin': annotation<SignInUrl | null>({
    parse: parseSignInUrl,
    default: null,
    risk: 'High',
    protective: true,
    description: 'The page that those who must log in are sent to.',
  }),
  'auth-signin-redirect-param': annotation<Token<'text'>>({
    parse: parseParameter,
    default: token('text', 'rd'),
    risk: 'Medium',
    protective: true,
    description: 'The parameter that tells that page where to return to.',
  }),
  'auth-response-headers': annotation<readonly Token<'header-name'>[]>({
    parse: parseHeaderNames,
    default: [],
    risk: 'Medium',
    ...protective,
    description: 'Headers of the answer that the backend is sent, separated by commas.',
  }),
  'auth-proxy-set-headers': annotation<string | null>({
    parse: (text) => ({ value: text.trim() }),
    default: null,
    risk: 'Medium',
    ...protective,
    description: 'A ConfigMap (namespace/name) with headers for the question.',
  }),
  'auth-request-redirect': annotation<Token<'text'> | null>({
    parse: parseRedirect,
    default: null,
    risk: 'Medium',
    ...protective,
    description: 'The header X-Auth-Request-Redirect of the question; the URI of the request by default.',
  }),
  'auth-always-set-cookie': annotation({
    parse: parseBoolean,
    default: false,
    ...protective,
    description: 'Sets the cookies of the answer with errors of the backend too.',
  }),
  'auth-cache-key': annotation<RequestText | null>({
    parse: (text) =>
      parseRequestText(text, { literal: isKey, allowed: 'letters, digits, - _ and variables of a request' }),
    default: null,
    risk: 'Medium',
    protective: true,
    description: 'Requests with an equal key share an answer for a while; not shared by default.',
  }),
  'auth-cache-duration': annotation<readonly CacheRule[]>({
    parse: parseCacheRules,
    default: defaultCacheRules,
    risk: 'Medium',
    ...protective,
    description: 'How long answers of which status are shared: for example 200 202 10m, 401 1m.',
  }),
  'auth-keepalive': connections(0, 'Connections kept open to the service.'),
  'auth-keepalive-requests': connections(1000, 'Requests on such a connection.'),
  'auth-keepalive-timeout': connections(60, 'Seconds for which such a connection is kept.'),
  'auth-keepalive-share-vars': annotation({
    parse: parseBoolean,
    default: false,
    description: 'Whether variables are shared with the question, which they always are.',
  }),
  'enable-global-auth': annotation({
    parse: parseBoolean,
    default: true,
    protective: true,
    description: 'false leaves the Ingress out of a global check, of which there is none yet.',
  }),
};

function parseHeaderNames(text: string): Parsed<readonly Token<'header-name'>[]> {
  const names = new Map<string, Token<'header-name'>>();
  for (const item of text.split(',').map((each) => each.trim())) {
    const name = parseHeaderName(item);
    if (item === '') {
      continue;
    }
    if (refused(name)) {
      return name;
    }
    names.set(name.value.text.toLowerCase(), name.value);
  }
  return { value: [...names.values()] };
}

function parseParameter(text: string): Parsed<Token<'text'>> {
  const name = text.trim();
  return isParameter(name)
    ? { value: token('text', name) }
    : { error: `${shown(text)} is not the name of a parameter: write letters, digits and - . _ ~` };
}

function parseRedirect(text: string): Parsed<Token<'text'>> {
  const url = text.trim();
  return isRedirect(url)
    ? { value: token('text', url) }
    : { error: `${shown(text)} is not allowed: write a URL of letters, digits and - . _ ~ / : , ? & =` };
}

function connections(otherwise: number, description: string): ReturnType<typeof annotation<number>> {
  return annotation<number>({
    parse: (text) => parseInteger(text, 0, 1_000_000_000),
    default: otherwise,
    description,
  });
}
