import type { Capabilities } from '../model/capabilities.ts';
import type { Addition, Listener, Location, Model, Server, StreamServer, Upstream } from '../model/model.ts';
import { keyword, objectName } from '../model/words.ts';
import type { Token } from '../model/token.ts';

/**
 * What templates see (contract version 1, docs/templates.md): the model with everything looked up that a template
 * would otherwise have to compute.
 */
export interface View {
  readonly main: Model['main'];
  readonly http: Model['http'] & { readonly slots: readonly SlotView[] };
  readonly can: Capabilities & { readonly streamModule: boolean };
  readonly servers: readonly ServerView[];
  readonly upstreams: readonly UpstreamView[];
  readonly streams: readonly StreamServerView[];
}

/** One plugin's partial and what it is printed with. */
export interface SlotView {
  readonly partial: string;
  readonly settings: Addition['settings'];
}

export interface ListenView {
  readonly port: number;
  readonly ipv6: boolean;
  readonly ssl: boolean;
  /** Before 1.25.1 HTTP/2 is a parameter of `listen`. */
  readonly http2Parameter: boolean;
  readonly isDefault: boolean;
}

export interface ServerView extends Omit<Server, 'locations' | 'listeners'> {
  readonly comment: Token<'object'> | null;
  readonly listens: readonly ListenView[];
  readonly slots: readonly SlotView[];
  readonly locations: readonly LocationView[];
}

export interface LocationView extends Location {
  readonly comment: Token<'object'> | null;
  readonly slots: readonly SlotView[];
}

export interface StreamServerView extends Omit<StreamServer, 'upstream'> {
  readonly upstream: UpstreamView;
}

export interface UpstreamView extends Upstream {
  readonly comment: Token<'object'> | null;
  readonly slots: readonly SlotView[];
}

/** Makes views and keeps those of servers that have not changed, so that their rendered text is kept too. */
export class Viewer {
  #kept = new WeakMap<Server, ServerView>();
  #basis = '';

  view(model: Model, capabilities: Capabilities): View {
    const basis = JSON.stringify([model.listeners, capabilities]);
    if (basis !== this.#basis) {
      this.#basis = basis;
      this.#kept = new WeakMap();
    }
    return {
      main: model.main,
      http: { ...model.http, slots: slotsOf(model.http.additions, 'http') },
      can: { ...capabilities, streamModule: capabilities.stream !== 'absent' },
      servers: model.servers.map((server) => this.#server(server, model.listeners, capabilities)),
      upstreams: model.upstreams.map(viewUpstream),
      streams: model.streams.map((server) => ({ ...server, upstream: viewUpstream(server.upstream) })),
    };
  }

  #server(server: Server, listeners: readonly Listener[], capabilities: Capabilities): ServerView {
    let view = this.#kept.get(server);
    if (view === undefined) {
      view = {
        ...server,
        comment: commentOf(server.origin),
        listens: listensOf(server, listeners, capabilities),
        slots: slotsOf(server.additions, 'server'),
        locations: server.locations.map((location) => viewLocation(location, server.origin)),
      };
      this.#kept.set(server, view);
    }
    return view;
  }
}

/** A location says whose it is where that is not its server's own object. */
function viewLocation(location: Location, serverOrigin: Server['origin']): LocationView {
  return {
    ...location,
    comment: location.origin === serverOrigin ? null : commentOf(location.origin),
    slots: slotsOf(location.additions, 'location'),
  };
}

function viewUpstream(upstream: Upstream): UpstreamView {
  return {
    ...upstream,
    comment: commentOf(upstream.origin),
    slots: slotsOf(upstream.additions, 'upstream'),
  };
}

function commentOf(origin: string | null): Token<'object'> | null {
  return origin === null ? null : objectName(origin);
}

function slotsOf(additions: readonly Addition[], slot: string): SlotView[] {
  return additions.map(({ plugin, settings }) => ({
    partial: `plugins/${keyword(plugin).text}/${slot}`,
    settings,
  }));
}

function listensOf(server: Server, listeners: readonly Listener[], capabilities: Capabilities): ListenView[] {
  return listeners
    .filter((listener) => server.listeners.includes(listener.id))
    .map((listener) => ({
      port: listener.port,
      ipv6: listener.ipv6 && capabilities.ipv6,
      ssl: listener.protocol === 'https',
      http2Parameter: listener.protocol === 'https' && capabilities.http2 && !capabilities.http2Directive,
      isDefault: server.isDefault,
    }));
}
