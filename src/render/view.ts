import type { Capabilities } from '../model/capabilities.ts';
import type {
  Addition,
  InternalLocation,
  Listener,
  Location,
  Model,
  Server,
  Passthrough,
  StreamServer,
  StreamSettings,
  Upstream,
} from '../model/model.ts';
import { alternativeVariable } from '../model/location-variables.ts';
import { keyword, objectName } from '../model/words.ts';
import type { Token } from '../model/token.ts';
import { trafficVariable, viewSplit, type SplitView } from './view-split.ts';
import { Interned } from './interned.ts';
import type { Snippet } from '../model/snippet.ts';
import { HeaderViews, type HeadersView, type ServerHeaders, type SharedHeadersView } from './view-headers.ts';

/**
 * What templates see (contract version 1, docs/templates.md): the model with everything looked up that a template
 * would otherwise have to compute.
 */
export interface View {
  readonly main: Model['main'];
  readonly options: Model['options'];
  readonly http: HttpView;
  readonly can: Capabilities & { readonly streamModule: boolean; readonly brotli: boolean };
  readonly servers: readonly ServerView[];
  readonly upstreams: readonly UpstreamView[];
  readonly splits: readonly SplitView[];
  readonly passthrough: PassthroughView | null;
  readonly streams: readonly StreamServerView[];
  readonly stream: StreamView;
  /** There is something to stream, and nginx can. */
  readonly hasStreams: boolean;
}

export interface HttpView extends Omit<Model['http'], 'requestHeaders' | 'responseHeaders'> {
  readonly slots: readonly SlotView[];
  readonly headers: HeadersView;
}

/** What holds for all of stream. */
export interface StreamView extends StreamSettings {
  readonly slots: readonly SlotView[];
}

/** The operator's directives for a block. */
export interface SnippetView {
  /** The ConfigMap of the options. */
  readonly origin: string | null;
  readonly lines: readonly Token<'snippet'>[];
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
  /** A unix socket in the place of both; or null. */
  readonly socket: Token<'file'> | null;
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
  /** Who gets nginx's own figures under `/nginx_status`: of the default server alone. */
  readonly statusFor: readonly Token<'cidr'>[];
  readonly comment: Token<'object'> | null;
  readonly listens: readonly ListenView[];
  readonly slots: readonly SlotView[];
  /** What stands after the locations. */
  readonly endSlots: readonly SlotView[];
  /** The operator's, after the locations. */
  readonly snippet: SnippetView | null;
  /** What locations have alike: they print only what differs from it. */
  readonly sharedHeaders: readonly SharedHeadersView[];
  readonly locations: readonly LocationView[];
  readonly internals: readonly InternalLocationView[];
}

export interface LocationView extends Omit<Location, 'field' | 'requestHeaders' | 'responseHeaders'> {
  readonly comment: Token<'object'> | null;
  /** The variable with the canary that takes a request, for the traffic log; null where there can be none. */
  readonly trafficSplit: Token<'identifier'> | null;
  readonly slots: readonly SlotView[];
  /** The operator's, before all else. */
  readonly snippet: SnippetView | null;
  readonly grpc: boolean;
  /** Empty where those of the server or of http hold. */
  readonly headers: HeadersView;
}

export interface InternalLocationView extends Pick<InternalLocation, 'origin' | 'path' | 'named'> {
  readonly comment: Token<'object'> | null;
  readonly partial: string;
  readonly settings: Addition['settings'];
  /** Empty where those of the server or of http hold. */
  readonly headers: HeadersView;
}

/** TLS that goes to backends as it is. */
export interface PassthroughView extends Omit<Passthrough, 'upstreams'> {
  readonly upstreams: readonly UpstreamView[];
}

export interface StreamServerView extends Omit<StreamServer, 'upstream'> {
  /** Datagrams that answer one of a client. */
  readonly responses: number;
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
  readonly #interned = new Interned<SlotView>();
  readonly #slots = new WeakMap<readonly Addition[], readonly SlotView[]>();
  #headers = new HeaderViews({ requestHeaders: [], responseHeaders: [], hidden: [] });

  view(model: Model, capabilities: Capabilities): View {
    const { requestHeaders, responseHeaders, ...http } = model.http;
    const { options } = model;
    const base = { requestHeaders, responseHeaders, hidden: options['hide-headers'] };
    const shared: Shared = {
      rejects: options['ssl-reject-handshake'] && capabilities.sslRejectHandshake,
      blocks: http.blocks,
      statusFor: http.statusFor,
      http2: options['use-http2'],
      serverSnippet: snippetView(options['server-snippet'], http.optionsOrigin),
      locationSnippet: snippetView(options['location-snippet'], http.optionsOrigin),
    };
    const isAlternativeLogged = http.logVariables.some(({ text }) => text === alternativeVariable);
    const basis = JSON.stringify([model.listeners, capabilities, base, shared]);
    if (basis !== this.#basis) {
      this.#basis = basis;
      this.#kept = new WeakMap();
      this.#headers = new HeaderViews(base);
    }
    return {
      main: model.main,
      options,
      http: {
        ...http,
        slots: slotsOf(model.http.additions, 'http'),
        headers: this.#headers.http(),
      },
      can: {
        ...capabilities,
        streamModule: capabilities.stream !== 'absent',
        brotli: capabilities.modules.brotli !== 'absent',
      },
      servers: model.servers.map((server) => this.#server(server, model.listeners, capabilities, shared)),
      upstreams: model.upstreams.map((upstream) => viewUpstream(upstream, options)),
      splits: model.splits.map((split) =>
        viewSplit(split, http.trafficLogPath !== null, isAlternativeLogged),
      ),
      stream: { ...model.stream, slots: slotsOf(model.stream.additions, 'stream') },
      hasStreams:
        capabilities.stream !== 'absent' &&
        (model.passthrough !== null ||
          model.streams.length + model.stream.additions.length > 0 ||
          options['stream-snippet'] !== null),
      passthrough:
        model.passthrough === null
          ? null
          : {
              ...model.passthrough,
              upstreams: model.passthrough.upstreams.map((upstream) => viewUpstream(upstream, options)),
            },
      streams: model.streams.map((server) => ({
        ...server,
        responses: options['proxy-stream-responses'],
        upstream: viewUpstream(server.upstream, options),
      })),
    };
  }

  #server(
    server: Server,
    listeners: readonly Listener[],
    capabilities: Capabilities,
    shared: Shared,
  ): ServerView {
    let view = this.#kept.get(server);
    if (view === undefined) {
      const headers = this.#headers.ofServer(server, answersItself(server, shared));
      view = {
        ...server,
        comment: commentOf(server.origin),
        rejectsHandshakes: shared.rejects && server.isDefault,
        blocks: shared.blocks,
        statusFor: server.isDefault && !hasStatus(server) ? shared.statusFor : [],
        listens: listensOf(server, listeners, capabilities, shared),
        slots: slotsOf(server.additions, 'server'),
        endSlots: slotsOf(server.endings, 'server-end'),
        snippet: shared.serverSnippet,
        sharedHeaders: headers.shared,
        locations: server.locations.map((location) =>
          viewLocation(location, this.#locationSlots(location.additions), server.origin, headers, shared),
        ),
        internals: server.internals.map((internal) => viewInternal(internal, server.origin, headers)),
      };
      this.#kept.set(server, view);
    }
    return view;
  }

  /** Locations of one Ingress share their additions, and so what is printed of them. */
  #locationSlots(additions: readonly Addition[]): readonly SlotView[] {
    let slots = this.#slots.get(additions);
    if (slots === undefined) {
      slots = slotsOf(additions, 'location').map((slot) => this.#interned.of(slot, () => slot));
      this.#slots.set(additions, slots);
    }
    return slots;
  }
}

/** What all servers have alike. */
interface Shared {
  readonly rejects: boolean;
  readonly blocks: boolean;
  readonly statusFor: readonly Token<'cidr'>[];
  readonly http2: boolean;
  readonly serverSnippet: SnippetView | null;
  readonly locationSnippet: SnippetView | null;
}

/** A location says whose it is where that is not its server's own object. */
function viewLocation(
  location: Location,
  slots: readonly SlotView[],
  serverOrigin: Server['origin'],
  headers: ServerHeaders,
  shared: Shared,
): LocationView {
  const { origin, match, trafficRoute, additions, action } = location;
  const split = trafficRoute === null ? null : (action.proxy?.split ?? null);
  return {
    origin,
    match,
    trafficRoute,
    trafficSplit: split === null ? null : trafficVariable(split),
    additions,
    action,
    comment: location.origin === serverOrigin ? null : commentOf(location.origin),
    slots,
    snippet: shared.locationSnippet,
    grpc: location.action.proxy?.grpc === true,
    headers: headers.of(location),
  };
}

function viewInternal(
  internal: InternalLocation,
  serverOrigin: string | null,
  headers: ServerHeaders,
): InternalLocationView {
  const { origin, path, named, plugin, slot, settings } = internal;
  return {
    origin,
    path,
    named,
    comment: origin === serverOrigin ? null : commentOf(origin),
    partial: partialOf(plugin, slot),
    settings,
    headers: headers.ofInternal(internal),
  };
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

/** Whether an Ingress has taken the path of nginx's figures: it is named once. */
function hasStatus({ locations }: Server): boolean {
  return locations.some(({ match }) => match.exact?.text === '/nginx_status');
}

/** Whether the server may answer before any location does. */
function answersItself({ additions, endings }: Server, { blocks, serverSnippet }: Shared): boolean {
  return blocks || serverSnippet !== null || additions.length + endings.length > 0;
}

function snippetView(snippet: Snippet | null, origin: string | null): SnippetView | null {
  return snippet === null || snippet.lines.length === 0 ? null : { origin, lines: snippet.lines };
}

function commentOf(origin: string | null): Token<'object'> | null {
  return origin === null ? null : objectName(origin);
}

function slotsOf(additions: readonly Addition[], slot: string): SlotView[] {
  return additions.map(({ plugin, settings }) => ({ partial: partialOf(plugin, slot), settings }));
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
        socket: listener.socket,
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
