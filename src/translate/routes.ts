import type { Capabilities } from '../model/capabilities.ts';
import type { Action, Addition } from '../model/model.ts';
import { refused, type Parsed, type Token } from '../model/token.ts';
import { keyword, parseText } from '../model/words.ts';
import type { BackendProtocol, RouteAdditions, Settings } from '../plugins/plugin.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { Backend, Backends } from './backends.ts';
import type { Definition, HostPlan } from './hosts.ts';
import { closeByBug, type IngressPlan } from './ingress.ts';
import type { TranslateSettings } from './settings.ts';
import type { VerdictCollector } from './verdicts.ts';

/** What the locations of one definition do. */
export interface Route {
  readonly additions: readonly Addition[];
  readonly action: Action;
}

export interface RouteContext {
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly plugins: PluginRegistry;
  readonly backends: Backends;
  readonly verdicts: VerdictCollector;
}

const closedRoute: Route = { additions: [], action: answer(503, null) };

const plainHttp: BackendProtocol = { protocol: keyword('http'), grpc: false };

export interface Routing {
  readonly routes: ReadonlyMap<Definition, Route>;
  /** What plugins print once for all servers. */
  readonly additions: readonly Addition[];
}

/** Says what every definition does. A plugin that throws closes all routes of the Ingress it was called for. */
export function routeAll(
  hosts: readonly HostPlan[],
  isTls: (host: HostPlan) => boolean,
  context: RouteContext,
): Routing {
  const routes = new Map<Definition, Route>();
  const fallback = globalDefault(context);
  for (const host of hosts) {
    for (const definition of host.definitions) {
      routes.set(definition, routeOf(definition, host, isTls(host), fallback, context));
    }
  }
  const additions = httpAdditions(routes, context);
  // Once more for those that were closed by a later route of theirs.
  for (const definition of routes.keys()) {
    if (definition.owner?.closed === true) {
      routes.set(definition, closedRoute);
    }
  }
  return { routes, additions };
}

/** What plugins print once; where one throws, the locations that need it are closed. */
function httpAdditions(
  routes: ReadonlyMap<Definition, Route>,
  { plugins, verdicts }: RouteContext,
): Addition[] {
  const users = new Map<string, { settings: Settings[]; owners: Set<IngressPlan> }>();
  for (const [{ owner }, route] of routes) {
    for (const { plugin, settings } of owner === null || owner.closed ? [] : route.additions) {
      const entry = users.get(plugin) ?? { settings: [], owners: new Set() };
      entry.settings.push(settings);
      users.set(plugin, owner === null ? entry : { ...entry, owners: entry.owners.add(owner) });
    }
  }
  return plugins.list().flatMap((plugin): Addition[] => {
    const used = users.get(plugin.name);
    try {
      const settings = used === undefined ? null : (plugin.http?.(used.settings) ?? null);
      return settings === null ? [] : [{ plugin: plugin.name, settings }];
    } catch (error) {
      for (const owner of used?.owners ?? []) {
        closeByBug(owner, error, verdicts);
      }
      return [];
    }
  });
}

function routeOf(
  definition: Definition,
  host: HostPlan,
  tls: boolean,
  fallback: Action,
  context: RouteContext,
): Route {
  const { owner } = definition;
  if (owner === null) {
    return { additions: [], action: fallback };
  }
  if (owner.closed) {
    return closedRoute;
  }
  try {
    const collected = collect(definition, owner, host, tls, context);
    if (collected === null) {
      return closedRoute;
    }
    const { additions, backend } = collected;
    return { additions, action: actionOf(definition, owner, backend, fallback, context) };
  } catch (error) {
    closeByBug(owner, error, context.verdicts);
    return closedRoute;
  }
}

/** What the plugins add to a route, in their order; null where one of them has to close it. */
function collect(
  definition: Definition,
  owner: IngressPlan,
  host: HostPlan,
  tls: boolean,
  { plugins, capabilities, settings, verdicts }: RouteContext,
): { additions: Addition[]; backend: BackendProtocol } | null {
  const additions: Addition[] = [];
  let backend = plainHttp;
  let isClosed = false;
  const fields = owner.annotations?.fields;
  for (const plugin of plugins.list()) {
    const added: RouteAdditions =
      plugin.route?.({
        object: owner.key,
        settings: owner.annotations?.settings.get(plugin.name) ?? {},
        given: owner.annotations?.given.get(plugin.name) ?? [],
        field: (name) => fields?.get(name) ?? null,
        capabilities,
        host: host.name,
        tls,
        path: definition.path,
        exact: definition.exact,
        catchAll: definition.catchAll,
        httpsPort: settings.httpsPort,
      }) ?? {};
    verdicts.addAll(owner.ref, 'served-with-difference', [
      ...(added.differences ?? []),
      ...(added.unavailable ?? []),
    ]);
    isClosed ||= added.unavailable !== undefined && added.unavailable.length > 0;
    backend = added.backend ?? backend;
    if (added.location !== undefined) {
      additions.push({ plugin: plugin.name, settings: added.location });
    }
  }
  return isClosed ? null : { additions, backend };
}

function actionOf(
  definition: Definition,
  owner: IngressPlan,
  protocol: BackendProtocol,
  fallback: Action,
  { backends, verdicts }: RouteContext,
): Action {
  if (definition.backend === null) {
    return fallback;
  }
  const { service } = definition.backend;
  if (service === null) {
    const message = 'names no Service: the route answers 503; give it a service';
    verdicts.add(owner.ref, 'served-with-difference', definition.field, message);
    return closedRoute.action;
  }
  const backend = backends.find(owner.ref.namespace, service.name, service.port);
  const fault = 'fault' in backend ? backend.fault : backend.remark;
  if (fault !== null) {
    verdicts.add(owner.ref, 'served-with-difference', `${definition.field}.${fault.part}`, fault.message);
  }
  return proxy(backend, protocol);
}

/** What answers where nobody was asked for: the configured Service, or 404. */
function globalDefault({ settings, backends, verdicts }: RouteContext): Action {
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
    ? closedRoute.action
    : { proxy: { ...protocol, ...backend.target }, answer: null };
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
