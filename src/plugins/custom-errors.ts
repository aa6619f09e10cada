import { described, flag } from '../model/grammar.ts';
import { headerName } from '../model/header.ts';
import type { RequestHeader } from '../model/model.ts';
import { parseObjectKey } from '../model/object-ref.ts';
import { refused, shown, token, whole, type Parsed, type Token } from '../model/token.ts';
import { pattern } from '../model/value-type.ts';
import type { Reason } from '../model/verdict.ts';
import { expression, identifier, parseText } from '../model/words.ts';
import { keepsStatus, parseErrorCode, refusals } from '../options/error-pages.ts';
import { authorityOf } from './authority.ts';
import { namedLocation, type InternalAddition } from './additions.ts';
import type { Target } from './context.ts';
import { annotation, definePlugin, type RouteAdditions, type RouteContext } from './plugin.ts';

/** 499 has no page. */
const codePattern = '(?:4(?:[0-8][0-9]|9[0-8])|5[0-9][0-9])';

const table = {
  'custom-http-errors': annotation<readonly number[]>({
    ...described(parseCodes, {
      name: 'list of statuses',
      allowed: 'numbers from 400 to 599, separated by commas',
      shape: pattern(`(?:,\\s*)?${codePattern}(?:[, ]+${codePattern})*`),
      exact: true,
      samples: ['404', '500,502, 503'],
    }),
    default: [],
    option: 'custom-http-errors',
    onInvalid: 'reject',
    description:
      'Statuses (400 to 599, separated by commas) whose answers are replaced by a page of default-backend or of the global default backend.',
  }),
  'disable-proxy-intercept-errors': annotation<boolean>({
    ...flag,
    default: false,
    option: 'disable-proxy-intercept-errors',
    description: "Leaves answers of backends alone: only nginx's own errors are replaced.",
  }),
};

type Route = RouteContext<typeof table>;

/**
 * Replaces errors by pages of another Service, which is told what happened. The pages are asked for in locations of
 * their own, which no sub-request for authentication can reach (CVE-2026-24513).
 */
export const customErrors = definePlugin({
  name: 'custom-errors',
  // After external authentication: of two pages for one status the first holds, which is the way to sign in.
  order: 460,
  annotations: table,
  route(route) {
    const codes = route.settings['custom-http-errors'];
    if (codes.length === 0) {
      return {};
    }
    const differences: Reason[] = [];
    const painter = painterOf(route, differences);
    if (painter === null) {
      return { differences };
    }
    const kept = codes.filter((code) => refusals.includes(code));
    const field = route.field('custom-http-errors');
    if (kept.length > 0 && field !== null) {
      differences.push({ field, message: keepsStatus(kept) });
    }
    return { ...pagesOf(codes, painter, route), differences };
  },
});

/**
 * Who makes the pages: the Service of the Ingress, else the global one; null where nobody can. It is never a Service
 * that the protections of routes stand before: nginx says many statuses itself (413 before any login, whatever a
 * snippet returns), and the request for the page, with the method, the query and the headers of the client, would get
 * past them.
 */
function painterOf(route: Route, differences: Reason[]): Target | null {
  const own = route.settingsOf('default-backend')['default-backend'];
  const found = typeof own === 'string' ? route.service(own) : null;
  if (found !== null && !refused(found)) {
    return unguarded(found.value, String(own), route, differences);
  }
  if (found !== null) {
    differences.push({ field: defaultBackendField(route), message: `makes no error pages: ${found.error}` });
  }
  const global = route.defaultBackend();
  if (global !== null && !refused(global)) {
    return unguarded(global.value, null, route, differences);
  }
  const field = route.field('custom-http-errors');
  if (field !== null) {
    const why =
      global === null
        ? 'neither default-backend nor kubernetes.default_backend_service is set'
        : `the default backend cannot be reached: ${global.error}`;
    differences.push({ field, message: `has no effect, errors are answered as they are: ${why}` });
  }
  return null;
}

function unguarded(
  target: Target,
  service: string | null,
  route: Route,
  differences: Reason[],
): Target | null {
  const guard = route.guardOf(service);
  if (guard === null) {
    return target;
  }
  const isOwn = service !== null;
  const which = isOwn ? service : 'the global default backend';
  const field = isOwn ? defaultBackendField(route) : (route.field('custom-http-errors') ?? 'spec.rules');
  const message = `makes no error pages, errors are answered as they are: ${which} is protected by ${guard}, and who asks for a page would get past that; name a Service that no protected route leads to`;
  differences.push({ field, message });
  return null;
}

function defaultBackendField(route: Route): string {
  const field = route.field as (name: string) => string | null;
  return field('default-backend') ?? '';
}

function pagesOf(codes: readonly number[], target: Target, route: Route): RouteAdditions {
  const pages = codes.map((code) => ({ code, location: pageLocation(code, target, route) }));
  return pages.length === 0
    ? {}
    : {
        location: {
          intercepts: !route.settings['disable-proxy-intercept-errors'],
          pages: pages.map(({ code, location }) => ({
            code,
            keepsStatus: refusals.includes(code),
            named: location.named,
          })),
        },
        internals: pages.map(({ location }) => location),
      };
}

/** Where the page for a status of this route is asked for. */
function pageLocation(
  code: number,
  target: Target,
  { object, backend }: Route,
): InternalAddition & { readonly named: Token<'identifier'> } {
  const { namespace, name } = parseObjectKey(object) ?? { namespace: '', name: '' };
  const told: readonly [string, Token][] = [
    ['X-Code', token('text', String(code))],
    ['X-Format', expression`$http_accept`],
    ['X-Original-URI', expression`$request_uri`],
    ['X-Namespace', plain(namespace)],
    ['X-Ingress-Name', plain(name)],
    ['X-Service-Name', plain(backend?.service ?? '')],
    ['X-Service-Port', plain(backend?.port ?? '')],
    // The page is asked for without the body of the request, and over no connection of another kind.
    ['Content-Length', expression``],
    ['Upgrade', expression``],
    ['Connection', expression``],
  ];
  const external = target.external?.name ?? null;
  return namedLocation(
    'custom-errors',
    { external, url: expression`http://${authorityOf(target, identifier('error_page_host'))}` },
    {
      requestHeaders: told.map(([header, value]): RequestHeader => ({ name: headerName(header), value })),
      upstream: target.upstream,
    },
  );
}

function plain(text: string): Token {
  const parsed = parseText(text);
  return refused(parsed) ? token('text', '') : parsed.value;
}

const isList = whole('[0-9]{3}(?:[, ]+[0-9]{3})*');

function parseCodes(text: string): Parsed<readonly number[]> {
  // ingress-nginx lets a comma stand in front.
  const list = text.trim().replace(/^,\s*/u, '');
  const items = isList(list) ? list.split(/[, ]+/u) : [];
  const codes = items.map((item) => parseErrorCode(item, 400));
  const fault = codes.find((code) => refused(code));
  if (items.length === 0 || fault !== undefined) {
    const why = fault === undefined ? `${shown(text)} is no list of statuses` : fault.error;
    return { error: `${why}: write numbers from 400 to 599, separated by commas` };
  }
  const values = codes.flatMap((code) => (refused(code) ? [] : [code.value]));
  return { value: [...new Set(values)].sort((a, b) => a - b) };
}
