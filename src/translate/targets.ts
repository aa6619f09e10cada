import { isIP } from 'node:net';
import type { Snapshot } from '../cluster/snapshot.ts';
import { parseExternalName } from '../model/host.ts';
import { parseAddress } from '../model/network.ts';
import { refused, shown, whole, type Parsed } from '../model/token.ts';
import { hashOf } from '../plugins/additions.ts';
import type { Target } from '../plugins/context.ts';
import type { Backends, Fault } from './backends.ts';
import { reasonToRefuse } from './peers.ts';
import type { TranslateSettings } from './settings.ts';

export interface TargetParts {
  readonly snapshot: Snapshot;
  readonly settings: TranslateSettings;
  readonly canResolve: boolean;
  readonly backends: Backends;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const isServiceName = whole(`${label}\\.${label}\\.svc(?:\\.cluster\\.local)?\\.?`);

/** What a URL leads to, and for whom. */
export interface WantedTarget {
  /** Of the object that asks. */
  readonly namespace: string;
  /** In lower case. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** As in `References.target`. */
  readonly connections: string | null;
}

/** Where a host and a port of a URL lead. */
export function findTarget(wanted: WantedTarget, parts: TargetParts): Parsed<Target> {
  const { host, port } = wanted;
  if (isServiceName(host)) {
    const [name = '', namespace = ''] = host.split('.');
    const { settings, snapshot } = parts;
    const isWatched = settings.namespace === '' || settings.namespace === namespace;
    if (isWatched || snapshot.services.has(`${namespace}/${name}`)) {
      const form = { connections: connectionsOf(namespace, wanted) };
      const found = parts.backends.find(namespace, name, { number: port, name: null }, form);
      return 'fault' in found
        ? { error: faultOf(found.fault) }
        : { value: { ...found.target, address: null } };
    }
  }
  if (isIP(host) !== 0) {
    return addressTarget(host, port, parts.settings);
  }
  const name = parseExternalName(host);
  if (refused(name)) {
    return name;
  }
  return parts.canResolve
    ? { value: { upstream: null, external: { name: name.value, port }, address: null } }
    : { error: `${shown(host)} cannot be looked up: there is no name server (nginx.resolver)` };
}

/** nginx would use a kept connection again without looking whether it is one over TLS, or who has used it before. */
function connectionsOf(service: string, { namespace, tls, connections }: WantedTarget): string {
  if (connections === null) {
    return `${tls ? 'tls' : ''}global`;
  }
  const asking = namespace === service ? '' : `from${hashOf(namespace)}`;
  return `${tls ? 'tls' : ''}${asking}${connections}`;
}

/** Where the first port of a Service leads. */
export function findService(namespace: string, name: string, backends: Backends): Parsed<Target> {
  const found = backends.findFirst(namespace, name);
  return 'fault' in found ? { error: faultOf(found.fault) } : { value: { ...found.target, address: null } };
}

/** Where requests go that nobody was asked for; null where no Service is configured for them. */
export function findDefault(
  { defaultBackendService }: TranslateSettings,
  backends: Backends,
): Parsed<Target> | null {
  const [namespace, name] = defaultBackendService.split('/');
  return namespace === undefined || name === undefined ? null : findService(namespace, name, backends);
}

/** Without the consequence that it has for a rule. */
function faultOf({ message }: Fault): string {
  return message.replace(/(?:; until then|: until it has one) the answer is 503$/u, '');
}

/** The rules are those of endpoints: nothing of this machine or of the cloud's own metadata. */
function addressTarget(ip: string, port: number, settings: TranslateSettings): Parsed<Target> {
  const reason = reasonToRefuse(ip, port, settings);
  if (reason !== null) {
    return { error: reason };
  }
  const address = parseAddress(ip, port);
  return refused(address) ? address : { value: { upstream: null, external: null, address: address.value } };
}
