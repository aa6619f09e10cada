import { BlockList, isIP } from 'node:net';
import type { EndpointPort, Endpoints, EndpointSlice, Service, ServicePort } from '../cluster/objects.ts';
import { parseAddress } from '../model/network.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import { refused, shown, type Token } from '../model/token.ts';
import { compareText } from './order.ts';
import type { TranslateSettings } from './settings.ts';
import type { VerdictCollector } from './verdicts.ts';

/** Where the endpoints of a Service come from; Endpoints are only asked where there is no slice. */
export interface EndpointSources {
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: Endpoints | null;
}

/** Only addresses of this machine. */
const loopback = blockList(['127.0.0.0/8', '::1/128']);

/** Addresses that lead to this machine, to the cloud's metadata (credentials), or to no single one. */
const hazardous = blockList([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254/128',
]);

/** The ready endpoints of a Service's port as nginx peers: sorted, each once; unusable ones are told on their object. */
export function findPeers(
  { slices, endpoints }: EndpointSources,
  port: ServicePort,
  settings: TranslateSettings,
  verdicts: VerdictCollector,
): Token<'address'>[] {
  const peers = new Map<string, Token<'address'>>();
  function take(ip: string, numbers: readonly number[], object: ObjectRef, field: string): void {
    for (const number of numbers) {
      const reason = reasonToRefuse(ip, number, settings);
      const address = reason === null ? parseAddress(ip, number) : { error: reason };
      if (refused(address)) {
        verdicts.add(object, 'served-with-difference', field, `${address.error}; the endpoint is left out`);
      } else {
        peers.set(address.value.text, address.value);
      }
    }
  }
  for (const slice of slices) {
    const numbers = portsOf(slice.ports, port);
    for (const [index, endpoint] of slice.endpoints.entries()) {
      // As in ingress-nginx: unknown is ready, and neither `serving` nor `terminating` counts.
      for (const ip of endpoint.ready === false ? [] : endpoint.addresses) {
        take(ip, numbers, refOf(slice), `endpoints[${index}].addresses`);
      }
    }
  }
  for (const [index, subset] of (slices.length === 0 ? (endpoints?.subsets ?? []) : []).entries()) {
    for (const ip of subset.addresses) {
      take(ip, portsOf(subset.ports, port), refOf(endpoints as Endpoints), `subsets[${index}].addresses`);
    }
  }
  return [...peers.values()].sort((a, b) => compareText(a.text, b.text));
}

/** The Service's own addresses with its port; none of a headless one. */
export function clusterPeers(
  { clusterIPs }: Service,
  port: ServicePort,
  settings: TranslateSettings,
): Token<'address'>[] {
  const [ip] = clusterIPs.filter((each) => each !== '' && each !== 'None');
  if (ip === undefined || reasonToRefuse(ip, port.port, settings) !== null) {
    return [];
  }
  const address = parseAddress(ip, port.port);
  return refused(address) ? [] : [address.value];
}

/**
 * The port numbers that a Service's port has in a slice: that of the same name; for a Service port without a name,
 * which is then the only one, whatever the slice has; else a numeric `targetPort`.
 */
function portsOf(ports: readonly EndpointPort[], port: ServicePort): number[] {
  const wanted = port.protocol === '' ? 'TCP' : port.protocol;
  const usable = ports.filter(({ protocol }) => (protocol === '' ? 'TCP' : protocol) === wanted);
  const sameName = usable.filter(({ name }) => name === port.name);
  const chosen = sameName.length === 0 && port.name === '' ? usable : sameName;
  const numbers = chosen.flatMap(({ port: number }) => (number === null ? [] : [number]));
  if (numbers.length > 0) {
    return numbers;
  }
  const onlyOtherProtocols = ports.length > 0 && usable.length === 0;
  // The API server fills an absent targetPort in; manifests have not passed it.
  const target = port.targetPort ?? port.port;
  return typeof target === 'number' && !onlyOtherProtocols ? [target] : [];
}

/**
 * An endpoint on this machine would open the gateway's own ports, or those of other containers in its pod, to
 * everybody who may write an EndpointSlice. Manifests are the operator's own, and examples use loopback: there only
 * the gateway's own ports are refused.
 */
export function reasonToRefuse(ip: string, port: number, settings: TranslateSettings): string | null {
  const family = isIP(ip);
  if (family === 0) {
    return null;
  }
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  if (hazardous.check(ip, kind)) {
    return `${shown(ip)} is an address of this machine, of its link, or of a group: give the address of a pod or host`;
  }
  const isLoopback = loopback.check(ip, kind);
  if (!isLoopback && !settings.ownAddresses.includes(ip)) {
    return null;
  }
  if (isLoopback && settings.source === 'api') {
    return `${shown(ip)} is the gateway's own machine: give the address of a pod or host`;
  }
  return [settings.httpPort, settings.httpsPort, ...settings.reservedPorts].includes(port)
    ? `${shown(ip)} with port ${port} is the gateway itself: give the address of a backend`
    : null;
}

function refOf({ kind, meta }: EndpointSlice | Endpoints): ObjectRef {
  return { kind, namespace: meta.namespace, name: meta.name };
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [ip = '', bits] = network.split('/');
    list.addSubnet(ip, Number(bits), isIP(ip) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
