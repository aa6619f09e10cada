import { isIP } from 'node:net';
import type { Capabilities } from '../model/capabilities.ts';
import type { Location, Model, Server } from '../model/model.ts';
import { accessPhase, limits } from './access-phase.ts';
import { escapedPath, locationHeader, outcomeOf, upstreamTarget } from './answers.ts';
import { bodyLimit, proxied } from './backend-steps.ts';
import type {
  ExplainedListener,
  ExplainedLocation,
  ExplainedRequest,
  ExplainedServer,
  ExplainedTls,
  Explanation,
  Outcome,
} from './explanation.ts';
import { connectWithPath, unreadableBody } from './framing.ts';
import { normalHost } from './host.ts';
import { explainListener, explainServer, explainTls, findServer, type FoundServer } from './listen.ts';
import { explainLocation, findLocation, type FoundLocation } from './locate.ts';
import { bytesOf, renewSteps, textOf } from './regex.ts';
import { shownHeaders, type AskedRequest } from './request.ts';
import { locationPhase, serverPhase } from './rewrite-phase.ts';
import { normalUri } from './uri.ts';
import { Variables } from './variables.ts';
import { additionOf, numberAt, tokenAt, Walk, type End } from './walk.ts';

/** Filled in on the way. */
interface Found {
  listener: ExplainedListener | null;
  server: ExplainedServer | null;
  location: ExplainedLocation | null;
}

/**
 * Says what nginx does with a request: which server and location take it, what happens in which order, and what comes
 * of it. Pure: a function of the model that was rendered. Lines of nginx.conf and verdicts are not in the model:
 * `withLines` and `withVerdict` add them.
 */
export function explain(model: Model, capabilities: Capabilities, asked: AskedRequest): Explanation {
  renewSteps();
  const found: Found = { listener: null, server: null, location: null };
  const host = normalHost(bytesOf(asked.hostHeader), capabilities.version);
  const uri = normalUri(asked.target);
  const request = requestOf(asked, host, uri);
  const listener = model.listeners.find(({ protocol }) => protocol === asked.scheme);
  if (listener === undefined) {
    const text = `nothing listens for ${asked.scheme}: nginx has no TLS here`;
    return explained(request, found, null, { kind: 'unknown', text, provided: [] });
  }
  found.listener = explainListener(listener, model.options, capabilities);
  const passed = passedOn(model, asked, request);
  if (passed !== null) {
    return explained(request, found, null, passed);
  }
  const servers = model.servers.filter((server) => server.listeners.includes(listener.id));
  const rejects = model.options['ssl-reject-handshake'] && capabilities.sslRejectHandshake;
  const tls = asked.scheme === 'https' ? explainTls(servers, request.sni, rejects) : null;
  const variables = new Variables({
    asked,
    model,
    listener,
    host: request.host,
    uri: 'bad' in uri ? '' : uri.uri,
    args: 'bad' in uri ? '' : uri.args,
    version: capabilities.version,
  });
  const walk = new Walk({ model, capabilities, asked, request, listener, variables });
  if (tls?.refused === true) {
    return explained(request, found, walk, { kind: 'unknown', text: tls.why, provided: [] });
  }
  if ('bad' in uri) {
    return explained(request, found, walk, badRequest(`the path cannot be read: ${uri.bad}`));
  }
  const connect = asked.method === 'CONNECT' ? connectWithPath(capabilities.version) : 'refused';
  if (connect !== 'refused') {
    const text = 'CONNECT needs a host and a port in the request line, not a path';
    const unknown = { kind: 'unknown', text: `versions of nginx differ: ${text}`, provided: [] } as const;
    return explained(request, found, walk, connect === 'bad' ? badRequest(text) : unknown);
  }
  if ('bad' in host) {
    return explained(request, found, walk, badRequest(host.bad));
  }
  const twice = ['authorization', 'content-length', 'transfer-encoding'].find(
    (name) => asked.headers.filter((each) => each.name.toLowerCase() === name).length > 1,
  );
  if (twice !== undefined) {
    return explained(request, found, walk, badRequest(`the header ${twice} is there twice`));
  }
  if ('unknown' in host) {
    return explained(request, found, walk, { kind: 'unknown', text: host.unknown, provided: [] });
  }
  const server = findServer(servers, host.host);
  if (server === null) {
    return explained(request, found, walk, { kind: 'unknown', text: 'there is no server', provided: [] });
  }
  found.server = explainServer(server, host.host, servers, model.servers, tls);
  noteServer(server, walk);
  const outcome = throughServer(server.server, { servers, tls, found }, walk);
  return explained(request, found, walk, outcome);
}

function noteServer({ regex, unsure }: FoundServer, walk: Walk): void {
  walk.provided.push(
    ...unsure.map((each) => `the server name ${each}, and is taken for one that does not match`),
  );
  if (regex !== null) {
    walk.variables.take(regex);
  }
}

interface ServerContext {
  readonly servers: readonly Server[];
  readonly tls: ExplainedTls | null;
  readonly found: Found;
}

function throughServer(server: Server, context: ServerContext, walk: Walk): Outcome {
  const first = ofConnection(server, context, walk) ?? serverPhase(server, walk);
  if (first !== null) {
    return outcomeOf(first, null, null, walk);
  }
  const found = findLocation(server, walk.variables.uri);
  if (found === null) {
    const text = '404: the server has no location for the path';
    return outcomeOf(walk.end('answer', { status: 404, location: null, text }, null), null, null, walk);
  }
  context.found.location = explainLocation(found, server, walk.variables.uri);
  walk.provided.push(
    ...found.unsure.map((each) => `the location ${each}, and is taken for one that does not match`),
  );
  if (found.regex !== null) {
    walk.variables.take(found.regex);
  }
  return throughLocation(found, server, walk);
}

function throughLocation(found: FoundLocation, server: Server, walk: Walk): Outcome {
  const { location } = found;
  if (location === null) {
    const text = '404: the path is for the gateway itself';
    return outcomeOf(walk.end('answer', { status: 404, location: null, text }, null), null, null, walk);
  }
  const end = beforeBackend(found, location, server, walk);
  if (end !== null) {
    return outcomeOf(end, location, server, walk);
  }
  const { proxy } = location.action;
  return proxy === null
    ? { kind: 'unknown', text: 'a plugin answers', provided: walk.provided }
    : proxied(location, server, proxy, walk);
}

function beforeBackend(found: FoundLocation, location: Location, server: Server, walk: Walk): End | null {
  const tooLarge = bodyTooLarge(location, walk);
  if (tooLarge !== null) {
    return tooLarge;
  }
  if (found.redirects) {
    const path = location.match.exact ?? location.match.prefix;
    const to = locationHeader(withSlash(path?.text ?? '', walk), location, walk);
    const text = `redirect with 301 to ${to}: nginx adds the slash that the path of the rule has`;
    return walk.end('slash-redirect', { status: 301, location: to, text }, location.origin);
  }
  const end = locationPhase(location, walk);
  if (end !== null) {
    return end;
  }
  limits(location, walk);
  return accessPhase(location, server, walk);
}

function withSlash(path: string, walk: Walk): string {
  const args = walk.variables.get('args') ?? '';
  return escapedPath(path) + (args === '' ? '' : `?${args}`);
}

/** What is decided when the request's head has been read: methods, another host than the handshake's, certificates. */
function ofConnection(server: Server, { servers, tls }: ServerContext, walk: Walk): End | null {
  const { method, scheme } = walk.asked;
  const settings = scheme === 'https' && tls !== null ? additionOf(server, 'client-certificate') : null;
  const verify = tokenAt(settings ?? {}, 'verify')?.text ?? 'off';
  const { sni, host } = walk.request;
  const isNegotiated = sni !== null && findServer(servers, sni)?.match !== 'default';
  if (isNegotiated && sni !== host && verify !== 'off') {
    const text = `421: the handshake was for ${sni}, and ${host} asks for client certificates`;
    return walk.end('client-certificate', { status: 421, location: null, text }, server.origin);
  }
  const unreadable = unreadableBody(walk.asked);
  if (unreadable !== null) {
    const { status, why } = unreadable;
    return walk.end('answer', { status, location: null, text: `${status}: ${why}` }, null);
  }
  if (method === 'TRACE' || method === 'CONNECT') {
    return walk.end('answer', { status: 405, location: null, text: `405: nginx takes no ${method}` }, null);
  }
  if (settings === null) {
    return null;
  }
  const depth = numberAt(settings, 'depth');
  if (verify === 'on') {
    const condition = 'the client shows a certificate of these authorities';
    const text = `a client certificate is asked for (chains of at most ${depth}); without one nginx answers 400`;
    walk.assume('client-certificate', text, condition, server.origin);
  } else if (verify !== 'off') {
    const text = `a client certificate is asked for and may be missing (${verify})`;
    walk.assume('client-certificate', text, 'a certificate that is shown is sound', server.origin);
  }
  return null;
}

function bodyTooLarge(location: Location, walk: Walk): End | null {
  const length = /^\d+$/u.exec(walk.variables.get('content_length') ?? '')?.[0];
  const limit = /^(\d+)([kmg]?)$/iu.exec(bodyLimit(location, walk));
  const unit = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[(limit?.[2] ?? '').toLowerCase()] ?? 1;
  const most = Number(limit?.[1] ?? 0) * unit;
  if (length === undefined || most === 0 || Number(length) <= most) {
    return null;
  }
  const text = `413: the body has ${length} bytes, and ${limit?.[0]} is the most (proxy-body-size)`;
  return walk.end('limits', { status: 413, location: null, text }, location.origin);
}

/** TLS that goes to a backend as it is. */
function passedOn(model: Model, asked: AskedRequest, { sni }: ExplainedRequest): Outcome | null {
  const host =
    asked.scheme === 'https' ? model.passthrough?.hosts.find(({ name }) => name.text === sni) : undefined;
  const upstream = model.passthrough?.upstreams.find(({ name }) => name.text === host?.upstream.text);
  if (host === undefined || upstream === undefined) {
    return null;
  }
  const text = `TLS for ${sni} goes to ${upstream.origin ?? upstream.name.text} as it is (ssl-passthrough of ${host.origin}): nobody here sees the request`;
  return { kind: 'passed', targets: [upstreamTarget(upstream, 'tls', null)], text, provided: [] };
}

function badRequest(why: string): Outcome {
  return { kind: 'answered', status: 400, location: null, text: `400: ${why}`, provided: [] };
}

function requestOf(
  asked: AskedRequest,
  host: ReturnType<typeof normalHost>,
  uri: ReturnType<typeof normalUri>,
): ExplainedRequest {
  const name = asked.name.replace(/\.$/u, '').toLowerCase();
  const isName = isIP(name.replace(/^\[|\]$/gu, '')) === 0;
  const normal = 'host' in host ? host.host : '';
  return {
    url: asked.url,
    method: asked.method,
    scheme: asked.scheme,
    host: normal,
    hostHeader: asked.hostHeader,
    sni: asked.scheme === 'https' && isName ? name : null,
    port: asked.port,
    uri: 'bad' in uri ? '' : textOf(uri.uri),
    args: 'bad' in uri ? '' : textOf(uri.args),
    requestUri: textOf(asked.target),
    headers: shownHeaders(asked.headers),
    client: asked.client,
    notes: notesOf(asked, normal, uri),
  };
}

function notesOf(asked: AskedRequest, host: string, uri: ReturnType<typeof normalUri>): string[] {
  const path = /^[^?#]*/u.exec(asked.target)?.[0] ?? '';
  return [
    ...(host !== '' && host !== asked.hostHeader
      ? [`${asked.hostHeader} is compared as ${host}: in lower case, without port and final dot`]
      : []),
    ...(!('bad' in uri) && uri.uri !== path
      ? [`${textOf(path)} is compared as ${textOf(uri.uri)}: decoded, slashes merged, dot segments resolved`]
      : []),
    ...(asked.url.includes('#') ? ['what follows "#" is never sent'] : []),
    ...(asked.ownHost && asked.scheme === 'https'
      ? [`the handshake is for ${asked.name}, the request for ${asked.hostHeader}`]
      : []),
  ];
}

function explained(
  request: ExplainedRequest,
  { listener, server, location }: Found,
  walk: Walk | null,
  outcome: Outcome,
): Explanation {
  return {
    request,
    listener,
    server,
    location,
    steps: walk?.steps ?? [],
    outcome,
    verdict: null,
    remarks: walk?.remarks ?? [],
  };
}
