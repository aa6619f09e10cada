import { authUrl, signInUrl, type AuthUrl, type SignInUrl } from '../model/auth-url.ts';
import { flag, tokenOf } from '../model/grammar.ts';
import { setHeaders } from '../model/header.ts';
import type { RequestText } from '../model/request-text.ts';
import type { Snippet } from '../model/snippet.ts';
import { token, type Token } from '../model/token.ts';
import { cacheRules, defaultCacheRules, type CacheRule } from '../plugins/auth-cache.ts';
import {
  authMethod,
  cacheKeyText,
  redirectParameter,
  requestRedirect,
} from '../plugins/external-auth-forms.ts';
import { option, type OptionTable } from './option.ts';
import { snippetOption } from './snippets.ts';

/** A bad value leaves nobody in: the check would not be the one that was asked for. */
const protective = { keepsOut: () => true };

/**
 * A service that is asked about every request to an Ingress without one of its own. Annotations of the same names,
 * without `global-`, say the same of one Ingress.
 */
export const globalAuth = {
  'global-auth-url': option<AuthUrl | null>({
    ...authUrl,
    default: null,
    ...protective,
    description:
      'The URL of a service that is asked about every request to Ingresses without `auth-url`, but for those with `enable-global-auth: "false"`.',
  }),
  'global-auth-method': option<string | null>({
    ...authMethod,
    default: null,
    ...protective,
    description: 'The method of the question. Default: GET.',
  }),
  'global-auth-signin': option<SignInUrl | null>({
    ...signInUrl,
    default: null,
    description: 'The page that those who must log in are sent to.',
  }),
  'global-auth-signin-redirect-param': option<Token<'text'>>({
    ...tokenOf(redirectParameter),
    default: token('text', 'rd'),
    description: 'The parameter that tells that page where to return to.',
  }),
  'global-auth-response-headers': option<readonly Token<'header-name'>[]>({
    ...setHeaders,
    default: [],
    ...protective,
    description: 'Headers of the answer that backends are sent, separated by commas.',
  }),
  'global-auth-request-redirect': option<Token<'text'> | null>({
    ...tokenOf(requestRedirect),
    default: null,
    ...protective,
    description: 'The header `X-Auth-Request-Redirect` of the question. Default: the URI of the request.',
  }),
  'global-auth-cache-key': option<RequestText | null>({
    ...cacheKeyText,
    default: null,
    description: 'Requests with an equal key share an answer for a while. Default: none do.',
  }),
  'global-auth-cache-duration': option<readonly CacheRule[]>({
    ...cacheRules,
    default: defaultCacheRules,
    ...protective,
    description: 'How long answers of which status are shared: for example `200 202 10m, 401 1m`.',
  }),
  'global-auth-always-set-cookie': option({
    ...flag,
    default: false,
    ...protective,
    description: 'Whether the cookies of the answer are set with errors of the backend too.',
  }),
  'global-auth-snippet': option<Snippet | null>(
    snippetOption('auth', 'the location in which `global-auth-url` is asked'),
  ),
} satisfies OptionTable;
