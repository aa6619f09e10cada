import type { Listener, Model, Server, ServerName } from '../model/model.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { nearest } from '../model/nearest.ts';
import type {
  ExplainedListener,
  ExplainedServer,
  ExplainedTls,
  NameMatch,
  ServerLoser,
} from './explanation.ts';
import { originOf } from './origin.ts';
import { bytesOf, matchRegex, type RegexMatch } from './regex.ts';

const mostLosers = 20;

/** The listener for a scheme, as it is shown. */
export function explainListener(
  { id, protocol, port, addresses, proxyProtocol }: Listener,
  options: Model['options'],
  capabilities: Capabilities,
): ExplainedListener {
  return {
    id,
    protocol,
    port,
    addresses: addresses.map(({ text }) => text),
    http2: protocol === 'https' && options['use-http2'] && capabilities.http2,
    proxyProtocol,
  };
}

/** A server and how it was found. */
export interface FoundServer {
  readonly server: Server;
  readonly match: NameMatch;
  readonly name: ServerName | null;
  /** Of a regex. */
  readonly regex: RegexMatch | null;
  /** Regexes that come before it and cannot be judged. */
  readonly unsure: readonly string[];
}

/** The names of a server as they are shown. */
export function namesOf({ names }: Pick<Server, 'names'>): string[] {
  return names.map(nameOf);
}

function nameOf({ exact, regex }: ServerName): string {
  if (exact !== null) {
    return exact.text;
  }
  const text = regex?.text ?? '';
  const wildcard = /^\^\(\?<subdomain>\[\\w-\]\+\)(.*)\$$/u.exec(text);
  return wildcard === null ? `~${text}` : `*${(wildcard[1] ?? '').replaceAll(/\\(.)/gu, '$1')}`;
}

function isWildcard(name: ServerName): boolean {
  return nameOf(name).startsWith('*');
}

/** Finds the server as nginx does: whole names first, then regexes in the order of the file, then the default. */
export function findServer(servers: readonly Server[], host: string): FoundServer | null {
  for (const server of servers) {
    const name = server.names.find(({ exact }) => exact?.text === host);
    if (name !== undefined) {
      return { server, match: 'exact', name, regex: null, unsure: [] };
    }
  }
  const unsure: string[] = [];
  for (const server of servers) {
    for (const name of server.names) {
      const answer = fits(name, host);
      if ('unknown' in answer) {
        unsure.push(`${nameOf(name)}: ${answer.unknown}`);
      } else if (answer.match !== null) {
        const match = isWildcard(name) ? 'wildcard' : 'regex';
        return { server, match, name, regex: answer.match, unsure };
      }
    }
  }
  const last = servers.find(({ isDefault }) => isDefault);
  return last === undefined ? null : { server: last, match: 'default', name: null, regex: null, unsure };
}

function fits({ regex }: ServerName, host: string): ReturnType<typeof matchRegex> {
  // A name of the file with a capital letter makes nginx ignore letter case; hosts have none.
  return regex === null || host === '' ? { match: null } : matchRegex(regex.text, true, bytesOf(host));
}

/** The server as it is shown, with those that nearly took the request. `all` are those of all listeners. */
export function explainServer(
  found: FoundServer,
  host: string,
  servers: readonly Server[],
  all: readonly Server[],
  tls: ExplainedTls | null,
): ExplainedServer {
  const losers = losersOf(found, host, servers, all);
  return {
    names: namesOf(found.server),
    match: found.match,
    matched: found.name === null ? null : nameOf(found.name),
    why: whyOf(found, host),
    origin: originOf(found.server.origin, null),
    line: null,
    tls,
    losers: losers.slice(0, mostLosers),
    moreLosers: Math.max(0, losers.length - mostLosers),
  };
}

function whyOf({ match, name }: FoundServer, host: string): string {
  const shown = name === null ? '' : nameOf(name);
  switch (match) {
    case 'exact':
      return `its name is ${host}; whole names come before all others`;
    case 'wildcard':
      return `no server has the name ${host}, and ${shown} stands for one label more`;
    case 'regex':
      return `no server has the name ${host}, and ${shown} is the first regex that matches it`;
    case 'default':
      return host === ''
        ? 'the request names no host: the default server takes it'
        : `no server has the name ${host}: the default server takes it`;
    default:
      return match satisfies never;
  }
}

function losersOf(
  found: FoundServer,
  host: string,
  servers: readonly Server[],
  all: readonly Server[],
): ServerLoser[] {
  const losers: ServerLoser[] = [];
  function add(server: Server, why: string): void {
    losers.push({ names: namesOf(server), origin: originOf(server.origin, null), why });
  }
  for (const server of all) {
    const isHere = servers.includes(server);
    const name = server.names.find((each) => each.exact?.text === host || isFitting(each, host));
    if (server === found.server || name === undefined) {
      continue;
    }
    if (!isHere) {
      add(server, 'its name fits, but it does not listen here: its TLS goes to its backend as it is');
    } else if (found.match === 'exact') {
      add(server, `${nameOf(name)} fits too, but a whole name comes first`);
    } else {
      add(server, `${nameOf(name)} fits too, but stands later in the file`);
    }
  }
  if (found.match === 'default') {
    const names = servers.flatMap((server) => server.names.flatMap(({ exact }) => exact?.text ?? []));
    const alike = nearest(host, names);
    const server = servers.find((each) => each.names.some(({ exact }) => exact?.text === alike));
    if (server !== undefined) {
      add(server, `its name ${alike} is like ${host}, but not the same`);
    }
    for (const each of servers.filter((one) => one.names.some((name) => isDeeper(name, host)))) {
      add(each, 'its wildcard stands for exactly one label, and this name has more or fewer');
    }
  }
  return losers;
}

function isFitting(name: ServerName, host: string): boolean {
  const answer = fits(name, host);
  return 'match' in answer && answer.match !== null;
}

function isDeeper(name: ServerName, host: string): boolean {
  const rest = nameOf(name).slice(1);
  return isWildcard(name) && (host.endsWith(rest) || host === rest.slice(1));
}

/** What the handshake shows and to whom it leads: by the name that the client asks for, not by the header Host. */
export function explainTls(servers: readonly Server[], sni: string | null, rejects: boolean): ExplainedTls {
  const found = findServer(servers, sni ?? '');
  const own = found?.server.certificate ?? null;
  const shown = own ?? servers.find(({ isDefault }) => isDefault)?.certificate ?? null;
  const names = found === null ? [] : namesOf(found.server);
  const certificate = originOf(shown?.origin ?? null, null);
  if (found?.match === 'default' && rejects) {
    const why = 'no server has this name, and the option ssl-reject-handshake ends such handshakes';
    return { names, certificate: null, why, refused: true };
  }
  const asked = sni === null ? 'the client asks for no name' : `the client asks for ${sni}`;
  const whose = certificate === null ? "the gateway's own certificate" : certificate.object;
  const why =
    own === null || found?.match === 'default'
      ? `${asked}, for which there is no certificate: ${whose} is shown`
      : `${asked}: ${whose} is shown`;
  return { names, certificate, why, refused: false };
}
