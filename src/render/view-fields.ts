import type {
  AnswerAction,
  Certificate,
  Condition,
  LocationMatch,
  MainSettings,
  ProxiesInFront,
  ProxyAction,
  RequestHeader,
  ResponseHeader,
  ServerName,
  PassthroughHost,
  UpstreamZone,
} from '../model/model.ts';
import { optionTable } from '../options/options.ts';
import type { AlternativeView, SplitView } from './view-split.ts';
import type { HeadersView, SharedHeadersView } from './view-headers.ts';
import type {
  HttpView,
  InternalLocationView,
  KeepaliveView,
  ListenView,
  LocationView,
  ServerView,
  SlotView,
  SnippetView,
  StreamServerView,
  StreamView,
  PassthroughView,
  UpstreamView,
  View,
} from './view.ts';

/** A sentence for each field: the compiler misses one that is new. */
type Fields<T> = { readonly [Name in keyof T]-?: string };

/** What one kind of partial sees. */
interface ContextOf<T> {
  /** In words. */
  readonly partials: string;
  readonly fields: Fields<T>;
}

function context<T>(partials: string, fields: Fields<T>): ContextOf<T> {
  return { partials, fields };
}

/** The fields of the template contract by context: the documentation, and what custom templates are held to. */
export const viewFields = {
  view: context<View>('`nginx.conf`, `http`, `traffic-log`, `private-server`, `blocked`, `stream`', {
    main: 'The main context: see main.',
    options:
      'The global options, by their keys in the ConfigMap: `{{options.keep-alive}}` (docs/options.md).',
    http: 'The http context: see http.',
    can: 'What the nginx can do: `Capabilities` of src/model/capabilities.ts, and `streamModule`.',
    servers: 'The servers: see server.',
    upstreams: 'The upstreams: see upstream.',
    splits: 'What chooses between routes and their canaries: see split.',
    passthrough: 'TLS that goes to backends as it is: see passthrough; null for none.',
    streams: 'TCP and UDP ports: see stream server.',
    stream: 'What holds for all of stream: see stream.',
    hasStreams: 'Whether there is anything to stream.',
  }),
  main: context<MainSettings>('`nginx.conf`, as `main`', {
    workerProcesses: 'A number or `auto`.',
    workerShutdownTimeout: 'How long old workers may finish.',
    pidPath: 'Where the gateway looks for the pid.',
    errorLogPath: 'Where the gateway looks for errors.',
    moreErrorLogs: 'Further files and collectors that errors are written to.',
    modules: 'Modules to load.',
  }),
  http: context<HttpView>('those of the view, as `http`', {
    optionsOrigin: 'The ConfigMap of the options, for `{{#origin}}`; null where there is none.',
    accessLogPath: 'The log of requests; null where none is written.',
    trafficLogPath: 'The log that requests are counted from; null where they are not.',
    moreAccessLogs:
      'Further files and collectors that requests are logged to: `target` and its `parameters`.',
    secRules: 'Rules of ModSecurity for all requests: `rules` and `files`; or null.',
    statusFor: 'Who gets the figures of nginx on the catch-all host; none: nobody.',
    logVariables: 'Variables of the log that locations set.',
    dhParametersPath: 'Parameters for DHE ciphers; or null.',
    strictTransportSecurity: 'The value of the header; null for none.',
    tlsBehindStream: 'Whether TLS comes through a socket of stream.',
    proxiesInFront: 'See proxies in front; null where there are none.',
    trustsForwardedHeaders: 'Whether `X-Forwarded-Proto`, `-Host` and `-Port` of those proxies count.',
    blocks: 'Whether some clients get 403 on every host.',
    nextUpstream: 'The words of `proxy_next_upstream`.',
    mimeTypesPath: "nginx's own mime.types; null where there is none.",
    privateSocketPath: 'The socket of the private server.',
    temporaryPath: 'A folder for request bodies and answers.',
    resolvers: 'Name servers.',
    resolverIpv6: 'Whether names are looked up as IPv6 addresses.',
    httpsPort: 'The port for HTTPS.',
    serverNamesHashBucketSize: 'Computed from the names.',
    serverNamesHashMaxSize: 'Computed from the names.',
    additions: 'What plugins add, as data; `slots` is what to print.',
    slots: 'See slot: what plugins print once.',
    headers: 'See headers.',
  }),
  server: context<ServerView>('`server`', {
    origin: 'The object it comes from, for `{{#origin}}`.',
    comment: 'The same for `{{comment}}`; null for the catch-all server.',
    isDefault: 'Whether it takes what no other server takes.',
    names: 'See server name; none of the catch-all server.',
    certificate: 'See certificate; null where that of the default server answers.',
    rejectsHandshakes: 'Whether handshakes for unknown names are refused.',
    blocks: 'Whether some clients get 403.',
    statusFor: 'Who gets the figures of nginx under `/nginx_status`; none: nobody.',
    listens: 'See listen.',
    additions: 'What plugins add, as data; `slots` is what to print.',
    slots: 'See slot.',
    endings: 'What plugins add after the locations, as data; `endSlots` is what to print.',
    endSlots: 'See slot.',
    snippet: "See snippet: the operator's directives; or null.",
    sharedHeaders: 'See shared headers: what its locations have alike. They print only what differs from it.',
    locations: 'See location.',
    internals: 'See internal location.',
  }),
  listen: context<ListenView>('`server`, in `listens`', {
    address: 'Address and port; null for all addresses.',
    socket: 'A unix socket in the place of address and port; or null.',
    port: 'The port.',
    ipv6: 'Whether all IPv6 addresses are listened on too.',
    ssl: 'Whether it is for HTTPS.',
    http2Parameter: 'Whether `http2` is a parameter here (before nginx 1.25.1).',
    isDefault: 'Whether it is that of the default server.',
    proxyProtocol: 'Whether clients speak the PROXY protocol.',
    reusePort: 'Whether each worker has a socket of its own.',
  }),
  'server name': context<ServerName>('`server`, in `names`', {
    exact: 'A name; or null.',
    regex: 'The regex of a wildcard or of an alias; or null.',
  }),
  certificate: context<Certificate>('`server`, as `certificate`', {
    path: 'The file with certificate, chain and key.',
    origin: 'The Secret, for `{{#origin}}`.',
  }),
  location: context<LocationView>('`location`', {
    origin: 'The object it comes from, for `{{#origin}}`.',
    comment: 'The same for `{{comment}}`; null where it is the one of its server.',
    match: 'See match.',
    trafficRoute: 'What the traffic log says of its requests, for `set $cng_route`; or null.',
    trafficSplit: 'The variable, without `$`, that names the canary there, for `set $cng_canary`; or null.',
    additions: 'What plugins add, as data; `slots` is what to print.',
    slots: 'See slot.',
    action: 'Has `proxy` (see proxy) and `answer` (see answer); one of them is not null.',
    snippet: "See snippet: the operator's directives; or null.",
    grpc: 'Whether the backend speaks gRPC.',
    headers: 'See headers; empty where those of the server or of http hold.',
  }),
  match: context<LocationMatch>('`location`, as `match`', {
    exact: 'A whole path; or null.',
    prefix: 'The beginning of a path; or null.',
    beforeRegexes: 'Whether the prefix wins over every regex of the server: `^~`.',
    regex: 'A regex, compared without regard to letter case; or null.',
  }),
  proxy: context<ProxyAction>('`proxy`, `external`', {
    protocol: '`http`, `https`, `$scheme`, `grpc` or `grpcs`.',
    grpc: 'Whether it is one of the latter two.',
    fastcgi: 'Whether it is FastCGI, which has no scheme.',
    upstream: 'The name of the upstream; null where `external` is not.',
    external: 'A `name` to look up at run time and a `port`; or null.',
    split: 'The variable that chooses between these and alternatives, without `$`; or null.',
  }),
  answer: context<AnswerAction>('`answer`', {
    status: 'The status.',
    json: 'The body; null for the page of nginx.',
  }),
  'internal location': context<InternalLocationView>('`internal-location`', {
    origin: 'The object it comes from, for `{{#origin}}`.',
    comment: 'The same for `{{comment}}`; or null.',
    path: 'Its path; or null.',
    named: 'Its name without `@`; or null.',
    partial: 'The partial of the plugin.',
    settings: 'What it is printed with.',
    headers: 'See headers; empty where those of the server or of http hold.',
  }),
  upstream: context<UpstreamView>('`upstream`, `peers`', {
    origin: 'The Service, for `{{#origin}}`.',
    comment: 'The same for `{{comment}}`.',
    name: 'Its name.',
    peers: 'Addresses of endpoints with their ports.',
    keepaliveConnections: 'Idle connections that are kept; 0 for none.',
    keepalive: 'See keepalive.',
    zone: 'See zone; or null.',
    additions: 'What plugins add, as data; `slots` is what to print.',
    slots: 'See slot.',
  }),
  keepalive: context<KeepaliveView>('`upstream`, as `keepalive`', {
    requests: 'Requests on one connection.',
    time: 'How long one may be used.',
    timeout: 'How long an idle one is kept.',
  }),
  zone: context<UpstreamZone>('`upstream`, as `zone`', { name: 'Its name.', size: 'Its size.' }),
  snippet: context<SnippetView>('`server`, `location`, as `snippet`', {
    origin: 'The ConfigMap of the options, for `{{#origin}}`.',
    lines: 'Directives, for `{{snippet}}`.',
  }),
  slot: context<SlotView>('wherever there are `slots`', {
    partial: 'The partial: `{{> (lookup this "partial") settings}}`.',
    settings: 'What it is printed with.',
  }),
  split: context<SplitView>('`split`', {
    origin: 'The object it comes from, for `{{#origin}}`.',
    comment: 'The same for `{{comment}}`.',
    name: 'The variable that holds where a request goes, without `$`.',
    alternatives: 'See alternative: their conditions, each a map.',
    chance: 'A draw: `name`, and `parts` with `percent` and `number`; or null.',
    memory:
      'What sessions remember: `name` and `sides` (`number`, `pattern`) read it; `cookieName`, `cookieInput` and `cookies` (`kept`, `wanted`, `cookie`) set it; or null.',
    choice: 'The map to the number of the target: `name`, `input`, and `rules` with `pattern` and `number`.',
    targets: 'Each `number` and its `target`; 0 is the primary.',
    traffic:
      'What the traffic log says of canaries: `name` of the variable, and `canaries` with `number` and `text`; or null.',
    logged: 'A variable for the log: the target that is not the primary; or null.',
  }),
  alternative: context<AlternativeView>('`split`, in `alternatives`', {
    origin: 'The canary, for `{{#origin}}`.',
    comment: 'The same for `{{comment}}`.',
    conditions: 'See condition.',
  }),
  condition: context<Condition>('`split`, in `conditions`', {
    name: 'The variable that says `there`, `away` or nothing, without `$`.',
    input: 'What is looked at.',
    there: 'A regex that sends a request there.',
    away: 'A regex that sends it away; or null.',
  }),
  'shared headers': context<SharedHeadersView>('`server`, in `sharedHeaders`', {
    origin: 'The object whose locations have them, for `{{#origin}}`.',
    headers: 'See headers.',
  }),
  headers: context<HeadersView>('`proxy-headers`, `grpc-headers`, `server-headers`, `location-headers`', {
    request: 'See header: for backends over HTTP, the full set.',
    grpcRequest: 'The same for gRPC.',
    response: 'See header: for clients, the full set.',
    hidden: 'Names that are hidden where a backend sends them over HTTP.',
    grpcHidden: 'The same for gRPC.',
    fastcgiRequest: 'The same as parameters of FastCGI: `name` and `value`.',
    fastcgiHidden: 'The same for FastCGI.',
  }),
  header: context<RequestHeader & ResponseHeader>('in the lists of headers', {
    name: 'Its name.',
    value: 'Its value.',
    always: 'Whether errors have it too (response headers).',
    replace: 'Whether it takes the place of what the backend sends (response headers).',
  }),
  'proxies in front': context<ProxiesInFront>('`proxies-in-front`', {
    networks: 'Their addresses.',
    proxyProtocol: 'Whether the PROXY protocol tells the address.',
    addressHeader: 'Else the header that does.',
    trustsHeaders: 'Whether their `X-Forwarded-*` count.',
    wholeChain: 'Whether backends get the whole `X-Forwarded-For`.',
    handedOn: 'Other headers of theirs that backends get: `variable`, and `received`, which it is made from.',
  }),
  stream: context<StreamView>('those of the view, as `stream`', {
    accessLogPath: 'The log of sessions; null where none is written.',
    moreAccessLogs: 'Further files that sessions are logged to: `target` and its `parameters`.',
    trustedProxies: 'Proxies whose PROXY protocol tells who the client is.',
    additions: 'What plugins add at its end, as data; `slots` is what to print.',
    slots: 'See slot.',
  }),
  passthrough: context<PassthroughView>('`stream-passthrough`', {
    listener: 'What http would listen on: port, addresses, ipv6, proxyProtocol.',
    httpsSocket: 'The socket on which http takes its own connections.',
    passedSocket: 'The socket of what is passed on.',
    hosts: 'By name: see passthrough host.',
    upstreams: 'See upstream.',
    headerTimeout: 'How long the header of the PROXY protocol may take to arrive.',
    trustedProxies: 'Proxies whose PROXY protocol tells who the client is.',
    realip: 'Whether stream can take over the address of the client.',
  }),
  'passthrough host': context<PassthroughHost>('`stream-passthrough`, in `hosts`', {
    origin: 'The Ingress, for `{{#origin}}`.',
    name: 'The name.',
    upstream: 'The name of its upstream.',
  }),
  'stream server': context<StreamServerView>('`stream-server`', {
    origin: 'The object it comes from, for `{{#origin}}`.',
    port: 'The port.',
    addresses: 'Addresses with the port; none for all addresses.',
    udp: 'Whether it is UDP.',
    responses: 'Datagrams that answer one of a UDP client.',
    acceptProxyProtocol: 'Whether clients speak the PROXY protocol.',
    sendProxyProtocol: 'Whether the backend is told with it.',
    ipv6: 'Whether IPv6 is listened on.',
    upstream: 'See upstream.',
  }),
};

const names: ReadonlySet<string> = new Set(
  Object.values(viewFields).flatMap(({ fields }) => Object.keys(fields)),
);

/**
 * What is wrong with a path that a block of a custom template asks for; null where nothing is. A print of what does
 * not exist fails while rendering; `{{#if}}` of it would be silently false.
 */
export function faultOfPath(parts: readonly unknown[]): string | null {
  const [first, second] = parts.map(String);
  if (first === undefined || names.has(first)) {
    return first === 'options' && second !== undefined && !optionTable.has(second)
      ? `there is no option "${second}"`
      : null;
  }
  return nested.has(first) ? null : `there is no field "${first}"`;
}

/** Fields of what has no context of its own: actions, external names, buffers, patterns, logs, what splits are made of. */
const nested: ReadonlySet<string> = new Set([
  'proxy',
  'answer',
  'port',
  'count',
  'size',
  'exact',
  'regex',
  'text',
  'parts',
  'sides',
  'rules',
  'cookies',
  'targets',
  'canaries',
  'target',
  'parameters',
  'number',
  'files',
]);
