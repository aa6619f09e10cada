import type { Certificate, Location, Server, ServerName } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { wildcardRegex } from '../model/regex.ts';
import type { Definition, HostPlan } from './hosts.ts';
import type { HostToken } from './ingress.ts';
import { splitLocations } from './locations.ts';
import type { Route } from './routes.ts';
import type { HostTls } from './tls.ts';
import type { VerdictCollector } from './verdicts.ts';

/** What the servers are built from. */
export interface ServerParts {
  /** The catch-all host first. */
  readonly hosts: readonly HostPlan[];
  readonly routes: ReadonlyMap<Definition, Route>;
  /** By host name. */
  readonly tls: ReadonlyMap<string, HostTls>;
  /** For connections that no server's own certificate fits; null where nginx has no TLS. */
  readonly defaultCertificate: Certificate | null;
  readonly listeners: readonly string[];
  readonly verdicts: VerdictCollector;
}

/** One server for each host; the catch-all one is the default of its listeners and has the default certificate. */
export function buildServers(parts: ServerParts): Server[] {
  return parts.hosts.map((host) => ({
    origin: host.creator?.key ?? null,
    listeners: parts.listeners,
    isDefault: host.name === null,
    names: host.name === null ? [] : [serverName(host.name)],
    certificate:
      host.name === null ? parts.defaultCertificate : (tlsOf(host.name, parts.tls)?.certificate ?? null),
    additions: [],
    locations: splitLocations(host.definitions, parts.verdicts).flatMap(
      ({ definition, match }): Location[] => {
        const route = parts.routes.get(definition);
        return route === undefined ? [] : [{ origin: definition.owner?.key ?? null, match, ...route }];
      },
    ),
  }));
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

function serverName(name: HostToken): ServerName {
  return name.token === 'host' ? { exact: name, regex: null } : { exact: null, regex: wildcardRegex(name) };
}
