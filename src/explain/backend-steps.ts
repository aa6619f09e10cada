import { mergeHeaders } from '../model/header.ts';
import type { Alternative, Condition, Location, ProxyAction, Server, Split } from '../model/model.ts';
import { targetOf, withArgs } from './answers.ts';
import type { ExplainedTarget, Outcome } from './explanation.ts';
import { textOf } from './regex.ts';
import { additionOf, listAt, tokenAt, type Walk } from './walk.ts';

/** What happens on the way to a backend, and which one it is. */
export function proxied(location: Location, server: Server, action: ProxyAction, walk: Walk): Outcome {
  mirror(location, server, walk);
  const protocol = action.fastcgi ? 'fastcgi' : walk.shown(action.protocol);
  const split = walk.model.splits.find(({ name }) => name.text === action.split?.text);
  const targets =
    split === undefined
      ? [targetOf(plainTarget(action), protocol, null, walk.model)]
      : splitTargets(split, protocol, walk);
  const isRewritten = additionOf(location, 'rewrite') !== null;
  const uri = isRewritten ? rewrittenUri(walk) : textOf(walk.asked.target);
  for (const target of targets) {
    walk.step('upstream', 'applies', upstreamText(target), location.origin, { ...target, uri });
  }
  session(location, walk);
  headers(location, walk);
  timeouts(location, action, walk);
  errorPages(location, walk);
  const text = `proxied to ${targets.map(shortly).join(' or ')}`;
  return { kind: 'proxied', targets, uri, text, provided: walk.provided };
}

/** Null where it cannot be told. */
function rewrittenUri(walk: Walk): string | null {
  return walk.variables.get('rewritten') === null ? null : withArgs(walk.variables.uri, walk);
}

function plainTarget({ upstream, external }: ProxyAction): string {
  return upstream === null ? `${external?.name.text}:${external?.port}` : upstream.text;
}

function shortly({ service, upstream, peers, share }: ExplainedTarget): string {
  const name = service ?? upstream ?? peers.join(', ');
  return share === null ? name : `${name} (${share} %)`;
}

function upstreamText({ protocol, peers, balancing, ...target }: ExplainedTarget): string {
  const most = 5;
  const shown =
    peers.slice(0, most).join(', ') + (peers.length > most ? ` and ${peers.length - most} more` : '');
  return `over ${protocol} to ${shortly({ protocol, peers, balancing, ...target })}: ${shown} (${balancing})`;
}

function mirror(location: Location, server: Server, walk: Walk): void {
  const path = tokenAt(additionOf(location, 'mirror') ?? {}, 'path')?.text;
  const copy = server.internals.find((each) => each.path !== null && each.path.text === path);
  const url = copy === undefined ? null : tokenAt(copy.settings, 'url');
  if (url !== null) {
    const text = `a copy is sent to ${walk.shown(url)}; its answer is thrown away`;
    walk.step('mirror', 'applies', text, location.origin);
  }
}

/** Where a split sends the request: a session first, then headers and cookies of each canary, then chance. */
function splitTargets(
  { primary, alternatives, memory, origin }: Split,
  protocol: string,
  walk: Walk,
): ExplainedTarget[] {
  function targetAt(number: number, share: number | null): ExplainedTarget {
    const target = number === 0 ? primary : (alternatives[number - 1]?.target ?? primary);
    return targetOf(target.text, protocol, share, walk.model);
  }
  const cookies = walk.variables.get('http_cookie');
  const side = (memory?.sides ?? []).find(({ pattern }) => walk.matches(pattern, cookies) === true);
  if (side !== undefined) {
    const text = `the session's cookie says ${side.number === 0 ? 'the primary backend' : `canary ${side.number}`}`;
    walk.step('split', 'applies', text, origin, { number: side.number });
    return [targetAt(side.number, null)];
  }
  const said = alternatives.map((alternative) => saidOf(alternative, walk));
  for (const [index, word] of said.entries()) {
    const alternative = alternatives[index];
    if (word === 'there' && alternative !== undefined) {
      const text = `a header or cookie sends the request to canary ${index + 1}, ${alternative.origin}`;
      walk.step('split', 'applies', text, alternative.origin, { number: index + 1 });
      return [targetAt(index + 1, null)];
    }
  }
  const drawn = alternatives.flatMap(({ share, origin: from }, index) =>
    share > 0 && said[index] === null ? [{ number: index + 1, share, from }] : [],
  );
  const left = 10_000 - drawn.reduce((sum, { share }) => sum + share, 0);
  const chances = [...(left > 0 ? [{ number: 0, share: left, from: origin }] : []), ...drawn];
  const [only] = chances;
  if (chances.length === 1 && only !== undefined) {
    const why = said.includes('away')
      ? 'a header or cookie keeps the request from the canary'
      : 'no canary takes it';
    const text =
      only.number === 0 ? `${why}: the primary backend` : `all requests go to canary ${only.number}`;
    walk.step('split', only.number === 0 ? 'passes' : 'applies', text, only.from, { number: only.number });
    return [targetAt(only.number, null)];
  }
  const shares = chances.map(
    ({ number, share }) => `${number === 0 ? 'primary' : `canary ${number}`} ${share / 100} %`,
  );
  walk.step('split', 'depends', `chance decides: ${shares.join(', ')}`, origin, { shares: chances });
  return chances.map(({ number, share }) => targetAt(number, share / 100));
}

/** The first condition that decides holds; null where none does. */
function saidOf({ conditions }: Alternative, walk: Walk): 'there' | 'away' | null {
  for (const condition of conditions) {
    const word = wordOf(condition, walk);
    if (word !== null) {
      return word;
    }
  }
  return null;
}

function wordOf({ input, there, away }: Condition, walk: Walk): 'there' | 'away' | null {
  const value = walk.variables.expand(input);
  if (value === null || value === '') {
    return null;
  }
  const goes = walk.matches(there, value);
  if (goes === null) {
    walk.provided.push(`${input.text} does not match ${there.text}, which cannot be told`);
  }
  if (goes === true) {
    return 'there';
  }
  return away !== null && walk.matches(away, value) === true ? 'away' : null;
}

function session(location: Location, walk: Walk): void {
  if (additionOf(location, 'balancing')?.['cookie'] !== undefined) {
    walk.step('session', 'applies', 'a cookie keeps the client with one endpoint', location.origin);
  }
}

/** Names and values of headers as they stand in nginx.conf: variables are not filled in. */
function headers(location: Location, walk: Walk): void {
  const { http } = walk.model;
  const request = mergeHeaders(http.requestHeaders, location.requestHeaders);
  const set = request.filter(({ value }) => value.text !== '');
  const dropped = request.filter(({ value }) => value.text === '');
  walk.step(
    'request-headers',
    'applies',
    `the backend gets ${set.length} headers of the gateway; ${dropped.length} of the client's are kept from it`,
    location.requestHeaders.length > 0 ? location.origin : null,
    {
      set: set.map(({ name, value }) => ({ name: name.text, value: value.text })),
      dropped: dropped.map(({ name }) => name.text),
    },
  );
  const response = mergeHeaders(http.responseHeaders, location.responseHeaders);
  if (response.length > 0) {
    const text = `the answer gets ${response.map(({ name }) => name.text).join(', ')}`;
    const details = response.map(({ name, value, always }) => ({
      name: name.text,
      value: value.text,
      always,
    }));
    walk.step('response-headers', 'applies', text, location.origin, { set: details });
  }
}

function timeouts(location: Location, { grpc, fastcgi }: ProxyAction, walk: Walk): void {
  const own = additionOf(location, fastcgi ? 'fastcgi' : 'timeouts') ?? {};
  const { options } = walk.model;
  const connect = tokenAt(own, 'connect')?.text ?? options['proxy-connect-timeout'].text;
  const send = tokenAt(own, 'send')?.text ?? options['proxy-send-timeout'].text;
  const read = tokenAt(own, 'read')?.text ?? options['proxy-read-timeout'].text;
  const what = grpc ? 'gRPC backend' : 'backend';
  const text = `the ${what} must be connected to within ${connect}, take the request within ${send} and answer within ${read}, each pause counted`;
  walk.step('timeouts', 'applies', text, Object.keys(own).length > 0 ? location.origin : null, {
    connect,
    send,
    read,
  });
}

function errorPages(location: Location, walk: Walk): void {
  const settings = additionOf(location, 'custom-errors');
  const codes = listAt(settings ?? {}, 'pages').map((page) => page['code']);
  if (settings !== null && codes.length > 0) {
    const whose = settings['intercepts'] === true ? 'of nginx and of the backend' : 'of nginx alone';
    const text = `answers ${whose} with ${codes.join(', ')} are replaced by pages of another Service`;
    walk.step('custom-errors', 'applies', text, location.origin, { codes });
  }
}

/** The largest body that the location takes, in words of nginx (`8m`); `0` is no limit. */
export function bodyLimit(location: Location, walk: Walk): string {
  const own = additionOf(location, 'buffers') ?? {};
  const { body } = own;
  return tokenAt(own, 'body')?.text ?? (typeof body === 'number' ? String(body) : null) ?? textSize(walk);
}

function textSize(walk: Walk): string {
  const { options } = walk.model;
  const size: unknown = options['proxy-body-size'];
  return typeof size === 'object' && size !== null && 'text' in size ? String(size.text) : String(size);
}
