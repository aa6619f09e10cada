import type {
  ExplainedLocation,
  ExplainedOrigin,
  ExplainedRequest,
  ExplainedServer,
  ExplainedTarget,
  Explanation,
  Outcome,
  Step,
} from './explanation.ts';

/** Of a label with its colon; all that is said stands behind it. */
const labelWidth = 11;

/** An explanation for people, in lines, after the manner of `kubectl describe`. Nothing in it can steer a terminal. */
export function explanationText(explanation: Explanation): string {
  const { request, listener, server, location, steps, outcome, verdict, remarks } = explanation;
  const addresses = listener?.addresses.join(', ') ?? '';
  const lines = [
    ...requestLines(request),
    line(
      'Listener',
      listener === null
        ? 'none'
        : `${listener.protocol} on ${addresses === '' ? `port ${listener.port}` : addresses}${listener.http2 ? ', HTTP/2' : ''}${listener.proxyProtocol ? ', PROXY protocol' : ''}`,
    ),
    ...serverLines(server),
    ...locationLines(location),
    'Steps:',
    ...(steps.length === 0 ? [nested('none')] : steps.map((step, index) => stepLine(step, index + 1))),
    ...outcomeLines(outcome),
    ...(verdict === null
      ? []
      : [
          line('Verdict', `${verdict.state} (${verdict.kind}/${verdict.namespace}/${verdict.name})`),
          ...verdict.reasons.map(({ field, message }) => nested(`${field}: ${message}`)),
        ]),
    ...remarks.map((remark) => line('Remark', remark)),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function line(label: string, text: string): string {
  return `${`${label}:`.padEnd(labelWidth)} ${text}`;
}

function nested(text: string): string {
  return `  ${text}`;
}

function detail(label: string, text: string): string {
  return `  ${`${label}:`.padEnd(labelWidth - 2)} ${text}`;
}

function requestLines(request: ExplainedRequest): string[] {
  const { method, url, host, uri, args, sni, client, headers, notes } = request;
  return [
    line('Request', `${method} ${url}`),
    detail('Host', host === '' ? 'none' : host),
    detail('Path', `${uri}${args === '' ? '' : `, with the arguments ${args}`}`),
    ...(sni === null ? [] : [detail('SNI', sni)]),
    ...(client === null ? [] : [detail('Client', client)]),
    ...headers.map(({ name, value }) => detail('Header', `${name}: ${value}`)),
    ...notes.map((note) => detail('Note', note)),
  ];
}

function serverLines(server: ExplainedServer | null): string[] {
  if (server === null) {
    return [line('Server', 'none')];
  }
  const { names, match, why, origin, tls, losers, moreLosers } = server;
  const name = names.length === 0 ? 'the default server' : names.join(' ');
  return [
    line('Server', `${name}${names.length === 0 ? '' : ` (${match})`}${lineOf(server.line)}`),
    detail('Why', why),
    ...originLines(origin),
    ...(tls === null ? [] : [detail('TLS', tls.why)]),
    ...losers.map((loser) => detail('Not', `${loser.names.join(' ')}${whose(loser.origin)}: ${loser.why}`)),
    ...(moreLosers > 0 ? [detail('Not', `${moreLosers} more`)] : []),
  ];
}

function locationLines(location: ExplainedLocation | null): string[] {
  if (location === null) {
    return [line('Location', 'none is looked for')];
  }
  const { modifier, path, why, origin, losers, moreLosers } = location;
  return [
    line('Location', `${named(modifier, path)}${lineOf(location.line)}`),
    detail('Why', why),
    ...originLines(origin),
    ...losers.map((loser) =>
      detail('Not', `${named(loser.modifier, loser.path)}${whose(loser.origin)}: ${loser.why}`),
    ),
    ...(moreLosers > 0 ? [detail('Not', `${moreLosers} more that do not fit`)] : []),
  ];
}

function named(modifier: string, path: string): string {
  return modifier === '' ? path : `${modifier} ${path}`;
}

function lineOf(number: number | null): string {
  return number === null ? '' : `, nginx.conf:${number}`;
}

function originLines(origin: ExplainedOrigin | null): string[] {
  return [detail('From', origin === null ? 'the gateway itself' : placeOf(origin))];
}

function placeOf({ object, field: place }: ExplainedOrigin): string {
  return place === null ? object : `${object} ${place}`;
}

function whose(origin: ExplainedOrigin | null): string {
  return origin === null ? '' : ` (${placeOf(origin)})`;
}

function stepLine({ kind, state, text, object }: Step, number: number): string {
  const whom = object === null ? '' : ` [${object}]`;
  return nested(`${String(number).padStart(2)}. ${state.padEnd(7)} ${kind}: ${text}${whom}`);
}

function outcomeLines(outcome: Outcome): string[] {
  const conditions = outcome.provided.map((each) => detail('Provided', each));
  switch (outcome.kind) {
    case 'answered':
      return [
        line('Outcome', `nginx answers ${outcome.status}`),
        ...(outcome.location === null ? [] : [detail('Location', outcome.location)]),
        detail('Why', outcome.text),
        ...conditions,
      ];
    case 'proxied':
      return [
        line('Outcome', outcome.text),
        detail('URI', outcome.uri ?? 'cannot be told'),
        ...outcome.targets.map((target) => detail('Backend', targetText(target))),
        ...conditions,
      ];
    case 'passed':
      return [
        line('Outcome', outcome.text),
        ...outcome.targets.map((target) => detail('Backend', targetText(target))),
        ...conditions,
      ];
    case 'unknown':
      return [line('Outcome', outcome.text), ...conditions];
    default:
      return outcome satisfies never;
  }
}

function targetText({ service, upstream, peers, protocol, balancing, share }: ExplainedTarget): string {
  const most = 10;
  const rest = peers.length - most;
  const shown = peers.slice(0, most).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
  const name = service ?? upstream ?? 'by name';
  return `${name}, ${protocol}: ${shown} (${balancing})${share === null ? '' : `, ${share} %`}`;
}

/** Requests may hold characters that move a cursor or turn text round. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}
