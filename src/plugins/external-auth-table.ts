import { authUrl, signInUrl, type AuthUrl, type SignInUrl } from '../model/auth-url.ts';
import { described, flag, integer, tokenOf } from '../model/grammar.ts';
import { setHeaders } from '../model/header.ts';
import type { RequestText } from '../model/request-text.ts';
import { token, type Token } from '../model/token.ts';
import { cacheRules, defaultCacheRules, type CacheRule } from './auth-cache.ts';
import { authMethod, cacheKeyText, redirectParameter, requestRedirect } from './external-auth-forms.ts';
import { annotation } from './plugin.ts';

/** What annotations of a check have in common: a wrong value closes the routes. */
const protective = { protective: true, onInvalid: 'deny' } as const;

/** The annotations of external authentication. */
export const externalAuthTable = {
  'auth-url': annotation<AuthUrl | null>({
    ...authUrl,
    default: null,
    risk: 'High',
    ...protective,
    onInvalid: 'reject',
    description:
      'The URL of a service that is asked about every request: 2xx lets it in, 401 and 403 do not.',
  }),
  'auth-method': annotation<string | null>({
    ...authMethod,
    default: null,
    ...protective,
    description: 'The method of the question; GET by default.',
  }),
  'auth-signin': annotation<SignInUrl | null>({
    ...signInUrl,
    default: null,
    risk: 'High',
    protective: true,
    description: 'The page that those who must log in are sent to.',
  }),
  'auth-signin-redirect-param': annotation<Token<'text'>>({
    ...tokenOf(redirectParameter),
    default: token('text', 'rd'),
    risk: 'Medium',
    protective: true,
    description: 'The parameter that tells that page where to return to.',
  }),
  'auth-response-headers': annotation<readonly Token<'header-name'>[]>({
    ...setHeaders,
    default: [],
    risk: 'Medium',
    ...protective,
    description: 'Headers of the answer that the backend is sent, separated by commas.',
  }),
  'auth-proxy-set-headers': annotation<string | null>({
    ...described((text) => ({ value: text.trim() }), {
      name: 'ConfigMap',
      allowed: 'the namespace and name of a ConfigMap as namespace/name',
      samples: ['default/headers'],
    }),
    default: null,
    risk: 'Medium',
    ...protective,
    description: 'A ConfigMap (namespace/name) with headers for the question.',
  }),
  'auth-request-redirect': annotation<Token<'text'> | null>({
    ...tokenOf(requestRedirect),
    default: null,
    risk: 'Medium',
    ...protective,
    description: 'The header X-Auth-Request-Redirect of the question; the URI of the request by default.',
  }),
  'auth-always-set-cookie': annotation({
    ...flag,
    default: false,
    ...protective,
    description: 'Sets the cookies of the answer with errors of the backend too.',
  }),
  'auth-cache-key': annotation<RequestText | null>({
    ...cacheKeyText,
    default: null,
    risk: 'Medium',
    protective: true,
    description: 'Requests with an equal key share an answer for a while; not shared by default.',
  }),
  'auth-cache-duration': annotation<readonly CacheRule[]>({
    ...cacheRules,
    default: defaultCacheRules,
    risk: 'Medium',
    ...protective,
    description: 'How long answers of which status are shared: for example 200 202 10m, 401 1m.',
  }),
  'auth-keepalive': connections(0, 'Connections kept open to the service.'),
  'auth-keepalive-requests': connections(1000, 'Requests on such a connection.'),
  'auth-keepalive-timeout': connections(60, 'Seconds for which such a connection is kept.'),
  'auth-keepalive-share-vars': annotation({
    ...flag,
    default: false,
    description: 'Whether variables are shared with the question, which they always are.',
  }),
  'enable-global-auth': annotation({
    ...flag,
    default: true,
    protective: true,
    description: 'false leaves the Ingress out of the check that the option global-auth-url asks for.',
  }),
};

function connections(otherwise: number, description: string): ReturnType<typeof annotation<number>> {
  return annotation<number>({
    ...integer(0, 1_000_000_000),
    default: otherwise,
    description,
  });
}
