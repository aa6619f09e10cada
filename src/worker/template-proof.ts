import { gatewayError } from '../errors.ts';
import { mergeHeaders } from '../model/header.ts';
import type { InternalLocation, Listener, Location, Model, RequestHeader, Server } from '../model/model.ts';
import { fragmentsOf } from '../nginx/fragments.ts';
import {
  locationKey,
  outlineBlock,
  outlineServer,
  type BlockOutline,
  type ServerOutline,
} from '../nginx/server-outline.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import type { TemplateSource } from '../render/template-check.ts';

/** Headers of one connection, which gRPC cannot have. */
const connectionHeaders = ['connection', 'upgrade'];

/** Something that is missing from the text, and the templates that should have printed it, the likeliest first. */
interface Lack {
  readonly what: string;
  readonly templates: readonly string[];
}

/**
 * Holds what an operator's templates print to the model: every server and location is there, and keeps out whom it is
 * to keep out. nginx would take a text without; it would only serve nobody, or everybody.
 */
export class TemplateProof {
  readonly #own: readonly TemplateSource[];
  readonly #plugins: PluginRegistry;
  /** By text: the blocks of the last one. */
  #outlines = new Map<string, ServerOutline | null>();
  /** The text that a server was proved in, with what http had then. */
  #proved = new WeakMap<Server, string>();
  #basis = '';

  constructor(sources: readonly TemplateSource[], plugins: PluginRegistry) {
    this.#own = sources.filter(({ isOwn }) => isOwn === true);
    this.#plugins = plugins;
  }

  /** @throws GatewayError CNG_TEMPLATE_BROKEN naming one of the operator's templates */
  check(model: Model, text: string): void {
    const split = this.#own.length === 0 ? null : fragmentsOf(text);
    if (split === null) {
      // What is no configuration is for the lint to tell.
      return;
    }
    const http = outlineBlock(split.skeleton.find(({ name }) => name.text === 'http')?.block ?? []);
    this.#start(model, http);
    const found = new Map<string, { readonly outline: ServerOutline; readonly text: string }>();
    const outlines = new Map<string, ServerOutline | null>();
    for (const fragment of split.fragments) {
      if (fragment.parent === 'http' && /^server\s*\{/u.test(fragment.text)) {
        const known = this.#outlines.get(fragment.text);
        const outline = known === undefined ? outlineServer(fragment.text) : known;
        outlines.set(fragment.text, outline);
        if (outline !== null) {
          found.set(outline.names.join(' '), { outline, text: fragment.text });
        }
      }
    }
    this.#outlines = outlines;
    this.#demand(lackOfHttp(model, http));
    for (const server of model.servers) {
      const names = namesOf(server);
      const block = found.get(names.join(' '));
      if (block === undefined || this.#proved.get(server) !== block.text) {
        this.#demand(this.#lackOf(server, block?.outline ?? null, model, http));
        this.#proved.set(server, block?.text ?? '');
      }
    }
  }

  /** What was proved holds while all that servers have from outside of them stays as it is. */
  #start({ listeners, http, options }: Model, outline: BlockOutline): void {
    const { requestHeaders, responseHeaders, blocks } = http;
    const headers = [...outline.headers].map(([name, names]) => [name, ...names]);
    const hasSnippets = options['server-snippet'] !== null || options['location-snippet'] !== null;
    const basis = JSON.stringify([listeners, requestHeaders, responseHeaders, blocks, hasSnippets, headers]);
    if (basis !== this.#basis) {
      this.#basis = basis;
      this.#proved = new WeakMap();
    }
  }

  #demand(lack: Lack | null): void {
    if (lack === null) {
      return;
    }
    const own = lack.templates.flatMap((name) => this.#own.find((source) => source.name === name) ?? []);
    const [source] = [...own, ...this.#own];
    const reason = `with it, ${lack.what}`;
    throw gatewayError('CNG_TEMPLATE_BROKEN', { template: source?.from ?? '', line: '?', reason });
  }

  #lackOf(server: Server, outline: ServerOutline | null, model: Model, http: BlockOutline): Lack | null {
    const frame = ['server', 'nginx.conf'];
    const who = `the server of ${namesOf(server).join(' ')}`;
    if (outline === null) {
      return { what: `${who} is missing`, templates: frame };
    }
    const missing = [
      ...missingListens(server, outline, model),
      ...(server.certificate === null || outline.directives.has('ssl_certificate')
        ? []
        : ['ssl_certificate']),
      ...(model.http.blocks && !outline.conditions.some((each) => each.includes('$blocked'))
        ? ['if ($blocked)']
        : []),
    ];
    if (missing.length > 0) {
      return { what: `${who} has no ${missing.join(', ')}`, templates: frame };
    }
    return (
      this.#lackOfPlugins(who, server.additions, outline, { slot: 'server', frame }) ??
      this.#lackOfPlugins(who, server.endings, outline, { slot: 'server-end', frame }) ??
      firstOf(server.locations, (location) => this.#lackOfLocation(who, location, outline, model, http)) ??
      firstOf(server.internals, (internal) => this.#lackOfInternal(who, internal, outline, model, http))
    );
  }

  #lackOfLocation(
    server: string,
    location: Location,
    outline: ServerOutline,
    model: Model,
    http: BlockOutline,
  ): Lack | null {
    const { match, action, additions } = location;
    const frame = ['location-slots', 'location', 'server', 'nginx.conf'];
    const [modifier, path] = headOf(match);
    const who = `location ${modifier === '' ? '' : `${modifier} `}${path} of ${server}`;
    const block = outline.locations.get(locationKey(modifier, path));
    if (block === undefined) {
      return { what: `${who} is missing`, templates: frame.slice(1) };
    }
    const lack = this.#lackOfPlugins(who, additions, block, { slot: 'location', frame });
    const ownHeaders = action.answer === null && action.proxy?.fastcgi !== true;
    return lack !== null || !ownHeaders
      ? lack
      : this.#lackOfHeaders(who, [block, outline, http], model, {
          request: action.proxy === null ? null : location.requestHeaders,
          response: location.responseHeaders,
          grpc: action.proxy?.grpc === true,
          partials: [...additions.map(({ plugin }) => `plugins/${plugin}/location`), ...frame],
        });
  }

  #lackOfInternal(
    server: string,
    { path, named, plugin, slot, requestHeaders }: InternalLocation,
    outline: ServerOutline,
    model: Model,
    http: BlockOutline,
  ): Lack | null {
    const frame = [`plugins/${plugin}/${slot}`, 'internal-location', 'server', 'nginx.conf'];
    const name = path === null ? `@${named?.text}` : path.text;
    const who = `location ${name} of ${server}`;
    const block = outline.locations.get(locationKey(path === null ? '' : '=', name));
    if (block === undefined) {
      return { what: `${who} is missing`, templates: frame.slice(1) };
    }
    if (path !== null && !block.directives.has('internal')) {
      return { what: `${who} has no "internal": anybody could ask for it`, templates: frame.slice(1) };
    }
    return block.directives.has('proxy_pass')
      ? this.#lackOfHeaders(who, [block, outline, http], model, {
          request: requestHeaders,
          response: null,
          grpc: false,
          partials: frame,
        })
      : null;
  }

  /** What the plugins say that their partials print. */
  #lackOfPlugins(
    who: string,
    additions: Server['additions'],
    block: BlockOutline,
    {
      slot,
      frame,
    }: { readonly slot: 'server' | 'server-end' | 'location'; readonly frame: readonly string[] },
  ): Lack | null {
    return firstOf(additions, ({ plugin, settings }) => {
      const wanted = this.#plugins.get(plugin)?.proves?.(slot, settings) ?? [];
      const missing = wanted.filter((each) => !block.directives.has(each));
      return missing.length === 0
        ? null
        : {
            what: `${who} has no ${missing.join(', ')}, which ${plugin} is for`,
            templates: [`plugins/${plugin}/${slot}`, ...frame],
          };
    });
  }

  /** nginx hands headers down only where the inner block has none of its own, so one more line can lose all others. */
  #lackOfHeaders(
    who: string,
    blocks: readonly BlockOutline[],
    { http, options }: Model,
    { request, response, grpc, partials }: WantedHeaders,
  ): Lack | null {
    if (options['server-snippet'] !== null || options['location-snippet'] !== null) {
      // The operator's own lines may have taken them away.
      return null;
    }
    const asked = request === null ? [] : mergeHeaders(http.requestHeaders, request);
    const directive = grpc ? 'grpc_set_header' : 'proxy_set_header';
    const wanted: [string, readonly RequestHeader[]][] = [
      [
        directive,
        grpc ? asked.filter(({ name }) => !connectionHeaders.includes(name.text.toLowerCase())) : asked,
      ],
      ['add_header', response === null ? [] : mergeHeaders(http.responseHeaders, response)],
    ];
    return firstOf(wanted, ([each, headers]) => {
      const inForce = blocks.find((block) => block.headers.has(each))?.headers.get(each);
      const lost = headers.filter(({ name }) => inForce?.has(name.text.toLowerCase()) !== true);
      const printing = this.#own.filter(({ text }) => text.includes(each)).map(({ name }) => name);
      const places = ['location-headers', 'server-headers', 'proxy-headers', 'grpc-headers', 'http'];
      return lost.length === 0
        ? null
        : {
            what:
              `${who} has no ${each} of ${lost.map(({ name }) => name.text).join(', ')}: ` +
              'print all of headers and sharedHeaders, and none by a line of your own',
            templates: [...partials.filter((name) => printing.includes(name)), ...places, ...partials],
          };
    });
  }
}

interface WantedHeaders {
  readonly request: readonly RequestHeader[] | null;
  readonly response: Location['responseHeaders'] | null;
  readonly grpc: boolean;
  /** That could have printed a line of their own. */
  readonly partials: readonly string[];
}

function lackOfHttp({ http }: Model, outline: BlockOutline): Lack | null {
  return http.proxiesInFront === null || outline.directives.has('real_ip_header')
    ? null
    : {
        what: 'http has no real_ip_header: the addresses of clients are not known',
        templates: ['proxies-in-front', 'http', 'nginx.conf'],
      };
}

/** Modifier and path. */
function headOf({ exact, prefix, regex }: Location['match']): [string, string] {
  if (exact !== null) {
    return ['=', exact.text];
  }
  return prefix === null ? ['~*', regex?.text ?? ''] : ['', prefix.text];
}

/** As they are printed, sorted. */
function namesOf({ names }: Server): string[] {
  const words = names.map(({ exact, regex }) => exact?.text ?? `~${regex?.text}`);
  return words.length === 0 ? ['_'] : words.sort();
}

function missingListens(server: Server, { listens }: ServerOutline, { listeners }: Model): string[] {
  return listeners
    .filter(({ id }) => server.listeners.includes(id))
    .flatMap((listener) =>
      placesOf(listener).flatMap((place) => {
        const words = [
          place,
          ...(listener.protocol === 'https' ? ['ssl'] : []),
          ...(server.isDefault ? ['default_server'] : []),
        ];
        const isThere = listens.some((listen) => words.every((word) => listen.includes(word)));
        return isThere ? [] : [`listen ${words.join(' ')}`];
      }),
    );
}

/** As `listen` has them. */
function placesOf({ socket, addresses, port }: Listener): string[] {
  if (socket !== null) {
    return [`unix:${socket.text}`];
  }
  return addresses.length === 0 ? [String(port)] : addresses.map(({ text }) => text);
}

function firstOf<T>(items: readonly T[], lackOf: (item: T) => Lack | null): Lack | null {
  for (const item of items) {
    const lack = lackOf(item);
    if (lack !== null) {
      return lack;
    }
  }
  return null;
}
