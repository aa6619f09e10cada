import { headerName } from '../model/header.ts';
import type {
  Action,
  Addition,
  InternalLocation,
  ProxyAction,
  RequestHeader,
  ResponseHeader,
  Split,
} from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { refused, type Parsed, type Token } from '../model/token.ts';
import { parseText } from '../model/words.ts';
import type { BackendProtocol, RegexScope, StandIn } from '../plugins/additions.ts';
import { alternativeInLog } from '../plugins/location-variables.ts';
import type { Options } from '../options/options.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { Backend, BackendForm, Backends } from './backends.ts';
import { memoryHeader, splitOf, targetOf, type Alternatives } from './alternatives.ts';
import { plainHttp, RouteCollector, type Collected } from './collect.ts';
import type { Definition, HostPlan } from './hosts.ts';
import { closeByBug, type IngressPlan } from './ingress.ts';
import { forPlugin, type PluginContexts, type RouteBase } from './plugin-contexts.ts';
import type { Protections } from './protections.ts';
import type { TranslateSettings } from './settings.ts';
import { trafficLogPath } from './traffic.ts';
import type { VerdictCollector } from './verdicts.ts';

/** What the locations of one definition do. */
export interface Route {
  readonly additions: readonly Addition[];
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  readonly internals: readonly InternalLocation[];
  readonly action: Action;
  /** Null where the path is compared literally. */
  readonly regex: RegexScope | null;
  /** Names that nginx may say in a message about this route. */
  readonly names: readonly string[];
  /** Shares its requests out among alternatives. */
  readonly split: Split | null;
}

export interface RouteParts {
  readonly settings: TranslateSettings;
  readonly plugins: PluginRegistry;
  readonly contexts: PluginContexts;
  readonly backends: Backends;
  readonly alternatives: Alternatives;
  readonly protections: Protections;
  readonly verdicts: VerdictCollector;
  readonly options: Options;
  /** Whether requests that no route takes are logged. */
  readonly isFallbackLogged: boolean;
}

/** What the annotation enable-access-log: "false" adds. */
function silent(settings: TranslateSettings): readonly Addition[] {
  const trafficLog = trafficLogPath(settings);
  return [{ plugin: 'request-log', settings: { silent: true, rewrites: false, trafficLog } }];
}

const plain: Omit<Route, 'action'> = {
  additions: [],
  requestHeaders: [],
  responseHeaders: [],
  internals: [],
  regex: null,
  names: [],
  split: null,
};

/** Answers 503. */
export const closedAction: Action = answer(503, null);

/** Says what every definition does. A plugin that throws closes all routes of the Ingress it was called for. */
export function routeAll(
  hosts: readonly HostPlan[],
  isTls: (host: HostPlan, owner: ObjectKey | null) => boolean,
  parts: RouteParts,
): Map<Definition, Route> {
  const routes = new Map<Definition, Route>();
  const fallback = globalDefault(parts);
  const collector = new RouteCollector(parts.plugins, parts.contexts, parts.verdicts);
  for (const host of hosts) {
    for (const definition of host.definitions) {
      const tls = isTls(host, definition.owner?.key ?? null);
      routes.set(definition, routeOf(definition, host, { tls, fallback, collector }, parts));
    }
  }
  collector.tell();
  closeRoutes(routes);
  return routes;
}

/** Once more for those that were closed by something that came later. */
export function closeRoutes(
  routes: Map<Definition, Route>,
  closedHosts: ReadonlySet<HostPlan> = new Set(),
): void {
  const closed = new Set([...closedHosts].flatMap((host) => host.definitions));
  for (const [definition, route] of routes) {
    if (definition.owner?.closed === true || closed.has(definition)) {
      routes.set(definition, closedRoute(route.regex));
    }
  }
}

function closedRoute(regex: RegexScope | null): Route {
  return { ...plain, regex, action: closedAction };
}

interface RouteOptions {
  readonly tls: boolean;
  /** Where nobody was asked for. */
  readonly fallback: Action;
  readonly collector: RouteCollector;
}

function routeOf(
  definition: Definition,
  host: HostPlan,
  { tls, fallback, collector }: RouteOptions,
  parts: RouteParts,
): Route {
  const { owner } = definition;
  if (owner === null) {
    return { ...plain, additions: parts.isFallbackLogged ? [] : silent(parts.settings), action: fallback };
  }
  let regex: RegexScope | null = null;
  try {
    const { protections } = parts;
    const facts = { tls, httpsPort: parts.settings.httpsPort, protections };
    const base = parts.contexts.route(owner, definition, host, facts);
    regex = regexOf(base, parts);
    if (owner.closed) {
      return closedRoute(regex);
    }
    const collected = collector.collect(base, owner);
    if (collected === null) {
      return closedRoute(regex);
    }
    const { backend, answers, form, proxied, standIn, session, ...rest } = collected;
    const route = { ...rest, split: null };
    const action = answers
      ? { proxy: null, answer: null }
      : actionOf(definition, owner, { protocol: backend, form }, fallback, parts);
    if (action.proxy !== null) {
      const split = splitFor(definition, owner, action.proxy, { session, form }, parts);
      return split === null
        ? { ...route, regex, action }
        : {
            ...withMemory(route, split),
            additions: [...route.additions, ...alternativeInLog(parts.options, split.name)],
            regex,
            action: { ...action, proxy: { ...action.proxy, split: split.name } },
            split,
          };
    }
    const other = answers || standIn === null ? null : standInFor(definition, owner, standIn, parts);
    if (other !== null) {
      const requestHeaders = [...route.requestHeaders, ...other.requestHeaders];
      return { ...route, requestHeaders, regex, action: other.action };
    }
    const additions =
      proxied.size === 0 ? route.additions : route.additions.filter(({ plugin }) => !proxied.has(plugin));
    return { ...route, additions, regex, action };
  } catch (error) {
    closeByBug(owner, error, parts.verdicts);
    return closedRoute(regex);
  }
}

function splitFor(
  definition: Definition,
  owner: IngressPlan,
  { upstream, external }: ProxyAction,
  asked: Pick<Collected, 'session' | 'form'>,
  { alternatives, backends, verdicts }: RouteParts,
): Split | null {
  const candidates = alternatives.get(definition) ?? [];
  const primary = targetOf(upstream, external);
  return candidates.length === 0
    ? null
    : splitOf(owner, { ...asked, primary, candidates, backends, verdicts });
}

/** Tells the client which side its session is with. */
function withMemory(
  route: Pick<Route, 'responseHeaders'> & Omit<Route, 'regex' | 'action'>,
  { name, memory }: Split,
): Omit<Route, 'regex' | 'action'> {
  return memory === null
    ? route
    : { ...route, responseHeaders: [...route.responseHeaders, memoryHeader(name)] };
}

/** The widest reach that a plugin asks for. */
function regexOf(base: RouteBase, { plugins }: RouteParts): RegexScope | null {
  let widest: RegexScope | null = null;
  for (const plugin of base.reading === null ? [] : plugins.list()) {
    const scope = plugin.regex === undefined ? null : plugin.regex(forPlugin(plugin, base));
    widest = scope === 'host' ? scope : (widest ?? scope);
  }
  return widest;
}

/** The Service that answers where the rule's own cannot, with what it is told; null where it cannot either. */
function standInFor(
  { backend }: Definition,
  owner: IngressPlan,
  { service, field, requestHeaders }: StandIn,
  { backends, verdicts }: RouteParts,
): { readonly action: Action; readonly requestHeaders: readonly RequestHeader[] } | null {
  if (backend?.service === null || backend === null) {
    return null;
  }
  const found = backends.findFirst(owner.ref.namespace, service);
  if ('fault' in found) {
    const message = `cannot stand in: ${found.fault.message}`;
    verdicts.add(owner.ref, 'served-with-difference', field, message);
    return null;
  }
  verdicts.add(owner.ref, 'served-with-difference', field, `Service ${service} answers in its place`);
  const { name, port } = backend.service;
  const told = [
    ['X-Service-Name', name] as const,
    ['X-Service-Port', port.name ?? String(port.number ?? '')] as const,
  ].flatMap(([header, text]): RequestHeader[] => {
    const value = parseText(text);
    return refused(value) ? [] : [{ name: headerName(header), value: value.value }];
  });
  return { action: proxy(found, plainHttp), requestHeaders: [...requestHeaders, ...told] };
}

function actionOf(
  definition: Definition,
  owner: IngressPlan,
  { protocol, form }: { readonly protocol: BackendProtocol; readonly form: BackendForm },
  fallback: Action,
  { backends, verdicts }: RouteParts,
): Action {
  if (definition.backend === null) {
    return fallback;
  }
  const { service } = definition.backend;
  if (service === null) {
    const message = 'names no Service: the route answers 503; give it a service';
    verdicts.add(owner.ref, 'served-with-difference', definition.field, message);
    return closedAction;
  }
  const backend = backends.find(owner.ref.namespace, service.name, service.port, form);
  const fault = 'fault' in backend ? backend.fault : backend.remark;
  if (fault !== null) {
    verdicts.add(owner.ref, 'served-with-difference', `${definition.field}.${fault.part}`, fault.message);
  }
  return proxy(backend, protocol);
}

/** What answers where nobody was asked for: the configured Service, or 404. */
function globalDefault({ settings, backends, verdicts }: RouteParts): Action {
  const [namespace, name] = settings.defaultBackendService.split('/');
  if (namespace === undefined || name === undefined) {
    return notFound();
  }
  const backend = backends.findFirst(namespace, name);
  if ('fault' in backend) {
    const ref = { kind: 'Service', namespace, name } as const;
    const message = `${backend.fault.message}; as it is the default backend, 404 (kubernetes.default_backend_service)`;
    const field = backend.fault.part === 'service.name' ? 'metadata.name' : 'spec.ports';
    verdicts.add(ref, 'served-with-difference', field, message);
    return notFound();
  }
  return proxy(backend, plainHttp);
}

function proxy(backend: Backend, protocol: BackendProtocol): Action {
  return 'fault' in backend
    ? closedAction
    : { proxy: { ...protocol, ...backend.target, split: null }, answer: null };
}

function notFound(): Action {
  return answer(404, '{"error":"route not found"}');
}

function answer(status: number, text: string | null): Action {
  const json: Parsed<Token<'text'> | null> = text === null ? { value: null } : parseText(text);
  if (refused(json)) {
    throw new TypeError(json.error);
  }
  return { proxy: null, answer: { status, json: json.value } };
}
