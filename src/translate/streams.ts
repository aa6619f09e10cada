import type { ConfigMap, Service, ServicePort } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { StreamServer } from '../model/model.ts';
import { isPort } from '../model/network.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { refused, shown, type Parsed } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import type { Options } from '../options/options.ts';
import { isSound, upstreamName } from './backends.ts';
import { addressesOn } from './frame.ts';
import { compareText } from './order.ts';
import { findPeers } from './peers.ts';
import type { TranslateSettings } from './settings.ts';
import { parseStreamLine, type StreamLine, type StreamProtocol } from './stream-lines.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface StreamParts {
  readonly snapshot: Snapshot;
  readonly settings: TranslateSettings;
  readonly capabilities: Capabilities;
  readonly options: Options;
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  readonly verdicts: VerdictCollector;
}

/**
 * The TCP and UDP ports that the two ConfigMaps of the operator ask for, sorted. A line that cannot be served has no
 * listener and a reason on its ConfigMap; it takes no other line with it. As in ingress-nginx a line may name a
 * Service of any namespace: who may write the ConfigMap is the operator.
 */
export function streamServers(parts: StreamParts): StreamServer[] {
  const { tcpServicesConfigMap = '', udpServicesConfigMap = '' } = parts.settings;
  return [...serversOf('TCP', tcpServicesConfigMap, parts), ...serversOf('UDP', udpServicesConfigMap, parts)];
}

/** Names that nginx may say in a message about a TCP or UDP port, and whose they are. */
export function streamNames(servers: readonly StreamServer[]): [string, ObjectKey[]][] {
  return servers.map(({ origin, upstream }) => [
    upstream.name.text,
    [upstream.origin, origin].flatMap((key) => key ?? []),
  ]);
}

/** The ports that the ConfigMaps ask for, whether they can be served or not: no snippet may take them. */
export function streamPorts({ snapshot, settings }: Pick<StreamParts, 'snapshot' | 'settings'>): number[] {
  return [settings.tcpServicesConfigMap ?? '', settings.udpServicesConfigMap ?? ''].flatMap((name) =>
    Object.keys(snapshot.configMaps.get(name)?.data ?? {}).flatMap((key) => {
      const line = parseStreamLine(key, 'any/any:1', 'TCP');
      return refused(line) ? [] : [line.value.port];
    }),
  );
}

function serversOf(protocol: StreamProtocol, reference: string, parts: StreamParts): StreamServer[] {
  const [namespace = '', name = ''] = reference.split('/');
  if (reference === '') {
    return [];
  }
  const { snapshot, verdicts, quarantine } = parts;
  const ref: ObjectRef = { kind: 'ConfigMap', namespace, name };
  const configMap = snapshot.configMaps.get(reference);
  if (configMap === undefined) {
    const message = `is missing: no ${protocol} port is served (kubernetes.${protocol.toLowerCase()}_services_configmap)`;
    verdicts.add(ref, 'served-with-difference', 'metadata.name', message);
    return [];
  }
  verdicts.use(ref);
  const broken = quarantine.get(objectKey(ref));
  if (broken !== undefined) {
    verdicts.addAll(ref, 'quarantined', [broken]);
    return [];
  }
  const found = linesOf(configMap).flatMap(([key, text]): StreamServer[] => {
    const server = serverOf(ref, key, text, protocol, parts);
    if (refused(server)) {
      const message = `${server.error}; the line has no effect`;
      verdicts.add(ref, 'served-with-difference', `data[${JSON.stringify(key)}]`, message);
      return [];
    }
    return server.value === null ? [] : [server.value];
  });
  return found.sort((a, b) => a.port - b.port);
}

function linesOf({ data }: ConfigMap): [string, string][] {
  return Object.entries(data).sort(([a], [b]) => compareText(a, b));
}

/** The server of a line, or why there is none; null for a line that is quarantined, which is told here. */
function serverOf(
  ref: ObjectRef,
  key: string,
  text: string,
  protocol: StreamProtocol,
  parts: StreamParts,
): Parsed<StreamServer | null> {
  const { settings, capabilities, options, quarantine, verdicts } = parts;
  const line = parseStreamLine(key, text, protocol);
  if (refused(line)) {
    return line;
  }
  const { port } = line.value;
  if (capabilities.stream === 'absent') {
    return { error: 'needs an nginx with the module stream: install it' };
  }
  if ([settings.httpPort, settings.httpsPort, ...settings.reservedPorts].includes(port)) {
    return { error: `the gateway itself listens on port ${port}: choose another` };
  }
  const field = `data[${JSON.stringify(key)}]`;
  const origin = lineKey(ref, port);
  const kept = quarantine.get(origin);
  if (kept !== undefined) {
    verdicts.add(ref, 'quarantined', field, kept.message);
    return { value: null };
  }
  const backend = backendOf(line.value, protocol, parts);
  if (refused(backend)) {
    return backend;
  }
  for (const message of [...line.value.remarks, ...unpublished(line.value.port, protocol, parts)]) {
    verdicts.add(ref, 'served-with-difference', field, message);
  }
  const ipv6 = capabilities.ipv6 && !options['disable-ipv6'];
  const addresses = addressesOn(port, ipv6, options);
  const { acceptProxyProtocol, sendProxyProtocol } = line.value;
  return {
    value: {
      origin,
      port,
      addresses,
      udp: protocol === 'UDP',
      acceptProxyProtocol,
      sendProxyProtocol,
      ipv6: ipv6 && addresses.length === 0,
      upstream: {
        ...backend.value,
        keepaliveConnections: 0,
        zone: null,
        additions: [],
      },
    },
  };
}

/**
 * What a line is blamed as: it is no object of its own, and its ConfigMap has others that go on. `#` is in the name of
 * no object.
 */
function lineKey(ref: ObjectRef, port: number): ObjectKey {
  return `${objectKey(ref)}#${port}`;
}

/** The endpoints of a line's Service. */
function backendOf(
  { port, namespace, service: name, servicePort }: StreamLine,
  protocol: StreamProtocol,
  { snapshot, settings, quarantine, verdicts }: StreamParts,
): Parsed<Pick<StreamServer['upstream'], 'name' | 'origin' | 'peers'>> {
  const ref: ObjectRef = { kind: 'Service', namespace, name };
  const key = objectKey(ref);
  const id = `${namespace}/${name}`;
  const service = snapshot.services.get(id);
  if (service === undefined || !isSound(ref)) {
    return { error: `there is no Service ${shown(id)}: create it` };
  }
  verdicts.use(ref);
  const broken = quarantine.get(key);
  if (broken !== undefined) {
    verdicts.addAll(ref, 'quarantined', [broken]);
    return { error: `${key} is quarantined: ${broken.message}` };
  }
  if (service.type === 'ExternalName') {
    return { error: `${key} is an ExternalName, which has no endpoints: name a Service that has some` };
  }
  const found = service.ports.find(
    (each) => protocolOf(each) === protocol && isPort(each.port) && isNamed(each, servicePort),
  );
  if (found === undefined) {
    const listed = service.ports
      .slice(0, 10)
      .map((each) => `${each.port}/${protocolOf(each)}${each.name === '' ? '' : ` ${shown(each.name)}`}`);
    const ports = listed.length === 0 ? 'none' : listed.join(', ');
    return {
      error: `${shown(servicePort)} is no ${protocol} port of ${key} (${ports}): name one of its ports`,
    };
  }
  const sources = {
    slices: snapshot.endpointSlices.get(id) ?? [],
    endpoints: snapshot.endpoints.get(id) ?? null,
  };
  const peers = findPeers(sources, found, settings, verdicts);
  return peers.length === 0
    ? { error: `port ${found.port} of ${key} has no ready endpoint: start its pods, or correct its selector` }
    : {
        value: {
          name: upstreamName(ref, found.port, `_${protocol.toLowerCase()}_${port}`),
          origin: key,
          peers,
        },
      };
}

/** As in ingress-nginx a number is the Service's own, and never a `targetPort`. */
function isNamed({ port, name }: ServicePort, wanted: string): boolean {
  return /^\d+$/u.test(wanted) ? String(port) === wanted : name === wanted;
}

function protocolOf({ protocol }: ServicePort): string {
  return protocol === '' ? 'TCP' : protocol;
}

/** Told where the Service that publishes the gateway is known and lacks the port. */
function unpublished(
  port: number,
  protocol: StreamProtocol,
  { snapshot, settings }: StreamParts,
): readonly string[] {
  const id = settings.publishService ?? '';
  const service = snapshot.services.get(id);
  return service === undefined || leadsTo(service, port, protocol)
    ? []
    : [`Service/${id} (kubernetes.publish_service) has no ${protocol} port that leads to ${port}: add one`];
}

/** A `targetPort` by name is that of a container, whose ports are not known here. */
function leadsTo({ ports }: Service, wanted: number, protocol: StreamProtocol): boolean {
  return ports.some(
    (each) =>
      protocolOf(each) === protocol &&
      (typeof each.targetPort === 'string' || (each.targetPort || each.port) === wanted),
  );
}
