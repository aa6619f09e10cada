import { coversHost } from '../model/certificate.ts';
import type { Certificate, InternalLocation, Location, Server, ServerName } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { wildcardRegex } from '../model/regex.ts';
import type { Token } from '../model/token.ts';
import type { Definition, HostPlan } from './hosts.ts';
import type { HostToken } from './ingress.ts';
import { splitLocations } from './locations.ts';
import { compareText } from './order.ts';
import { closedAction, type Route } from './routes.ts';
import type { ServerPlan } from './server-hooks.ts';
import type { HostTls } from './tls.ts';
import type { VerdictCollector } from './verdicts.ts';

/** What the servers are built from. */
export interface ServerParts {
  /** The catch-all host first. */
  readonly hosts: readonly HostPlan[];
  readonly routes: ReadonlyMap<Definition, Route>;
  /** What plugins have added. */
  readonly plans: ReadonlyMap<HostPlan, ServerPlan>;
  /** By host name. */
  readonly tls: ReadonlyMap<string, HostTls>;
  /** For connections that no server's own certificate fits; null where nginx has no TLS. */
  readonly defaultCertificate: Certificate | null;
  readonly listeners: readonly string[];
  /** Names of hosts whose TLS goes to their backend as it is, and the listeners that are left to them. */
  readonly passed: { readonly names: ReadonlySet<string>; readonly listeners: readonly string[] } | null;
  /** What the traffic log says of the requests of a route. */
  readonly trafficRoute: (definition: Definition, host: HostPlan) => Token<'text'> | null;
  readonly verdicts: VerdictCollector;
}

/**
 * One server for each host; the catch-all one is the default of its listeners and has the default certificate. Those
 * with regexes of users come last: nginx takes the first regex that fits, and a host of a rule comes before an alias.
 */
export function buildServers(parts: ServerParts): Server[] {
  const servers = parts.hosts.map((host) => buildServer(host, parts));
  const first = servers.filter((_, index) => !hasRegexAlias(parts.hosts[index], parts));
  const last = servers.filter((_, index) => hasRegexAlias(parts.hosts[index], parts));
  return [...first, ...buildCompanions(parts), ...last];
}

function hasRegexAlias(host: HostPlan | undefined, { plans }: ServerParts): boolean {
  const plan = host === undefined ? undefined : plans.get(host);
  return plan?.aliases.some(({ name }) => name.token === 'regex') === true;
}

function buildServer(host: HostPlan, parts: ServerParts): Server {
  const plan = parts.plans.get(host);
  const internals: InternalLocation[] = [];
  const locations = splitLocations(
    host.definitions,
    (definition) => parts.routes.get(definition)?.regex ?? null,
    host.name?.text ?? 'requests of other hosts',
    parts.verdicts,
  ).flatMap(({ definition, match, closed }): Location[] => {
    const route = parts.routes.get(definition);
    if (route === undefined) {
      return [];
    }
    const origin = definition.owner?.key ?? null;
    const trafficRoute = parts.trafficRoute(definition, host);
    const field = origin === null ? null : definition.field.replace(/\.backend$/u, '');
    if (closed) {
      const nothing = { additions: [], requestHeaders: [], responseHeaders: [] };
      return [{ origin, field, match, trafficRoute, ...nothing, action: closedAction }];
    }
    // What tells the client's certificate is for those who are asked about a request too.
    const more = plan?.requestHeaders ?? [];
    internals.push(
      ...route.internals.map((each) =>
        more.length === 0 || each.path === null
          ? each
          : { ...each, requestHeaders: [...more, ...each.requestHeaders] },
      ),
    );
    const { additions, action } = route;
    const responseHeaders = joined(plan?.responseHeaders ?? [], route.responseHeaders);
    // An answer of the gateway's own goes to no backend.
    const requestHeaders = action.answer === null ? joined(more, route.requestHeaders) : [];
    return [{ origin, field, match, trafficRoute, additions, requestHeaders, responseHeaders, action }];
  });
  return {
    origin: host.creator?.key ?? null,
    listeners:
      host.name !== null && parts.passed?.names.has(host.name.text) === true
        ? parts.passed.listeners
        : parts.listeners,
    isDefault: host.name === null,
    names: host.name === null ? [] : [host.name, ...aliasesOf(plan)].map(serverName),
    certificate: certificateOf(host, plan, parts),
    additions: plan?.additions ?? [],
    endings: plan?.endings ?? [],
    locations,
    internals: distinct(internals),
  };
}

/** The list itself where nothing is added to it: the same one is then seen to be the same. */
function joined<T>(first: readonly T[], then: readonly T[]): readonly T[] {
  return first.length === 0 ? then : [...first, ...then];
}

function certificateOf(
  { name }: HostPlan,
  plan: ServerPlan | undefined,
  { tls, defaultCertificate }: ServerParts,
): Certificate | null {
  const own = name === null ? null : (tlsOf(name, tls)?.certificate ?? null);
  return own ?? (name === null || plan?.ownTls === true ? defaultCertificate : null);
}

function aliasesOf(plan: ServerPlan | undefined): (HostToken | Token<'regex'>)[] {
  return (plan?.aliases ?? []).map(({ name }) => name).sort((a, b) => compareText(a.text, b.text));
}

/** Servers of other names that plugins ask for; they have the certificate of their host where it is valid for them. */
function buildCompanions({ plans, tls, listeners }: ServerParts): Server[] {
  return [...plans].flatMap(([host, plan]) => {
    const hostTls = host.name === null ? null : tlsOf(host.name, tls);
    return plan.companions.map(({ name, object, plugin, settings }) => ({
      origin: object,
      listeners,
      isDefault: false,
      names: [serverName(name)],
      certificate: coversHost(hostTls?.names ?? [], name.text) ? (hostTls?.certificate ?? null) : null,
      additions: [{ plugin, settings }],
      endings: [],
      locations: [],
      internals: [],
    }));
  });
}

/** Equal ones have equal names, which are hashes of what is in them. */
function distinct(internals: readonly InternalLocation[]): InternalLocation[] {
  const found = new Map<string, InternalLocation>();
  for (const internal of internals) {
    const name = internal.path?.text ?? `@${internal.named?.text}`;
    found.set(name, found.get(name) ?? internal);
  }
  return [...found].sort(([a], [b]) => compareText(a, b)).map(([, internal]) => internal);
}

/**
 * The TLS that holds for a host: its own, or that of the wildcard above it, whose certificate ingress-nginx finds by
 * the name that a client asks for.
 */
export function tlsOf(host: HostToken, tls: ReadonlyMap<string, HostTls>): HostTls | null {
  const own = tls.get(host.text);
  if (own !== undefined || host.token === 'wildcard-host') {
    return own ?? null;
  }
  const dot = host.text.indexOf('.');
  return dot < 0 ? null : (tls.get(`*${host.text.slice(dot)}`) ?? null);
}

/** The texts that nginx may name a host by, and whose it is. */
export function hostNames(hosts: readonly HostPlan[]): [string, readonly ObjectKey[]][] {
  return hosts.flatMap(({ name, members }): [string, readonly ObjectKey[]][] => {
    if (name === null) {
      return [];
    }
    const keys = members.map((plan) => plan.key);
    const entry: [string, readonly ObjectKey[]] = [name.text, keys];
    return name.token === 'host' ? [entry] : [entry, [`~${wildcardRegex(name).text}`, keys]];
  });
}

function serverName(name: HostToken | Token<'regex'>): ServerName {
  if (name.token === 'host') {
    return { exact: name, regex: null };
  }
  return { exact: null, regex: name.token === 'wildcard-host' ? wildcardRegex(name) : name };
}
