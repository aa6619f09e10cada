import type { Capabilities } from '../model/capabilities.ts';
import { mergeHeaders } from '../model/header.ts';
import type {
  Addition,
  InternalLocation,
  Listener,
  Location,
  Model,
  RequestHeader,
  ResponseHeader,
  Server,
  StreamServer,
  Upstream,
} from '../model/model.ts';
import { keyword, objectName } from '../model/words.ts';
import type { Token } from '../model/token.ts';

/**
 * What templates see (contract version 1, docs/templates.md): the model with everything looked up that a template
 * would otherwise have to compute.
 */
export interface View {
  readonly main: Model['main'];
  readonly options: Model['options'];
  readonly http: HttpView;
  readonly can: Capabilities & { readonly streamModule: boolean };
  readonly servers: readonly ServerView[];
  readonly upstreams: readonly UpstreamView[];
  readonly streams: readonly StreamServerView[];
}

export interface HttpView extends Omit<Model['http'], 'requestHeaders' | 'responseHeaders'> {
  readonly slots: readonly SlotView[];
  readonly headers: HeadersView;
}

/** Headers, the full set: nginx hands those of an outer block down only where the inner one has none. */
export interface HeadersView {
  /** For backends over HTTP. */
  readonly request: readonly RequestHeader[];
  /** For backends over gRPC: without those that hold for one connection, which HTTP/2 forbids. */
  readonly grpcRequest: readonly RequestHeader[];
  readonly response: readonly ResponseHeader[];
  /** Names that are hidden where the backend sends them. */
  readonly hidden: readonly RequestHeader['name'][];
}

/** One plugin's partial and what it is printed with. */
export interface SlotView {
  readonly partial: string;
  readonly settings: Addition['settings'];
}

export interface ListenView {
  readonly port: number;
  /** Null: all addresses. */
  readonly address: Token<'address'> | null;
  readonly ipv6: boolean;
  readonly ssl: boolean;
  /** Before 1.25.1 HTTP/2 is a parameter of `listen`. */
  readonly http2Parameter: boolean;
  readonly isDefault: boolean;
  readonly proxyProtocol: boolean;
  /** Of the default server alone: the parameters of a socket are said once. */
  readonly reusePort: boolean;
}

export interface ServerView extends Omit<Server, 'locations' | 'internals' | 'listeners'> {
  /** Handshakes for names that no server has are refused: of the default server alone. */
  readonly rejectsHandshakes: boolean;
  /** Some clients get 403. */
  readonly blocks: boolean;
  readonly comment: Token<'object'> | null;
  readonly listens: readonly ListenView[];
  readonly slots: readonly SlotView[];
  readonly locations: readonly LocationView[];
  readonly internals: readonly InternalLocationView[];
}

export interface LocationView extends Omit<Location, 'requestHeaders' | 'responseHeaders'> {
  readonly comment: Token<'object'> | null;
  readonly slots: readonly SlotView[];
  readonly grpc: boolean;
  /** Empty where those of http hold. */
  readonly headers: HeadersView;
}

export interface InternalLocationView extends Pick<InternalLocation, 'origin' | 'path' | 'named'> {
  readonly comment: Token<'object'> | null;
  readonly partial: string;
  readonly settings: Addition['settings'];
  /** Empty where those of http hold. */
  readonly headers: HeadersView;
}

export interface StreamServerView extends Omit<StreamServer, 'upstream'> {
  readonly upstream: UpstreamView;
}

export interface UpstreamView extends Upstream {
  readonly keepalive: KeepaliveView;
  readonly comment: Token<'object'> | null;
  readonly slots: readonly SlotView[];
}

/** How long connections to backends are kept. */
export interface KeepaliveView {
  readonly requests: number;
  readonly time: Token<'duration'>;
  readonly timeout: Token<'duration'>;
}

/** Makes views and keeps those of servers that have not changed, so that their rendered text is kept too. */
export class Viewer {
  #kept = new WeakMap<Server, ServerView>();
  #basis = '';

  view(model: Model, capabilities: Capabilities): View {
    const { requestHeaders, responseHeaders, ...http } = model.http;
    const base: HeaderBase = { requestHeaders, responseHeaders };
    const { options } = model;
    const shared: Shared = {
      rejects: options['ssl-reject-handshake'] && capabilities.sslRejectHandshake,
      blocks: http.blocks,
      http2: options['use-http2'],
    };
    const basis = JSON.stringify([model.listeners, capabilities, base, shared]);
    if (basis !== this.#basis) {
      this.#basis = basis;
      this.#kept = new WeakMap();
    }
    return {
      main: model.main,
      options,
      http: {
        ...http,
        slots: slotsOf(model.http.additions, 'http'),
        headers: { ...requestView(requestHeaders), ...responseView(responseHeaders) },
      },
      can: { ...capabilities, streamModule: capabilities.stream !== 'absent' },
      servers: model.servers.map((server) =>
        this.#server(server, model.listeners, capabilities, base, shared),
      ),
      upstreams: model.upstreams.map((upstream) => viewUpstream(upstream, options)),
      streams: model.streams.map((server) => ({
        ...server,
        upstream: viewUpstream(server.upstream, options),
      })),
    };
  }

  #server(
    server: Server,
    listeners: readonly Listener[],
    capabilities: Capabilities,
    base: HeaderBase,
    shared: Shared,
  ): ServerView {
    let view = this.#kept.get(server);
    if (view === undefined) {
      view = {
        ...server,
        comment: commentOf(server.origin),
        rejectsHandshakes: shared.rejects && server.isDefault,
        blocks: shared.blocks,
        listens: listensOf(server, listeners, capabilities, shared),
        slots: slotsOf(server.additions, 'server'),
        locations: server.locations.map((location) => viewLocation(location, server.origin, base)),
        internals: server.internals.map((internal) => viewInternal(internal, server.origin, base)),
      };
      this.#kept.set(server, view);
    }
    return view;
  }
}

/** What all servers have alike. */
interface Shared {
  readonly rejects: boolean;
  readonly blocks: boolean;
  readonly http2: boolean;
}

type HeaderBase = Pick<Model['http'], 'requestHeaders' | 'responseHeaders'>;

const noHeaders: HeadersView = { request: [], grpcRequest: [], response: [], hidden: [] };

/** Headers of one connection, which gRPC cannot have. */
const connectionHeaders = ['connection', 'upgrade'];

/** A location says whose it is where that is not its server's own object. */
function viewLocation(
  { requestHeaders, responseHeaders, ...location }: Location,
  serverOrigin: Server['origin'],
  base: HeaderBase,
): LocationView {
  return {
    ...location,
    comment: location.origin === serverOrigin ? null : commentOf(location.origin),
    slots: slotsOf(location.additions, 'location'),
    grpc: location.action.proxy?.grpc === true,
    headers: headersOf(requestHeaders, responseHeaders, base),
  };
}

function viewInternal(
  internal: InternalLocation,
  serverOrigin: string | null,
  base: HeaderBase,
): InternalLocationView {
  const { origin, path, named, plugin, slot, settings, requestHeaders } = internal;
  return {
    origin,
    path,
    named,
    comment: origin === serverOrigin ? null : commentOf(origin),
    partial: partialOf(plugin, slot),
    settings,
    headers: headersOf(requestHeaders, [], base),
  };
}

function headersOf(
  request: readonly RequestHeader[],
  response: readonly ResponseHeader[],
  base: HeaderBase,
): HeadersView {
  if (request.length === 0 && response.length === 0) {
    return noHeaders;
  }
  return {
    ...noHeaders,
    ...(request.length > 0 && requestView(mergeHeaders(base.requestHeaders, request))),
    ...(response.length > 0 && responseView(mergeHeaders(base.responseHeaders, response))),
  };
}

function requestView(headers: readonly RequestHeader[]): Pick<HeadersView, 'request' | 'grpcRequest'> {
  return {
    request: headers,
    grpcRequest: headers.filter(({ name }) => !connectionHeaders.includes(name.text.toLowerCase())),
  };
}

function responseView(headers: readonly ResponseHeader[]): Pick<HeadersView, 'response' | 'hidden'> {
  return { response: headers, hidden: headers.filter(({ replace }) => replace).map(({ name }) => name) };
}

function viewUpstream(upstream: Upstream, options: Model['options']): UpstreamView {
  return {
    ...upstream,
    keepalive: {
      requests: options['upstream-keepalive-requests'],
      time: options['upstream-keepalive-time'],
      timeout: options['upstream-keepalive-timeout'],
    },
    comment: commentOf(upstream.origin),
    slots: slotsOf(upstream.additions, 'upstream'),
  };
}

function commentOf(origin: string | null): Token<'object'> | null {
  return origin === null ? null : objectName(origin);
}

function slotsOf(additions: readonly Addition[], slot: string): SlotView[] {
  return additions.map(({ plugin, settings }) => ({
    partial: partialOf(plugin, slot),
    settings,
  }));
}

function partialOf(plugin: string, slot: string): string {
  return `plugins/${keyword(plugin).text}/${keyword(slot).text}`;
}

function listensOf(
  server: Server,
  listeners: readonly Listener[],
  capabilities: Capabilities,
  shared: Shared,
): ListenView[] {
  return listeners
    .filter((listener) => server.listeners.includes(listener.id))
    .flatMap((listener): ListenView[] => {
      const ssl = listener.protocol === 'https';
      const common = {
        port: listener.port,
        ssl,
        http2Parameter: ssl && shared.http2 && capabilities.http2 && !capabilities.http2Directive,
        isDefault: server.isDefault,
        proxyProtocol: listener.proxyProtocol,
        reusePort: listener.reusePort && server.isDefault,
      };
      return listener.addresses.length === 0
        ? [{ ...common, address: null, ipv6: listener.ipv6 && capabilities.ipv6 }]
        : listener.addresses.map((address) => ({ ...common, address, ipv6: false }));
    });
}
