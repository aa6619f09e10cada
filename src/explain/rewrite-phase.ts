import type { Addition, Location, Server } from '../model/model.ts';
import type { Token } from '../model/token.ts';
import { builtinPluginNames } from '../plugins/builtin.ts';
import type { Pattern } from '../options/patterns.ts';
import { isWithin } from './addresses.ts';
import { locationHeader } from './answers.ts';
import { bytesOf, matchRegex, textOf } from './regex.ts';
import { explainSnippet } from './snippet-steps.ts';
import { listAt, numberAt, settingsAt, tokenAt, tokensAt, type End, type Walk } from './walk.ts';

type Settings = Addition['settings'];

/** What the server does before a location is looked for; null where it lets the request go on. */
export function serverPhase(server: Server, walk: Walk): End | null {
  const blocked = walk.model.http.blocks ? blockedBy(walk) : null;
  if (blocked !== null) {
    return blocked;
  }
  for (const { plugin, settings } of server.additions) {
    const end = inServer(plugin, settings, server, walk);
    if (end !== null) {
      return end;
    }
  }
  for (const { settings } of server.endings.filter(({ plugin }) => plugin === 'snippets')) {
    const end = explainSnippet(tokensAt(settings, 'lines'), 'server-snippet', server.origin, null, walk);
    if (end !== null) {
      return end;
    }
  }
  const own = walk.model.options['server-snippet'];
  return own === null
    ? null
    : explainSnippet(own.lines, 'server-snippet of the options', walk.model.http.optionsOrigin, null, walk);
}

/** The lists of clients that get 403 on every host. */
function blockedBy(walk: Walk): End | null {
  const { options, http } = walk.model;
  const within = isWithin(walk.variables.clientAddress, options['block-cidrs']);
  const found = [
    within,
    fitsAny(options['block-user-agents'], walk.variables.get('http_user_agent'), walk),
    fitsAny(options['block-referers'], walk.variables.get('http_referer'), walk),
  ];
  const origin = http.optionsOrigin;
  if (found.includes(true)) {
    const text = '403: the options block the client, by its address, User-Agent or Referer';
    return walk.end('blocked', { status: 403, location: null, text }, origin);
  }
  if (found.includes(null)) {
    const condition = 'the client is not one that the options block';
    walk.assume('blocked', 'the options block some clients on every host', condition, origin);
  } else {
    walk.step('blocked', 'passes', 'the client is none of those that the options block', origin);
  }
  return null;
}

function fitsAny(patterns: readonly Pattern[], value: string | null, walk: Walk): boolean | null {
  const found = patterns.map(({ exact, regex }) =>
    // nginx compares whole texts of a map without letter case.
    regex === null
      ? value !== null && bytesOf(exact?.text ?? '').toLowerCase() === value.toLowerCase()
      : walk.matches(regex, value),
  );
  return found.includes(true) || (found.includes(null) ? null : false);
}

function inServer(plugin: string, settings: Settings, server: Server, walk: Walk): End | null {
  switch (plugin) {
    case 'app-root':
      return appRoot(tokenAt(settings, 'target'), server, walk);
    case 'www-redirect': {
      const uri = walk.variables.get('uri_for_www') ?? '';
      const host = tokenAt(settings, 'host')?.text ?? '';
      const port = walk.variables.get('server_port') ?? '';
      const location = textOf(`${walk.asked.scheme}://${host}:${port}${uri}`);
      const status = numberAt(settings, 'status') ?? 0;
      const text = `redirect with ${status} to ${location}, the host's other name (from-to-www-redirect)`;
      return walk.end('server-return', { status, location, text }, server.origin);
    }
    case 'client-certificate':
      return withoutCertificate(settings, server, walk);
    default:
      return explainOther(plugin, server.origin, walk);
  }
}

function appRoot(target: Token | null, server: Server, walk: Walk): End | null {
  if (walk.variables.uri !== '/' || target === null) {
    walk.step('server-return', 'passes', 'app-root redirects "/" alone', server.origin);
    return null;
  }
  const location = walk.shown(target);
  const text = `redirect of "/" with 302 to ${location} (app-root)`;
  return walk.end('server-return', { status: 302, location, text }, server.origin);
}

/** Over plain HTTP nobody shows a certificate. */
function withoutCertificate(settings: Settings, server: Server, walk: Walk): End | null {
  const guard = settingsAt(settings, 'guard');
  const pattern = guard === null ? null : tokenAt(guard, 'pattern');
  const isGuarded =
    pattern?.token === 'regex' &&
    walk.matches(pattern as Token<'regex'>, `${walk.asked.scheme}:${walk.variables.uri}`) !== false;
  if (isGuarded) {
    const status = numberAt(settings, 'status');
    const location = `https://${walk.request.host}${textOf(walk.asked.target)}`;
    const text =
      status === null
        ? '403: the host asks for client certificates, which nobody shows over plain HTTP'
        : `redirect with ${status} to ${location}: client certificates are shown over HTTPS alone`;
    const end = { status: status ?? 403, location: status === null ? null : location, text };
    return walk.end('client-certificate', end, server.origin);
  }
  const match = tokenAt(settings, 'match');
  if (match !== null && walk.asked.scheme === 'https') {
    const condition = `the name in the client's certificate matches ${match.text}`;
    walk.assume('client-certificate', `403 unless ${condition}`, condition, server.origin);
  } else if (match !== null) {
    // The guard covers all but paths without authentication; there no certificate has a name that matches.
    const text = '403: the name in the certificate does not match, because over plain HTTP there is none';
    const isOpen = walk.matches(match as Token<'regex'>, '', false) === true;
    return isOpen
      ? null
      : walk.end('client-certificate', { status: 403, location: null, text }, server.origin);
  }
  return null;
}

/** Plugins of users print directives that nobody here knows. */
function explainOther(plugin: string, object: string | null, walk: Walk): null {
  if (!builtinPluginNames.includes(plugin) && plugin !== 'not-yet') {
    const condition = `the directives of the plugin ${plugin} let the request go on`;
    walk.assume('plugin', `the plugin ${plugin} adds directives of its own`, condition, object);
  }
  return null;
}

/** What the location's own directives of the rewrite phase do, in their order; null where the request goes on. */
export function locationPhase(location: Location, walk: Walk): End | null {
  const { options, http } = walk.model;
  const own = options['location-snippet'];
  const first =
    own === null
      ? null
      : explainSnippet(own.lines, 'location-snippet of the options', http.optionsOrigin, location, walk);
  if (first !== null) {
    return first;
  }
  for (const { plugin, settings } of location.additions) {
    const end = inLocation(plugin, settings, location, walk);
    if (end !== null) {
      return end;
    }
  }
  const { answer } = location.action;
  if (answer === null) {
    return null;
  }
  const text =
    answer.status === 503
      ? '503: the route is closed, see the verdict'
      : `${answer.status}: ${location.origin === null ? 'nobody has asked for this path' : 'a fixed answer'}`;
  return walk.end('answer', { status: answer.status, location: null, text }, location.origin);
}

function inLocation(plugin: string, settings: Settings, location: Location, walk: Walk): End | null {
  switch (plugin) {
    case 'cors':
      return preflight(settings, location, walk);
    case 'redirect':
      return redirect(settings, location, walk);
    case 'ssl-redirect':
      return toHttps(settings, location, walk);
    case 'rewrite':
      return rewrite(settings, location, walk);
    case 'location-variables':
      setVariables(settings, walk);
      return null;
    case 'snippets':
      setVariables(settings, walk);
      return explainSnippet(
        tokensAt(settings, 'lines'),
        'configuration-snippet',
        location.origin,
        location,
        walk,
      );
    default:
      return explainOther(plugin, location.origin, walk);
  }
}

function setVariables(settings: Settings, walk: Walk): void {
  for (const variable of listAt(settings, 'variables')) {
    const value = tokenAt(variable, 'value');
    walk.variables.set(
      tokenAt(variable, 'name')?.text ?? '',
      value === null ? null : walk.variables.expand(value),
    );
  }
}

function preflight(settings: Settings, location: Location, walk: Walk): End | null {
  const policy = settingsAt(settings, 'policy');
  const origin = walk.variables.get('http_origin');
  const patterns = policy === null ? [] : (tokensAt(policy, 'patterns') as Token<'regex'>[]);
  const fits = patterns.map((pattern) => origin !== '' && walk.matches(pattern, origin));
  const isAllowed = settings['any'] === true || fits.includes(true);
  const who = settings['any'] === true ? 'any origin' : `the origin ${textOf(origin ?? '')}`;
  if (!isAllowed && fits.includes(null)) {
    const condition = 'the request is no preflight of an allowed origin';
    walk.assume('cors-preflight', 'preflights of allowed origins are answered', condition, location.origin);
    return null;
  }
  if (walk.asked.method === 'OPTIONS' && isAllowed) {
    const text = `204: a preflight from ${who} is answered before anything else`;
    return walk.end('cors-preflight', { status: 204, location: null, text }, location.origin);
  }
  const text = isAllowed
    ? `${who} may read the answer; it is no preflight`
    : 'the origin is not allowed: the answer is that of the backend';
  walk.step('cors-preflight', 'passes', text, location.origin, { allowed: isAllowed });
  return null;
}

function redirect(settings: Settings, location: Location, walk: Walk): End | null {
  const url = tokenAt(settings, 'url');
  const status = numberAt(settings, 'status') ?? 0;
  if (url === null) {
    return null;
  }
  const to = locationHeader(walk.variables.expand(url), location, walk);
  const text = `redirect with ${status} to ${to}`;
  return walk.end('redirect', { status, location: to, text }, location.origin);
}

function toHttps(settings: Settings, location: Location, walk: Walk): End | null {
  const http = walk.http('ssl-redirect');
  const pattern = http === null ? null : tokenAt(http, 'plainHttp');
  if (settings['redirects'] !== true || http === null || pattern === null) {
    return null;
  }
  const isForwarded = http['forwarded'] === true;
  const scheme = walk.variables.get(isForwarded ? 'pass_access_scheme' : 'scheme');
  const input = scheme === null ? null : `${scheme}:${walk.variables.uri}`;
  const applies = walk.matches(pattern as Token<'regex'>, input);
  if (applies === null) {
    const condition = 'the client is no proxy whose X-Forwarded-Proto counts';
    walk.assume('https-redirect', 'plain HTTP is redirected to HTTPS', condition, location.origin);
    return scheme === null && walk.asked.scheme === 'http' ? toHttpsEnd(settings, location, walk) : null;
  }
  if (!applies) {
    const why =
      scheme === 'https' ? 'the client came over HTTPS' : 'the path is left out of redirects to HTTPS';
    const said = isForwarded && scheme !== walk.asked.scheme ? ', as the proxy in front says' : '';
    walk.step('https-redirect', 'passes', `no redirect to HTTPS: ${why}${said}`, location.origin);
    return null;
  }
  return toHttpsEnd(settings, location, walk);
}

function toHttpsEnd(settings: Settings, location: Location, walk: Walk): End {
  const port = numberAt(settings, 'port');
  const status = numberAt(settings, 'status') ?? 0;
  const uri = walk.variables.get(settings['keepsSlash'] === true ? 'request_uri' : 'uri_without_slash') ?? '';
  const to = `https://${walk.request.host}${port === null ? '' : `:${port}`}${textOf(uri)}`;
  const text = `redirect of plain HTTP with ${status} to ${to}`;
  return walk.end('https-redirect', { status, location: to, text }, location.origin);
}

function rewrite(settings: Settings, location: Location, walk: Walk): End | null {
  const target = tokenAt(settings, 'target');
  const value = target === null ? null : walk.variables.expand(target);
  if (target === null || value === null) {
    walk.variables.uri = '';
    walk.assume(
      'rewrite',
      `the backend sees the path ${target?.text}`,
      'the rewritten path is one',
      location.origin,
    );
    walk.variables.set('rewritten', null);
    return null;
  }
  const noPath = tokenAt(settings, 'noPath');
  const bad = settings['isFixed'] === true || noPath === null ? null : matchRegex(noPath.text, false, value);
  if (bad !== null && 'match' in bad && bad.match !== null) {
    const text = `400: what the request makes of ${target.text} is ${JSON.stringify(textOf(value))}, which is no path`;
    return walk.end('rewrite', { status: 400, location: null, text }, location.origin);
  }
  const text = `the backend sees the path ${textOf(value)} in the place of ${textOf(walk.variables.uri)}`;
  walk.step('rewrite', 'applies', text, location.origin, {
    from: textOf(walk.variables.uri),
    to: textOf(value),
  });
  walk.variables.set('rewritten', value);
  walk.variables.uri = value;
  return null;
}
