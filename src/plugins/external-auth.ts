import { escapedUri, namesEscapedUri, type AuthUrl } from '../model/auth-url.ts';
import { headerName, parseSetHeader } from '../model/header.ts';
import type { RequestHeader, ResponseHeader } from '../model/model.ts';
import { locationVariables } from '../model/location-variables.ts';
import { parseRequestText, requestTextExpression, type RequestText } from '../model/request-text.ts';
import type { Snippet } from '../model/snippet.ts';
import { refused, shown, token, type Parsed, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { expression, identifier, keyword, parseText } from '../model/words.ts';
import type { Options } from '../options/options.ts';
import { authorityOf } from './authority.ts';
import {
  hashOf,
  internalLocation,
  namedLocation,
  type InternalAddition,
  type Settings,
} from './additions.ts';
import { answerBuffers } from './buffers.ts';
import type { FoundConfigMap, Target } from './context.ts';
import { externalAuthTable } from './external-auth-table.ts';
import { globalAuthSettings } from './global-auth.ts';
import { isWithoutAuth, tellWithAuth } from './no-auth.ts';
import { definePlugin, type RouteAdditions, type RouteContext } from './plugin.ts';
import { authSnippet } from './snippets.ts';

type Route = RouteContext<typeof externalAuthTable>;

/** Annotations that do nothing here, because nginx does it by itself or there is nothing to switch off. */
const inert: readonly string[] = [
  'auth-keepalive',
  'auth-keepalive-requests',
  'auth-keepalive-timeout',
  'auth-keepalive-share-vars',
  'enable-global-auth',
];

/** Asks a service about every request before it goes to the backend (nginx's auth_request). */
export const externalAuth = definePlugin({
  name: 'external-auth',
  order: 430,
  annotations: externalAuthTable,
  route(route) {
    const { settings, options } = route;
    if (settings['auth-url'] !== null) {
      return ask(route, {
        field: (name) => route.field(name) ?? '',
        prefix: '',
        snippet: authSnippet(route.settingsOf('snippets'), options),
        isShared: false,
      });
    }
    const differences = withoutUrl(route);
    const global = settings['enable-global-auth'] ? globalAuthSettings(options, settings) : null;
    if (global === null) {
      return { differences };
    }
    const added = ask(
      { ...route, settings: global, given: [] },
      {
        field: () => 'metadata.annotations',
        prefix: 'the option global-auth-url asks for a check, and ',
        snippet: options['global-auth-snippet'],
        isShared: true,
      },
    );
    return { ...added, differences: [...differences, ...(added.differences ?? [])] };
  },
  http(_used, { internals, temporaryPath }) {
    const escapes = internals.some((settings) => settings['escapes'] === true);
    const caches = internals.some(
      (settings) => settings['cache'] !== undefined && settings['cache'] !== null,
    );
    return escapes || caches
      ? {
          escapes: escapes ? escapeSteps() : null,
          cachePath: caches ? temporaryPath : null,
        }
      : null;
  },
  proves: () => ['auth_request'],
});

/** Who wants a question to be asked, and how that is told. */
interface Asking {
  readonly field: (name: keyof typeof externalAuthTable) => string;
  /** Begins what is told. */
  readonly prefix: string;
  readonly snippet: Snippet | null;
  /** It is the operator's, who may use one connection for all namespaces. */
  readonly isShared: boolean;
}

/** Has the service asked that `route.settings` name, or closes the route. */
function ask(route: Route, asking: Asking): RouteAdditions {
  const { settings, options } = route;
  const url = settings['auth-url'];
  if (url === null || isWithoutAuth(route.path, options)) {
    return {};
  }
  function closed(name: keyof typeof externalAuthTable, message: string): RouteAdditions {
    return { unavailable: [{ field: asking.field(name), message: `${asking.prefix}${message}` }] };
  }
  if (!route.capabilities.authRequest) {
    return closed('auth-url', 'needs an nginx with the module auth_request: the routes answer 503');
  }
  const host = url.host ?? ownHost(route);
  if (host === null) {
    const message =
      'has the host of the request, which could be any here: the routes answer 503; write the host out';
    return closed('auth-url', message);
  }
  const own = ownHeaders(route);
  if (refused(own)) {
    return closed('auth-proxy-set-headers', `${own.error}; until then the routes answer 503`);
  }
  const more = [...own.value, ...(asking.snippet?.requestHeaders ?? [])];
  const apart = more.length === 0 ? '' : hashOf(more);
  const target = route.target(host, url.port, url.tls, asking.isShared ? null : apart);
  if (refused(target)) {
    return closed('auth-url', `${target.error}; until then the routes answer 503`);
  }
  const headers = [...questionHeaders(route, host), ...own.value];
  const asked = { host, target: target.value, snippet: asking.snippet };
  const added = checked(route, questionLocation(route, url, asked, headers));
  const told = tellWithAuth(route.path, options, asking.field('auth-url'));
  return { ...added, differences: [...(added.differences ?? []), ...told] };
}

function withoutUrl({ given, field }: Route): Reason[] {
  return given
    .filter((name) => !inert.includes(name))
    .map((name) => ({
      field: field(name) ?? '',
      message: 'has no effect without auth-url: set it, or remove this',
    }));
}

/** The one name that all requests of the server have, or null. */
function ownHost({ host }: Route): string | null {
  return host?.token === 'host' ? host.text : null;
}

interface Asked {
  readonly host: string;
  readonly target: Target;
  readonly snippet: Snippet | null;
}

/** What is asked, without a body, of whom. */
function questionLocation(
  route: Route,
  url: AuthUrl,
  { host, target, snippet }: Asked,
  requestHeaders: readonly RequestHeader[],
): InternalAddition & { readonly path: Token<'path'> } {
  const { settings } = route;
  const method = settings['auth-method'];
  const key = settings['auth-cache-key'];
  const location: Settings = {
    url: expression`${keyword(url.tls ? 'https' : 'http')}://${authorityOf(target, identifier('external_auth_host'))}${requestTextExpression(url.rest)}`,
    external: target.external?.name ?? null,
    tlsName: url.tls ? token('host', host) : null,
    escapes: namesEscapedUri(url.rest),
    method: method === null ? null : keyword(method),
    cache: key === null ? null : { key: cacheKey(route, host, key), rules: settings['auth-cache-duration'] },
    buffers: answerBuffers(route.settingsOf('buffers'), route.options),
    ...(snippet !== null && { snippet: snippet.lines }),
    ...(route.options['enable-auth-access-log'] &&
      route.accessLogs.length > 0 && {
        logged: { targets: route.accessLogs, skips: route.options['skip-access-log-urls'].length > 0 },
      }),
  };
  return internalLocation('external-auth', location, {
    requestHeaders: [...requestHeaders, ...(snippet?.requestHeaders ?? [])],
    upstream: target.upstream,
  });
}

/** Shares no answer between hosts, paths and services, as in ingress-nginx. */
function cacheKey(
  { settings, host, path, object }: Route,
  service: string,
  key: RequestText,
): Token<'expression'> {
  const { 'auth-url': url, 'auth-method': method } = settings;
  const owner = identifier(hashOf([object, host, path, service, url, method]));
  return expression`${owner}:${requestTextExpression(key)}`;
}

/** The route, where it asks and what it takes from the answer. */
function checked(
  { settings, field, given, options }: Route,
  question: InternalAddition & { readonly path: Token<'path'> },
): RouteAdditions {
  const signIn = signInPage(settings, options);
  const copied = settings['auth-response-headers'].map((name, index) => ({
    name,
    variable: identifier(`auth_header_${index}`),
    answer: identifier(`upstream_http_${name.text.toLowerCase().replaceAll('-', '_')}`),
  }));
  const kept = given.filter((name) => name.startsWith('auth-keepalive'));
  return {
    location: { path: question.path, signIn: signIn?.named ?? null, copied },
    internals: signIn === null ? [question] : [question, signIn],
    requestHeaders: copied.map(({ name, variable }) => ({ name, value: expression`$${variable}` })),
    responseHeaders: [setCookie(settings['auth-always-set-cookie'])],
    differences: kept.map((name) => ({
      field: field(name) ?? '',
      message: 'has no effect: connections to Services are kept open anyway, those to other hosts are not',
    })),
  };
}

function setCookie(always: boolean): ResponseHeader {
  return { name: headerName('Set-Cookie'), value: expression`$auth_cookie`, always, replace: false };
}

function signInPage(
  settings: Route['settings'],
  options: Options,
): (InternalAddition & { readonly named: Token<'identifier'> }) | null {
  const page = settings['auth-signin'];
  if (page === null) {
    return null;
  }
  const parameter = settings['auth-signin-redirect-param'];
  const isTold = page.parameters.includes(parameter.text);
  const url = requestTextExpression(page.text);
  const separator = token('text', page.parameters.length === 0 ? '?' : '&');
  const returning = expression`${url}${separator}${parameter}=${schemeOf(options)}://$best_http_host$escaped_request_uri`;
  return namedLocation(
    'external-auth',
    { url: isTold ? url : returning, escapes: !isTold || namesEscapedUri(page.text) },
    { slot: 'internal-sign-in' },
  );
}

/** The scheme that the client spoke, to a proxy in front or to nginx. */
function schemeOf(options: Options): Token<'expression'> {
  return options['use-forwarded-headers'] ? expression`$pass_access_scheme` : expression`$scheme`;
}

/** The headers of the question: never those that a client sent under the same names. */
function questionHeaders({ settings, options }: Route, host: string): RequestHeader[] {
  const own: readonly [string, Token][] = [
    ['Host', token('host', host)],
    ['Upgrade', expression``],
    ['Connection', expression``],
    ['Content-Length', expression``],
    ['X-Forwarded-Proto', expression``],
    ['X-Original-URL', expression`${schemeOf(options)}://$best_http_host$request_uri`],
    ['X-Original-URI', expression`$request_uri`],
    ['X-Original-Method', expression`$request_method`],
    ['X-Sent-From', token('text', 'nginx-ingress-controller')],
    ['X-Auth-Request-Redirect', settings['auth-request-redirect'] ?? expression`$request_uri`],
  ];
  return own.map(([name, value]): RequestHeader => ({ name: headerName(name), value }));
}

/** Those of a ConfigMap. */
function ownHeaders(route: Route): Parsed<RequestHeader[]> {
  const name = route.settings['auth-proxy-set-headers'];
  return name === null ? { value: [] } : configuredHeaders(route.configMap(name, 'full'));
}

function configuredHeaders(found: Parsed<FoundConfigMap>): Parsed<RequestHeader[]> {
  if (refused(found)) {
    return found;
  }
  const { key, data } = found.value;
  const headers: RequestHeader[] = [];
  for (const each of Object.keys(data).sort()) {
    const name = parseSetHeader(each);
    const value = parseRequestText(data[each] ?? '', {
      literal: (text) => !refused(parseText(text)),
      allowed: 'text and variables of a request',
      more: locationVariables,
    });
    if (refused(name) || refused(value)) {
      return {
        error: `${key} ${refused(name) ? name.error : `${shown(each)}: ${refused(value) ? value.error : ''}`}`,
      };
    }
    headers.push({ name: name.value, value: requestTextExpression(value.value) });
  }
  return { value: headers };
}

/** How many times nginx looks for characters to escape, four of a kind at a time where they follow each other. */
const mostEscapes = 24;

/** Each step takes the next characters with a meaning in a query from the rest of a URI and adds them, escaped, to the beginning. */
function escapeSteps(): Settings {
  const names = Array.from({ length: mostEscapes + 1 }, (_, index) => identifier(`escape_uri_${index}`));
  return {
    first: names[0],
    steps: names.slice(1).map((to, index) => ({ from: names[index], to })),
    last: names.at(-1),
    variable: identifier(escapedUri),
  };
}
