import { createHash } from 'node:crypto';
import { parsePath } from '../model/path.ts';
import type { RequestHeader, ResponseHeader } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { SessionCookie } from './session-cookie.ts';
import { refused, type Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import type { Reason } from '../model/verdict.ts';

/** Values for a partial: tokens, numbers, booleans, null, and lists and records of those. */
export type Settings = Readonly<Record<string, unknown>>;

export type HostToken = Token<'host'> | Token<'wildcard-host'>;

/** Begins the paths of internal locations; no path of an Ingress may. */
export const reservedPrefix = '/_cng/';

/** How far a route that matches by regex reaches: `host` makes every location of its host a regex, as ingress-nginx does. */
export type RegexScope = 'host' | 'location';

/** A Service of the Ingress's own namespace, by its first port. */
export interface StandIn {
  readonly service: string;
  /** The annotation that names it. */
  readonly field: string;
  /** What it is sent beside the headers of the route; the name and port of the rule's Service are added. */
  readonly requestHeaders: readonly RequestHeader[];
}

export interface BackendProtocol {
  /** The scheme: `http`, `https`, `grpc` or `grpcs`, or a variable that holds one of the first two. */
  readonly protocol: Token<'keyword'> | Token<'expression'>;
  readonly grpc: boolean;
  /** FastCGI, which has no scheme. */
  readonly fastcgi: boolean;
}

/** What a plugin says about an Ingress as a whole. Everything may be left out. */
export interface IngressEffects {
  /** Refuses the Ingress: its routes answer 503, its verdict is `rejected`. */
  readonly reject?: readonly Reason[];
  /** Closes the Ingress because a protection cannot be built: its routes answer 503. */
  readonly deny?: readonly Reason[];
  /** Takes the Ingress out of routing: it claims no host and no path, its verdict is `rejected`. */
  readonly withdraw?: readonly Reason[];
  /** Prints the partial `plugins/<name>/stream` with these values at the end of stream. */
  readonly stream?: Settings;
  /** Makes the Ingress an alternative for the routes of another one: it claims no host and no path. */
  readonly alternative?: AlternativePolicy;
  readonly differences?: readonly Reason[];
}

/** Which requests go to an alternative. */
export interface AlternativePolicy {
  /** Of the requests that no condition decides about, in hundredths of a percent: 0 to 10,000. */
  readonly share: number;
  /** The first one that decides holds. */
  readonly conditions: readonly RequestCondition[];
  /** A client with a session stays where it began. */
  readonly followsSessions: boolean;
  /** The annotation that makes it one. */
  readonly field: string;
}

/** What of a request sends it to an alternative, or away from it. An empty input decides nothing. */
export interface RequestCondition {
  readonly input: Token<'expression'>;
  readonly there: Token<'regex'>;
  readonly away: Token<'regex'> | null;
}

/** What a plugin adds to one route. Everything may be left out. */
export interface RouteAdditions {
  /** Prints the partial `plugins/<name>/location` with these values. */
  readonly location?: Settings;
  /**
   * Headers for the backend. The full set is printed with them, and of several of one name the last holds: a
   * partial never prints `proxy_set_header` itself. Empty text keeps a header away from the backend.
   */
  readonly requestHeaders?: readonly RequestHeader[];
  /** Headers of answers, printed with the full set: a partial never prints `add_header` itself. */
  readonly responseHeaders?: readonly ResponseHeader[];
  /** Locations that only nginx itself can reach, made by `internalLocation` or `namedLocation`; equal ones are one. */
  readonly internals?: readonly InternalAddition[];
  /** The partial answers every request, so that no backend is asked or missed. */
  readonly answers?: boolean;
  /** `location` is left out where no backend is asked: the route answers by itself. */
  readonly onlyProxied?: boolean;
  /** The Service's own address takes the place of its endpoints. */
  readonly clusterAddress?: boolean;
  /**
   * Connections to the backend are shared only with routes that have the same value, letters and digits (`hashOf`):
   * nginx takes a connection that is kept open whatever certificates and checks it was opened with.
   */
  readonly connections?: string;
  /** Answers, over plain HTTP, where the backend of the rule cannot. */
  readonly standIn?: StandIn;
  /** How the backend is spoken to. */
  readonly backend?: BackendProtocol;
  /** Clients stay with one endpoint by this cookie. */
  readonly session?: SessionCookie;
  /** Zones, variables and the like that nginx may name in a message about this route. */
  readonly names?: readonly string[];
  /** Closes this route because what was asked for cannot be built: it answers 503. */
  readonly unavailable?: readonly Reason[];
  readonly differences?: readonly Reason[];
}

/** A location of the route's server that prints the partial `plugins/<name>/<slot>`. */
export interface InternalAddition {
  /** `= /_cng/…`, or null of a named location. */
  readonly path: Token<'path'> | null;
  /** Without its `@`, or null of one with a path. */
  readonly named: Token<'identifier'> | null;
  /** The partial within the plugin: `internal`, or `internal-…` where a plugin has several. */
  readonly slot: string;
  readonly settings: Settings;
  /** As `RouteAdditions.requestHeaders`; where there are none, those of http hold. */
  readonly requestHeaders: readonly RequestHeader[];
  /** The upstream that the partial passes requests to, if it does. */
  readonly upstream: Token<'identifier'> | null;
}

/** What an internal location has beside its settings. */
export interface InternalOptions {
  readonly slot?: string;
  readonly requestHeaders?: readonly RequestHeader[];
  readonly upstream?: Token<'identifier'> | null;
}

/** Reasons for one of the Ingresses of a host or an upstream. */
export interface Told {
  readonly object: ObjectKey;
  readonly reasons: readonly Reason[];
}

/** What a plugin adds to the server of a host. Everything may be left out. */
export interface ServerAdditions {
  /** Prints the partial `plugins/<name>/server` with these values. */
  readonly server?: Settings;
  /** Prints the partial `plugins/<name>/server-end` with these values, after all locations. */
  readonly end?: Settings;
  /**
   * The partial sets up TLS, which nginx only does for a server with a certificate: it gets the default one where it
   * has no other.
   */
  readonly ownTls?: boolean;
  /** As `RouteAdditions.requestHeaders`, for every route of the host. */
  readonly requestHeaders?: readonly RequestHeader[];
  /** As `RouteAdditions.responseHeaders`, for every route of the host. */
  readonly responseHeaders?: readonly ResponseHeader[];
  readonly aliases?: readonly ServerAlias[];
  /** Servers of other names that print the partial `plugins/<name>/server` and have no locations. */
  readonly companions?: readonly ServerCompanion[];
  /** Closes Ingresses because the host cannot have the protection that they ask for: their routes answer 503. */
  readonly deny?: readonly Told[];
  /** Closes the host because a protection of it cannot be built: every route answers 503. */
  readonly close?: readonly Told[];
  readonly differences?: readonly Told[];
}

/** Another name of a host. One that is a host or an alias already is left out, and its Ingress told. */
export interface ServerAlias {
  readonly name: HostToken | Token<'regex'>;
  readonly object: ObjectKey;
  readonly field: string;
}

export interface ServerCompanion {
  readonly name: Token<'host'>;
  readonly object: ObjectKey;
  readonly field: string;
  readonly settings: Settings;
}

/** What a plugin adds to an upstream. Everything may be left out. */
export interface UpstreamAdditions {
  /** Prints the partial `plugins/<name>/upstream` before the peers. */
  readonly upstream?: Settings;
  /** Whether workers share what they know of the peers; the zone's name and size are found from them. */
  readonly zone?: boolean;
  /** For Ingresses that lead there, and for the Service itself. */
  readonly differences?: readonly Told[];
}

/** An internal location of a path of its own, which is a hash of what is in it. */
export function internalLocation(
  plugin: string,
  settings: Settings,
  more: InternalOptions = {},
): InternalAddition & { readonly path: Token<'path'> } {
  const { slot = 'internal', requestHeaders = [], upstream = null } = more;
  const path = parsePath(
    `${reservedPrefix}${keyword(plugin).text}-${hashOf([slot, settings, requestHeaders])}`,
  );
  if (refused(path)) {
    throw new TypeError(path.error);
  }
  return { path: path.value, named: null, slot, settings, requestHeaders, upstream };
}

/** The same as a named location, for `error_page` and `try_files`; its name is for `@{{…}}`. */
export function namedLocation(
  plugin: string,
  settings: Settings,
  more: InternalOptions = {},
): InternalAddition & { readonly named: Token<'identifier'> } {
  const { slot = 'internal', requestHeaders = [], upstream = null } = more;
  const name = `cng-${keyword(plugin).text}-${hashOf([slot, settings, requestHeaders])}`;
  return {
    path: null,
    named: { token: 'identifier', text: name },
    slot,
    settings,
    requestHeaders,
    upstream,
  };
}

/** Sixteen hex digits that differ where the value does: for names of zones, maps and variables. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
