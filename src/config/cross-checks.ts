import { type Address, formatAddress, overlap } from './address.ts';
import type { GatewayConfig } from './sections.ts';

/** Two or more keys that contradict each other. */
export interface Contradiction {
  /** Dotted; the first one is the one that the error stands at, unless only another one was set. */
  readonly keys: readonly string[];
  readonly message: string;
}

/** What single keys cannot tell: which of them do not go together. */
export function findContradictions(config: GatewayConfig): Contradiction[] {
  return [...portContradictions(config), ...exclusiveKeys(config), ...dependentKeys(config)];
}

interface Listener {
  readonly key: string;
  readonly address: Address;
}

function portContradictions(config: GatewayConfig): Contradiction[] {
  // nginx listens on all addresses, so its ports are taken for every host.
  const listeners: Listener[] = [
    { key: 'nginx.http_port', address: { host: '', port: config.nginx.httpPort } },
    { key: 'nginx.https_port', address: { host: '', port: config.nginx.httpsPort } },
    { key: 'server.addr', address: config.server.addr },
    ...(config.metrics.enabled ? [{ key: 'metrics.addr', address: config.metrics.addr }] : []),
    ...(config.debug.enabled ? [{ key: 'debug.addr', address: config.debug.addr }] : []),
  ];
  return listeners.flatMap((listener, index) =>
    listeners
      .slice(0, index)
      .filter((earlier) => overlap(earlier.address, listener.address))
      .map((earlier) => ({
        keys: [listener.key, earlier.key],
        message: `${show(listener)} is already taken by ${earlier.key} (${show(earlier)}): give one of them another port`,
      })),
  );
}

function show(listener: Listener): string {
  return listener.key.startsWith('nginx.') ? String(listener.address.port) : formatAddress(listener.address);
}

function exclusiveKeys({ kubernetes }: GatewayConfig): Contradiction[] {
  const pairs: readonly (readonly [string, boolean, string, boolean])[] = [
    [
      'kubernetes.watch_namespace_selector',
      kubernetes.watchNamespaceSelector.requirements.length > 0,
      'kubernetes.namespace',
      kubernetes.namespace !== '',
    ],
    [
      'kubernetes.publish_status_address',
      kubernetes.publishStatusAddress.length > 0,
      'kubernetes.publish_service',
      kubernetes.publishService !== '',
    ],
    [
      'kubernetes.manifests',
      kubernetes.manifests.length > 0,
      'kubernetes.kubeconfig',
      kubernetes.kubeconfig !== '',
    ],
    [
      'kubernetes.manifests',
      kubernetes.manifests.length > 0,
      'kubernetes.master_url',
      kubernetes.masterUrl !== '',
    ],
  ];
  return pairs
    .filter(([, oneSet, , otherSet]) => oneSet && otherSet)
    .map(([one, , other]) => ({
      keys: [one, other],
      message: `it excludes ${other}: remove one of them`,
    }));
}

function dependentKeys({ kubernetes }: GatewayConfig): Contradiction[] {
  const found: Contradiction[] = [];
  if (kubernetes.certificateAuthority !== '' && kubernetes.masterUrl === '') {
    found.push({
      keys: ['kubernetes.certificate_authority', 'kubernetes.master_url'],
      message: 'it is used only together with kubernetes.master_url: set that too, or remove this',
    });
  }
  if (kubernetes.annotationsPrefix === ownPrefix) {
    found.push({
      keys: ['kubernetes.annotations_prefix'],
      message: `"${ownPrefix}" is the prefix of the gateway's own annotations, which are read besides: give another`,
    });
  }
  return found;
}

const ownPrefix = 'cloud-native-gateway.io';
