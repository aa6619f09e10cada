import { mergeHeaders } from '../model/header.ts';
import type { InternalLocation, Location, RequestHeader, ResponseHeader, Server } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import { identifier } from '../model/words.ts';
import { Interned } from './interned.ts';

/** Headers, the full set: nginx hands those of an outer block down only where the inner one has none. */
export interface HeadersView {
  /** For backends over HTTP. */
  readonly request: readonly RequestHeader[];
  /** For backends over gRPC: without those that hold for one connection, which HTTP/2 forbids. */
  readonly grpcRequest: readonly RequestHeader[];
  readonly response: readonly ResponseHeader[];
  /** Names that are hidden where a backend sends them over HTTP. */
  readonly hidden: readonly Token<'header-name'>[];
  /** The same over gRPC. */
  readonly grpcHidden: readonly Token<'header-name'>[];
  /** For backends over FastCGI: parameters, which take the place of what a client sends. */
  readonly fastcgiRequest: readonly FastcgiParameter[];
  readonly fastcgiHidden: readonly Token<'header-name'>[];
}

/** A header as FastCGI has it: `HTTP_X_REAL_IP`. */
export interface FastcgiParameter {
  readonly name: Token<'identifier'>;
  readonly value: Token;
}

/** Headers that locations of one object have alike, printed once for their server. */
export interface SharedHeadersView {
  readonly origin: string | null;
  readonly headers: HeadersView;
}

/** What http has, which every full set begins with. */
export interface HeaderBase {
  readonly requestHeaders: readonly RequestHeader[];
  readonly responseHeaders: readonly ResponseHeader[];
  /** Names that are hidden on every route. */
  readonly hidden: readonly Token<'header-name'>[];
}

/** The headers of one server: those that it prints itself, and those that remain to its locations. */
export interface ServerHeaders {
  readonly shared: readonly SharedHeadersView[];
  of(location: Location): HeadersView;
  ofInternal(internal: InternalLocation): HeadersView;
}

type RequestList = readonly RequestHeader[];
type ResponseList = readonly ResponseHeader[];

/** What a location prints: null where it has none of its own and those of an outer block hold. */
interface Own {
  readonly request: RequestList | null;
  readonly response: ResponseList | null;
}

type Protocol = 'http' | 'grpc' | 'fastcgi';

/** Headers of one connection, which gRPC cannot have. */
const connectionHeaders = ['connection', 'upgrade'];

const none: readonly never[] = [];
const empty: HeadersView = {
  request: none,
  grpcRequest: none,
  response: none,
  hidden: none,
  grpcHidden: none,
  fastcgiRequest: none,
  fastcgiHidden: none,
};

/** Makes the header views on one base. Equal input, which is the same lists, gives the same view. */
export class HeaderViews {
  readonly #base: HeaderBase;
  readonly #kept = { http: new WeakMap(), grpc: new WeakMap(), fastcgi: new WeakMap() } satisfies Record<
    string,
    Kept
  >;

  readonly #interned = new Interned<HeadersView>();

  constructor(base: HeaderBase) {
    this.#base = base;
  }

  /** Of the http context. */
  http(): HeadersView {
    const both = { request: none, response: none };
    return { ...this.#view(both, 'http'), ...pickGrpc(this.#view(both, 'grpc')) };
  }

  /**
   * What locations have alike is printed once, in the server. The other locations then print what they would have had
   * of http: nginx would hand them the server's.
   */
  ofServer(
    { locations, internals }: Pick<Server, 'locations' | 'internals'>,
    answersItself: boolean,
  ): ServerHeaders {
    const isGrpc = locations.some(({ action }) => action.proxy?.grpc === true);
    const request = isGrpc ? null : mostShared(locations, ({ requestHeaders }) => requestHeaders);
    // Answers of the server's own and of named locations would have these too, and cannot do without.
    const isCommon =
      !isGrpc &&
      !answersItself &&
      internals.length === 0 &&
      locations.every(({ responseHeaders }) => responseHeaders.length > 0);
    const response = isCommon ? mostShared(locations, ({ responseHeaders }) => responseHeaders) : null;

    function requestLeft(own: RequestList): RequestList | null {
      return own === request?.list || (own.length === 0 && request === null) ? null : own;
    }
    function responseLeft(own: ResponseList): ResponseList | null {
      return own === response?.list || own.length === 0 ? null : own;
    }
    return {
      shared: [
        ...(request === null
          ? []
          : [
              {
                origin: request.origin,
                headers: this.#view({ request: request.list, response: null }, 'http'),
              },
            ]),
        ...(response === null
          ? []
          : [
              {
                origin: response.origin,
                headers: this.#view({ request: null, response: response.list }, 'http'),
              },
            ]),
      ],
      of: ({ requestHeaders, responseHeaders, action }) =>
        // No outer block has any for FastCGI.
        action.proxy?.fastcgi === true
          ? this.#view({ request: requestHeaders, response: responseHeaders }, 'fastcgi')
          : this.#view(
              {
                // An answer of the gateway's own goes to no backend.
                request: action.answer === null ? requestLeft(requestHeaders) : null,
                response: responseLeft(responseHeaders),
              },
              action.proxy?.grpc === true ? 'grpc' : 'http',
            ),
      ofInternal: ({ requestHeaders }) =>
        this.#view({ request: requestLeft(requestHeaders), response: null }, 'http'),
    };
  }

  #view({ request, response }: Own, protocol: Protocol): HeadersView {
    if (request === null && response === null) {
      return empty;
    }
    const byRequest = this.#kept[protocol];
    const byResponse = byRequest.get(request ?? empty) ?? new WeakMap<object, HeadersView>();
    byRequest.set(request ?? empty, byResponse);
    const kept = byResponse.get(response ?? empty);
    if (kept !== undefined) {
      return kept;
    }
    const view = this.#interned.of([protocol, request, response], () =>
      this.#made({ request, response }, protocol),
    );
    byResponse.set(response ?? empty, view);
    return view;
  }

  #made({ request, response }: Own, protocol: Protocol): HeadersView {
    const asked = request === null ? none : mergeHeaders(this.#base.requestHeaders, request);
    const answered = response === null ? none : mergeHeaders(this.#base.responseHeaders, response);
    const hidden = response === null ? none : this.#hidden(answered);
    switch (protocol) {
      case 'http':
        return { ...empty, request: asked, response: answered, hidden };
      case 'grpc':
        return { ...empty, grpcRequest: withoutConnection(asked), response: answered, grpcHidden: hidden };
      default:
        return { ...empty, fastcgiRequest: parameters(asked), response: answered, fastcgiHidden: hidden };
    }
  }

  /** Those of all routes too: nginx forgets them where a location hides one of its own. */
  #hidden(answered: ResponseList): Token<'header-name'>[] {
    const replaced = answered.filter(({ replace }) => replace).map(({ name }) => name);
    const names = [...this.#base.hidden, ...replaced];
    return [...new Map(names.map((name) => [name.text.toLowerCase(), name])).values()];
  }
}

/** By request list, then by response list. */
type Kept = WeakMap<object, WeakMap<object, HeadersView>>;

function pickGrpc({ grpcRequest, grpcHidden }: HeadersView): Pick<HeadersView, 'grpcRequest' | 'grpcHidden'> {
  return { grpcRequest, grpcHidden };
}

/** Without those that FastCGI has parameters of its own for. */
function parameters(headers: RequestList): FastcgiParameter[] {
  return withoutConnection(headers).map(({ name, value }) => ({
    name: identifier(`HTTP_${name.text.toUpperCase().replaceAll('-', '_')}`),
    value,
  }));
}

function withoutConnection(headers: RequestList): RequestList {
  return headers.filter(({ name }) => !connectionHeaders.includes(name.text.toLowerCase()));
}

/** The list that most locations have, if it is not empty and two have it; theirs is then one object's. */
function mostShared<T>(
  locations: readonly Location[],
  listOf: (location: Location) => readonly T[],
): { readonly origin: string | null; readonly list: readonly T[] } | null {
  const counts = new Map<readonly T[], { readonly origin: string | null; count: number }>();
  for (const location of locations) {
    const list = listOf(location);
    const found = counts.get(list) ?? { origin: location.origin, count: 0 };
    found.count += 1;
    if (list.length > 0 && found.origin === location.origin) {
      counts.set(list, found);
    }
  }
  let most: { readonly origin: string | null; readonly list: readonly T[]; readonly count: number } | null =
    null;
  for (const [list, { origin, count }] of counts) {
    if (count > 1 && count > (most?.count ?? 0)) {
      most = { origin, list, count };
    }
  }
  return most;
}
