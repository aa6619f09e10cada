import type { ArtifactFile } from './candidate.ts';
import type { PrintableOptions } from '../options/options.ts';
import type { ObjectKey } from './object-ref.ts';
import type { Token } from './token.ts';

/**
 * What nginx should do, in nginx's own nouns and in no API's. Every value that came from the cluster is a token.
 * Arrays are in the order they are printed; equal models have equal JSON.
 */
export interface Model {
  readonly main: MainSettings;
  readonly http: HttpSettings;
  /** The global options by their keys in the ConfigMap. */
  readonly options: PrintableOptions;
  readonly listeners: readonly Listener[];
  readonly servers: readonly Server[];
  readonly upstreams: readonly Upstream[];
  readonly splits: readonly Split[];
  readonly streams: readonly StreamServer[];
  /** Null where http ends all TLS. */
  readonly passthrough: Passthrough | null;
  readonly stream: StreamSettings;
  /** Certificates and other files that the text names. */
  readonly files: readonly ArtifactFile[];
}

/** The main and events contexts. */
export interface MainSettings {
  /** A number of processes, or `auto`. */
  readonly workerProcesses: Token<'keyword'> | number;
  readonly workerShutdownTimeout: Token<'duration'>;
  readonly pidPath: Token<'file'>;
  readonly errorLogPath: Token<'file'>;
  /** Further files and collectors that errors are written to. */
  readonly moreErrorLogs: readonly Token[];
  /** Dynamic modules to load, ours alone. */
  readonly modules: readonly Token<'file'>[];
}

/** What holds for all of http. */
export interface HttpSettings {
  /** The ConfigMap of the global options: whose the settings are that are not the defaults. */
  readonly optionsOrigin: ObjectKey | null;
  /** Null: the requests are not logged. */
  readonly accessLogPath: Token<'file'> | null;
  /** The log that the gateway counts requests from; null: they are not counted. */
  readonly trafficLogPath: Token<'file'> | null;
  /** Further files and collectors that requests are logged to. */
  readonly moreAccessLogs: readonly LogTarget[];
  /** Variables of the log that locations set; empty elsewhere. */
  readonly logVariables: readonly Token<'identifier'>[];
  /** Parameters for DHE ciphers; null for none. */
  readonly dhParametersPath: Token<'file'> | null;
  /** The header `Strict-Transport-Security` of answers over HTTPS; null for none. */
  readonly strictTransportSecurity: Token<'text'> | null;
  /** Proxies in front that tell who the client is; null where connections come from clients themselves. */
  readonly proxiesInFront: ProxiesInFront | null;
  /** TLS comes through a socket of stream, whose PROXY protocol tells who the client is. */
  readonly tlsBehindStream: boolean;
  /** What they say about scheme, host and port counts. */
  readonly trustsForwardedHeaders: boolean;
  /** What all requests are held to by ModSecurity; null where it is off but for some. */
  readonly secRules: SecRules | null;
  /** Who gets nginx's own figures on the catch-all host; none: nobody. */
  readonly statusFor: readonly Token<'cidr'>[];
  /** Some clients get 403 on every host. */
  readonly blocks: boolean;
  /** `proxy_next_upstream`. */
  readonly nextUpstream: readonly Token<'keyword'>[];
  readonly mimeTypesPath: Token<'file'> | null;
  /** Unix socket of the private server that tells the generation and nginx's own figures. */
  readonly privateSocketPath: Token<'file'>;
  /** Folder for request bodies and buffered answers. */
  readonly temporaryPath: Token<'file'>;
  /** Name servers for names that are looked up at run time. Empty: such names cannot be served. */
  readonly resolvers: readonly Token<'address'>[];
  readonly resolverIpv6: boolean;
  readonly httpsPort: number;
  readonly serverNamesHashBucketSize: number;
  readonly serverNamesHashMaxSize: number;
  /** What backends are sent beside the request's own headers. */
  readonly requestHeaders: readonly RequestHeader[];
  /** What answers have. */
  readonly responseHeaders: readonly ResponseHeader[];
  readonly additions: readonly Addition[];
}

/** Rules of ModSecurity. */
export interface SecRules {
  /** Written out; or null. */
  readonly rules: Token<'snippet'> | null;
  /** In files, in this order. */
  readonly files: readonly Token<'file'>[];
}

/** A file, or `syslog:server=…`. */
export interface LogTarget {
  readonly target: Token;
  /** How the file is written. */
  readonly parameters: readonly Token<'text'>[];
}

/** How connections from proxies in front are understood. */
export interface ProxiesInFront {
  readonly networks: readonly Token<'cidr'>[];
  /** Clients speak the PROXY protocol, which tells the address. */
  readonly proxyProtocol: boolean;
  /** Else this header does. */
  readonly addressHeader: Token<'header-name'>;
  /** `X-Forwarded-Proto`, `-Host` and `-Port` of these proxies count. */
  readonly trustsHeaders: boolean;
  /** Backends get the whole chain in `X-Forwarded-For`. */
  readonly wholeChain: boolean;
  /** Other headers of theirs that backends get: the variable that holds each, and the one that it is received in. */
  readonly handedOn: readonly {
    readonly variable: Token<'identifier'>;
    readonly received: Token<'identifier'>;
  }[];
}

/** A header for backends: text or an expression; empty text keeps the client's own from them. */
export interface RequestHeader {
  readonly name: Token<'header-name'>;
  readonly value: Token;
}

/** A header of answers; an expression that is empty for a request adds none. */
export interface ResponseHeader extends RequestHeader {
  /** With errors too. */
  readonly always: boolean;
  /** Hides what the backend sends under this name. */
  readonly replace: boolean;
}

/** A port that nginx listens on. */
export interface Listener {
  readonly id: string;
  readonly protocol: 'http' | 'https';
  readonly port: number;
  readonly ipv6: boolean;
  /** With the port; none for all addresses. */
  readonly addresses: readonly Token<'address'>[];
  /** A unix socket in the place of the port; null for none. */
  readonly socket: Token<'file'> | null;
  readonly proxyProtocol: boolean;
  readonly reusePort: boolean;
}

/** What a plugin adds to a slot: the partial `plugins/<plugin>/<slot>` is printed with `settings`. */
export interface Addition {
  readonly plugin: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** One host, its aliases and its routes on some listeners. */
export interface Server {
  /** The first object that asked for this host; null for the catch-all server of the gateway itself. */
  readonly origin: ObjectKey | null;
  /** Ids of listeners. */
  readonly listeners: readonly string[];
  /** Takes the requests that no other server of its listeners takes. */
  readonly isDefault: boolean;
  readonly names: readonly ServerName[];
  /** Null: the certificate of the default server answers. */
  readonly certificate: Certificate | null;
  readonly additions: readonly Addition[];
  /** What plugins add after the locations: the partial `plugins/<plugin>/server-end`. */
  readonly endings: readonly Addition[];
  /** In the order nginx should see them; order matters among regexes. */
  readonly locations: readonly Location[];
  /** Locations that only nginx itself can reach. */
  readonly internals: readonly InternalLocation[];
}

/** Exact names are tokens `host`; a wildcard is a regex with the wildcard beside it for the reader. */
export interface ServerName {
  readonly exact: Token<'host'> | null;
  readonly regex: Token<'regex'> | null;
}

/** A certificate with its chain and key in one file, so that a replaced pair never mismatches. */
export interface Certificate {
  readonly path: Token<'file'>;
  readonly origin: ObjectKey | null;
}

export interface Location {
  readonly origin: ObjectKey | null;
  /** Of that object, for example `spec.rules[0].http.paths[1]`; null where nobody has asked for the path. */
  readonly field: string | null;
  readonly match: LocationMatch;
  /** What the traffic log says of its requests (`trafficRoute`); null where they are counted without a route. */
  readonly trafficRoute: Token<'text'> | null;
  readonly additions: readonly Addition[];
  /** In addition to those of http, or in the place of those of the same name. */
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  readonly action: Action;
}

/** A location for sub-requests and error pages. Either `path` or `named` is not null. */
export interface InternalLocation {
  readonly origin: ObjectKey | null;
  readonly path: Token<'path'> | null;
  /** Without its `@`. */
  readonly named: Token<'identifier'> | null;
  readonly plugin: string;
  /** The partial `plugins/<plugin>/<slot>` is printed with `settings`. */
  readonly slot: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly requestHeaders: readonly RequestHeader[];
  /** The upstream that it leads to, if to one. */
  readonly upstream: Token<'identifier'> | null;
}

/** Exactly one of exact, prefix and regex is not null. */
export interface LocationMatch {
  readonly exact: Token<'path'> | null;
  readonly prefix: Token<'path'> | null;
  /** The prefix wins over every regex of its server (`^~`). */
  readonly beforeRegexes: boolean;
  /** Case-insensitive, anchored at the start only, as ingress-nginx has it. */
  readonly regex: Token<'regex'> | null;
}

/** What a location does. Exactly one field is not null; both are where the addition of a plugin answers. */
export interface Action {
  readonly proxy: ProxyAction | null;
  readonly answer: AnswerAction | null;
}

export interface ProxyAction {
  /** The scheme, or a variable that holds one. */
  readonly protocol: Token<'keyword'> | Token<'expression'>;
  readonly grpc: boolean;
  readonly fastcgi: boolean;
  /** Name of an upstream of this model, or null where `externalName` is looked up at run time. */
  readonly upstream: Token<'identifier'> | null;
  readonly external: { readonly name: Token<'host'>; readonly port: number } | null;
  /** The name of a split that chooses for each request between the two above and others; or null. */
  readonly split: Token<'identifier'> | null;
}

/** Chooses for each request between a primary target and alternatives, by a variable of its name. */
export interface Split {
  /** Carries a hash of all that is in it. */
  readonly name: Token<'identifier'>;
  /** Whose routes these are. */
  readonly origin: ObjectKey | null;
  readonly primary: SplitTarget;
  /** The first one that a condition sends a request to takes it; then the shares decide. */
  readonly alternatives: readonly Alternative[];
  /** Remembers where the sessions of a client are; null where nothing does. */
  readonly memory: SplitMemory | null;
}

/** The name of an upstream, or a host and port to look up. */
export type SplitTarget = Token<'identifier'> | Token<'text'>;

export interface Alternative {
  readonly origin: ObjectKey | null;
  /** What the traffic log says of requests that it takes: `ingress service port`. */
  readonly trafficName: Token<'text'>;
  readonly target: SplitTarget;
  /** Of the requests that no condition decides about, in hundredths of a percent; 0 for none. */
  readonly share: number;
  readonly conditions: readonly Condition[];
}

/** Sends requests to an alternative, or away from it. */
export interface Condition {
  readonly name: Token<'identifier'>;
  /** Decides nothing where it is empty. */
  readonly input: Token<'expression'>;
  readonly there: Token<'regex'>;
  readonly away: Token<'regex'> | null;
}

/** A cookie that says which target a client's session is with. */
export interface SplitMemory {
  /** Of the primary target and of those alternatives that sessions follow, by their number from 1; the primary is 0. */
  readonly sides: readonly SplitSide[];
}

export interface SplitSide {
  readonly number: number;
  /** What the client's cookies have. */
  readonly pattern: Token<'regex'>;
  /** The cookie that is set. */
  readonly cookie: Token<'expression'>;
}

/** A fixed answer: `503` for what cannot be served, `404` for what nobody asked to be served. */
export interface AnswerAction {
  readonly status: number;
  /** Null: nginx's own page for the status. */
  readonly json: Token<'text'> | null;
}

/** The endpoints of one Service port. */
export interface Upstream {
  readonly name: Token<'identifier'>;
  /** The Service. */
  readonly origin: ObjectKey | null;
  /** Sorted, without duplicates, never empty. */
  readonly peers: readonly Token<'address'>[];
  readonly keepaliveConnections: number;
  /** Memory that workers share; null where each counts for itself. */
  readonly zone: UpstreamZone | null;
  readonly additions: readonly Addition[];
}

export interface UpstreamZone {
  /** Carries a hash of what the zone is for and how large it is. */
  readonly name: Token<'identifier'>;
  readonly size: Token<'size'>;
}

/** What holds for all of stream. */
export interface StreamSettings {
  /** Null: the sessions are not logged. */
  readonly accessLogPath: Token<'file'> | null;
  /** Further files that sessions are logged to. */
  readonly moreAccessLogs: readonly LogTarget[];
  /** Proxies whose PROXY protocol tells who the client is, in the log and to backends; none where it does not. */
  readonly trustedProxies: readonly Token<'cidr'>[];
  /** What plugins add at its end: the partial `plugins/<plugin>/stream`. */
  readonly additions: readonly Addition[];
}

/** TLS that goes to backends as it is, beside TLS that http ends. */
export interface Passthrough {
  /** What http would listen on. */
  readonly listener: Listener;
  /** Where http takes its connections in the place of that. */
  readonly httpsSocket: Token<'file'>;
  readonly passedSocket: Token<'file'>;
  /** Sorted by name. */
  readonly hosts: readonly PassthroughHost[];
  readonly upstreams: readonly Upstream[];
  /** How long the header of the PROXY protocol may take to arrive. */
  readonly headerTimeout: Token<'duration'>;
  /** Whose PROXY protocol tells who the client is. */
  readonly trustedProxies: readonly Token<'cidr'>[];
  /** The address in the log can be that of the client. */
  readonly realip: boolean;
}

export interface PassthroughHost {
  readonly origin: ObjectKey;
  readonly name: Token<'host'>;
  readonly upstream: Token<'identifier'>;
}

/** A TCP or UDP port passed on to one Service. */
export interface StreamServer {
  readonly origin: ObjectKey | null;
  readonly port: number;
  /** With the port; none for all addresses. */
  readonly addresses: readonly Token<'address'>[];
  readonly udp: boolean;
  readonly acceptProxyProtocol: boolean;
  readonly sendProxyProtocol: boolean;
  readonly ipv6: boolean;
  readonly upstream: Upstream;
}
