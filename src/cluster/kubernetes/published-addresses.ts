import { isIP } from 'node:net';
import { isDnsSubdomain } from '../ingest-meta.ts';
import { at, textAt } from './api-json.ts';
import type { ApiClient } from './api-client.ts';
import { monotonicClock, type Clock } from './clock.ts';
import { resourcePath } from './resource.ts';
import { listOwnPods } from './status-pods.ts';
import { readProblem, type Problem } from './status-problem.ts';

/** One entry of `status.loadBalancer.ingress`; what it lacks is empty. */
export interface PublishedAddress {
  readonly ip: string;
  readonly hostname: string;
}

/** Where the addresses come from. The first that is set counts, as with ingress-nginx. */
export interface AddressRules {
  /** `kubernetes.publish_status_address`: IP addresses and host names. */
  readonly addresses: readonly string[];
  /** `kubernetes.publish_service` as namespace/name, or empty. */
  readonly service: string;
  /** `kubernetes.report_node_internal_ip_address` */
  readonly preferInternal: boolean;
}

export interface AddressSourceOptions {
  readonly client: ApiClient;
  readonly rules: AddressRules;
  /** Of this pod. */
  readonly namespace: string;
  readonly podName: string;
  readonly clock?: Clock;
}

/** Finds out the addresses: sorted, each once. A problem says nothing about the addresses there are. */
export type AddressSource = (signal: AbortSignal) => Promise<readonly PublishedAddress[] | Problem>;

/** Addresses of a node hardly ever change, and there may be hundreds of nodes. */
const nodeAddressesMs = 600_000;
const nodesAtOnce = 10;

export function createAddressSource(options: AddressSourceOptions): AddressSource {
  const { client, rules } = options;
  if (rules.addresses.length > 0) {
    const fixed = normalized(rules.addresses.map((text) => addressOf(text)));
    return () => Promise.resolve(fixed);
  }
  return rules.service === ''
    ? createNodeSource(options)
    : (signal) => addressesOfService(client, rules.service, signal);
}

/** The same set of addresses, whatever their order. Both are sorted. */
export function sameAddresses(one: readonly PublishedAddress[], other: readonly PublishedAddress[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ ip, hostname }, index) => ip === other[index]?.ip && hostname === other[index].hostname)
  );
}

/** The entries of any `status.loadBalancer.ingress` of the API, as far as they hold an address. */
export function readLoadBalancer(raw: unknown): readonly PublishedAddress[] {
  const entries = at(raw, 'status', 'loadBalancer', 'ingress');
  return Array.isArray(entries)
    ? normalized(entries.map((one) => ({ ip: textAt(one, 'ip'), hostname: textAt(one, 'hostname') })))
    : [];
}

/** As the API has it: absent rather than empty. */
export function toApi({ ip, hostname }: PublishedAddress): object {
  return { ...(ip !== '' && { ip }), ...(hostname !== '' && { hostname }) };
}

/** Behaviours of ingress-nginx for each type of Service. */
async function addressesOfService(
  client: ApiClient,
  key: string,
  signal: AbortSignal,
): Promise<readonly PublishedAddress[] | Problem> {
  const [namespace = '', name = ''] = key.split('/');
  const path = resourcePath({ apiVersion: 'v1', plural: 'services', namespace, name });
  const reply = await client.send({ path, signal });
  if (reply.kind !== 'answer' || reply.status !== 200) {
    return readProblem(reply, `Service/${key} (kubernetes.publish_service)`);
  }
  const { body } = reply;
  const external = textsAt(body, 'spec', 'externalIPs').map(addressOf);
  switch (textAt(body, 'spec', 'type') || 'ClusterIP') {
    case 'ExternalName':
      return normalized([addressOf(textAt(body, 'spec', 'externalName'))]);
    case 'NodePort':
      return normalized(external.length > 0 ? external : [addressOf(textAt(body, 'spec', 'clusterIP'))]);
    case 'LoadBalancer': {
      const own = readLoadBalancer(body);
      const known = new Set(own.map(({ ip }) => ip));
      return normalized([...own, ...external.filter(({ ip }) => !known.has(ip))]);
    }
    default:
      return normalized([addressOf(textAt(body, 'spec', 'clusterIP'))]);
  }
}

/** The addresses of the nodes on which ready pods of this gateway run. */
function createNodeSource({
  client,
  rules,
  namespace,
  podName,
  clock = monotonicClock,
}: AddressSourceOptions): AddressSource {
  const known = new Map<string, { readonly addresses: readonly PublishedAddress[]; readonly at: number }>();

  async function addressesOfNode(
    name: string,
    signal: AbortSignal,
  ): Promise<readonly PublishedAddress[] | Problem> {
    const before = known.get(name);
    if (before !== undefined && clock.now() - before.at < nodeAddressesMs) {
      return before.addresses;
    }
    const reply = await client.send({
      path: resourcePath({ apiVersion: 'v1', plural: 'nodes', name }),
      signal,
    });
    if (reply.kind === 'answer' && reply.status === 404) {
      known.delete(name);
      return [];
    }
    if (reply.kind !== 'answer' || reply.status !== 200) {
      return before?.addresses ?? readProblem(reply, `Node//${name}`);
    }
    const addresses = nodeAddresses(reply.body, rules.preferInternal);
    known.set(name, { addresses, at: clock.now() });
    return addresses;
  }

  return async (signal) => {
    const pods = await listOwnPods({ client, namespace, podName, signal });
    if ('problem' in pods) {
      return pods;
    }
    const nodes = [...new Set(pods.filter((pod) => pod.isReady && pod.node !== '').map((pod) => pod.node))];
    const found: PublishedAddress[] = [];
    for (let start = 0; start < nodes.length; start += nodesAtOnce) {
      const some = nodes.slice(start, start + nodesAtOnce);
      for (const one of await Promise.all(some.map((name) => addressesOfNode(name, signal)))) {
        if ('problem' in one) {
          return one;
        }
        found.push(...one);
      }
    }
    return normalized(found);
  };
}

function nodeAddresses(node: unknown, preferInternal: boolean): readonly PublishedAddress[] {
  const listed = at(node, 'status', 'addresses');
  const all = Array.isArray(listed) ? (listed as unknown[]) : [];
  function ofType(type: string): PublishedAddress[] {
    return all.filter((one) => textAt(one, 'type') === type).map((one) => addressOf(textAt(one, 'address')));
  }
  const external = preferInternal ? [] : normalized(ofType('ExternalIP'));
  return external.length > 0 ? external : normalized(ofType('InternalIP'));
}

function addressOf(text: string): PublishedAddress {
  return isIP(text) === 0 ? { ip: '', hostname: text } : { ip: text, hostname: '' };
}

/** The API refuses a status with a host name that is none (upper case included), so such are left out here. */
function normalized(addresses: readonly PublishedAddress[]): readonly PublishedAddress[] {
  const sound = addresses
    .map(({ ip, hostname }) => ({
      ip: isIP(ip) === 0 ? '' : ip,
      hostname: isHostName(hostname.toLowerCase()) ? hostname.toLowerCase() : '',
    }))
    .filter(({ ip, hostname }) => ip !== '' || hostname !== '');
  const unique = new Map(sound.map((one) => [`${one.ip} ${one.hostname}`, one]));
  return [...unique].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, address]) => address);
}

/** `None` is what a headless Service has for an address. */
function isHostName(text: string): boolean {
  return text !== '' && text !== 'none' && isDnsSubdomain(text);
}

function textsAt(value: unknown, ...path: readonly string[]): string[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : [];
}
