import { additionOf, listAt, numberAt, settingsAt, tokenAt, type End, type Walk } from './walk.ts';
import type { InternalLocation, Location, Model, Server, Upstream } from '../model/model.ts';
import type { ExplainedTarget, Outcome } from './explanation.ts';
import { bytesOf, textOf } from './regex.ts';
import { escapedUri } from './uri.ts';

/** The header Location as nginx sends it: a path becomes a whole URL, where that is not switched off. */
export function locationHeader(url: string | null, location: Location | null, walk: Walk): string | null {
  if (url === null || !url.startsWith('/')) {
    return url === null ? null : textOf(url);
  }
  const isRelative =
    walk.model.options['relative-redirects'] ||
    (location !== null && additionOf(location, 'redirect')?.['relative'] === true);
  if (isRelative) {
    return textOf(url);
  }
  const { scheme } = walk.asked;
  const { port, socket } = walk.listener;
  const namesPort =
    location !== null && numberAt(additionOf(location, 'ssl-redirect') ?? {}, 'port') !== null;
  const isUsual = port === (scheme === 'https' ? 443 : 80);
  const shownPort = namesPort && !isUsual && socket === null ? `:${port}` : '';
  return `${scheme}://${walk.request.host}${shownPort}${textOf(url)}`;
}

/** What becomes of an answer of nginx's own: error pages of the location may stand in its place. */
export function outcomeOf(end: End, location: Location | null, server: Server | null, walk: Walk): Outcome {
  const { status, text } = end;
  const answered: Outcome = {
    kind: 'answered',
    status,
    location: end.location,
    text,
    provided: walk.provided,
  };
  const internals = server?.internals ?? [];
  const signIn =
    status === 401 && location !== null && server !== null ? signInPage(location, server, walk) : null;
  if (signIn !== null) {
    const shown = `redirect with 302 to ${signIn}`;
    walk.step('external-auth', 'applies', `in the place of 401: ${shown}`, location?.origin ?? null);
    return { ...answered, status: 302, location: signIn, text: shown };
  }
  const page =
    location === null
      ? undefined
      : listAt(additionOf(location, 'custom-errors') ?? {}, 'pages').find((each) => each['code'] === status);
  const named = page === undefined ? null : tokenAt(page, 'named');
  const internal = internals.find((each) => each.named !== null && each.named.text === named?.text);
  if (page === undefined || internal === undefined) {
    return answered;
  }
  const target = pageTarget(internal, walk.model);
  const who = target.service ?? target.upstream ?? target.peers.join(', ');
  walk.step(
    'custom-errors',
    'applies',
    `the page for ${status} is made by ${who}`,
    location?.origin ?? null,
    {
      status,
      target,
    },
  );
  if (page['keepsStatus'] === true) {
    return { ...answered, text: `${text}; the page is made by ${who}` };
  }
  return {
    kind: 'proxied',
    targets: [target],
    uri: withArgs('/', walk),
    text: `in the place of ${status}, ${who} answers`,
    provided: walk.provided,
  };
}

/** Where clients are sent in the place of a 401: the page, or its URL as it stands where that cannot be told. */
export function signInPage(location: Location, { internals }: Server, walk: Walk): string | null {
  const named = tokenAt(additionOf(location, 'external-auth') ?? {}, 'signIn');
  const page = internals.find((each) => named !== null && each.named?.text === named.text);
  const url = tokenAt(page?.settings ?? {}, 'url');
  const target = url === null ? null : walk.variables.expand(url);
  return target === null ? (url?.text ?? null) : locationHeader(target, null, walk);
}

function pageTarget({ upstream, settings }: InternalLocation, model: Model): ExplainedTarget {
  if (upstream !== null) {
    return targetOf(upstream.text, 'http', null, model);
  }
  return {
    upstream: null,
    service: null,
    peers: [tokenAt(settings, 'external')?.text ?? ''],
    protocol: 'http',
    balancing: 'its name is looked up',
    share: null,
  };
}

/** A path with the arguments of the request, as a backend gets it; `uri` is decoded. */
export function withArgs(uri: string, walk: Walk): string {
  const args = walk.variables.get('args') ?? '';
  return textOf(escapedUri(uri) + (args === '' ? '' : `?${args}`));
}

/** A backend as it is shown: the name of an upstream, or else `name:port` of an external one. */
export function targetOf(
  name: string,
  protocol: string,
  share: number | null,
  model: Model,
): ExplainedTarget {
  const upstream = model.upstreams.find((each) => each.name.text === name);
  return upstream === undefined
    ? { upstream: null, service: null, peers: [name], protocol, balancing: 'its name is looked up', share }
    : upstreamTarget(upstream, protocol, share);
}

/** An upstream as it is shown. */
export function upstreamTarget(upstream: Upstream, protocol: string, share: number | null): ExplainedTarget {
  return {
    upstream: upstream.name.text,
    service: upstream.origin,
    peers: upstream.peers.map(({ text }) => text),
    protocol,
    balancing: balancingOf(upstream),
    share,
  };
}

function balancingOf(upstream: Upstream): string {
  if (upstream.peers.length === 1) {
    return 'the only endpoint';
  }
  const settings = additionOf(upstream, 'balancing') ?? {};
  const hash = tokenAt(settings, 'hash');
  const sticky = settingsAt(settings, 'sticky');
  const method = settingsAt(settings, 'method');
  const byMethod =
    method === null
      ? 'round robin'
      : `${tokenAt(method, 'name')?.text}${method['two'] === true ? ' two least_conn' : ''}`;
  if (sticky !== null) {
    return `by the cookie ${tokenAt(sticky, 'name')?.text}; without it ${byMethod}`;
  }
  return hash === null ? byMethod : `consistent hash of ${hash.text}`;
}

/** A path that nginx redirects to as it is written into Location. */
export function escapedPath(path: string): string {
  return escapedUri(bytesOf(path));
}
