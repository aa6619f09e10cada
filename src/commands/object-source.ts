import { resolve } from 'node:path';
import type { ApiClient } from '../cluster/kubernetes/api-client.ts';
import type { EarlierCounts } from '../cluster/kubernetes/disappearance.ts';
import { firstObstacle, firstStaleness } from '../cluster/kubernetes/kind-status.ts';
import { createManifestSource } from '../cluster/manifests/source.ts';
import type { Store } from '../cluster/store.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { gatewayError } from '../errors.ts';
import { guardedPath } from '../observe/access.ts';
import type { Reviewer } from '../observe/access-cache.ts';
import { isLoopback } from '../observe/http-server.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { ownPrefix } from '../plugins/registry.ts';
import { reasonToIgnore } from '../translate/classes.ts';
import { ownershipSettings } from './settings.ts';

/** Where the objects come from. The rest of the program cannot tell the sources apart. */
export interface ObjectSource {
  readonly kind: 'manifests' | 'api';
  /** Resolves when everything has been read once and is in the store, or when it was stopped before that. */
  start(earlier: EarlierCounts): Promise<void>;
  stop(): Promise<void>;
  /** How many objects of each kind there are, for the next `start`. */
  counts(): EarlierCounts;
  /** What stands in the way of reading everything once, in words; null where nothing is known to. */
  obstacle(): string | null;
  /** Why what is known cannot be trusted to be current, in words; null where it can. */
  staleness(): string | null;
  /** For status, Events and Leases; null where there is no API server. */
  readonly client: ApiClient | null;
  /** One with connections of its own, so that slow writes never keep the Lease or a Secret waiting. */
  readonly writeClient: ApiClient | null;
  /**
   * Whose token somebody shows who asks for debug pages, with connections of its own, too; null where there is no API server, or where the way
   * to it is not encrypted.
   */
  readonly reviewToken: Reviewer | null;
}

/**
 * The folder of manifests where one is configured, else the API server.
 * @throws GatewayError CNG_CLUSTER_ACCESS where no API server can be found or its credentials cannot be read
 */
export async function openObjectSource(
  config: GatewayConfig,
  store: Store,
  metrics: Metrics,
  logger: Logger,
): Promise<ObjectSource> {
  const log = sourceLog(logger);
  const { manifests } = config.kubernetes;
  if (manifests.length > 0) {
    const source = createManifestSource({ paths: manifests.map((path) => resolve(path)), store, log });
    return {
      kind: 'manifests',
      client: null,
      writeClient: null,
      reviewToken: null,
      start: () => source.start(),
      stop: () => source.stop(),
      // Who empties a folder is meant.
      counts: () => ({}),
      obstacle: () => null,
      staleness: () => null,
    };
  }
  // Loaded here alone: reading kubeconfigs costs 0.4 s and 80 MB.
  const { openConnection } = await import('../cluster/kubernetes/connection.ts');
  const { createApiClient } = await import('../cluster/kubernetes/api-client.ts');
  const { reviewToken } = await import('../cluster/kubernetes/token-reviews.ts');
  const { createApiSource } = await import('../cluster/kubernetes/source.ts');
  const { kubernetes } = config;
  const ownership = ownershipSettings(config, 'api');
  let staleSince: number | null = null;
  const connection = await openConnection({
    kubeconfig: kubernetes.kubeconfig,
    masterUrl: kubernetes.masterUrl,
  });
  if ('problem' in connection) {
    throw gatewayError('CNG_CLUSTER_ACCESS', { reason: connection.problem });
  }
  const source = createApiSource({
    connection,
    store,
    log,
    namespace: kubernetes.namespace,
    namespaceSelectorSet: kubernetes.watchNamespaceSelector.requirements.length > 0,
    references: {
      prefixes: [ownPrefix, kubernetes.annotationsPrefix],
      secrets: [kubernetes.defaultSslCertificate],
      configMaps: [
        kubernetes.configMap,
        kubernetes.templateConfigMap,
        kubernetes.tcpServicesConfigmap,
        kubernetes.udpServicesConfigmap,
      ],
      isServed: (ingress, judges) => reasonToIgnore(ingress, judges, ownership) === null,
    },
    observer: {
      contact: (kind) => metrics.sourceContact(kind),
      restarted: (kind, reason) => metrics.sourceRestart(kind, reason),
    },
    onStatus: (kinds) => {
      const degraded = kinds.some((kind) => kind.degradedReason !== null);
      staleSince = degraded ? (staleSince ?? performance.now()) : null;
      metrics.sourceStale(staleSince);
    },
  });
  const writeClient = createApiClient(connection);
  const reviewClient = createApiClient(connection);
  return {
    kind: 'api',
    client: source.client,
    writeClient,
    reviewToken: isPrivate(connection.server)
      ? (token) => reviewToken(reviewClient, token, guardedPath)
      : null,
    obstacle: () => firstObstacle(source.status()),
    staleness: () => firstStaleness(source.status()),
    counts: () => source.counts(),
    start: async (earlier) => {
      await source.start(earlier);
    },
    stop: async () => {
      await source.stop();
      writeClient.close();
      reviewClient.close();
    },
  };
}

/** Whether nobody on the way to a server can read what it is sent. */
function isPrivate(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/gu, ''));
}

/** What the cluster's rooms log through: they say their fields as plain objects. */
export function sourceLog(logger: Logger) {
  return {
    debug: (message: string, fields: object) => logger.debug(message, { ...fields }),
    info: (message: string, fields: object) => logger.info(message, { ...fields }),
    warn: (message: string, fields: object) => logger.warn(message, { ...fields }),
    error: (message: string, fields: object) => logger.error(message, { ...fields }),
  };
}
