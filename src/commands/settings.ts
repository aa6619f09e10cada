import { readFile } from 'node:fs/promises';
import { homedir, networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { formatAddress, parseAddress } from '../config/address.ts';
import { withManifests, type LoadedConfig } from '../config/load.ts';
import { configInvalid, readConfigFile } from '../config/read-file.ts';
import type { GatewayConfig } from '../config/sections.ts';
import type { OwnershipSettings } from '../translate/classes.ts';
import type { TranslateSettings } from '../translate/settings.ts';
import type { CommonOptions } from './program.ts';

/** The config of a command: file, environment and command line together. */
export interface CommandConfig {
  readonly config: GatewayConfig;
  readonly loaded: LoadedConfig;
}

/** @throws GatewayError CNG_CONFIG_UNREADABLE, CNG_CONFIG_INVALID */
export async function readSettings(options: CommonOptions): Promise<CommandConfig> {
  const path = options.config ?? null;
  const loaded = await readConfigFile(path, process.env);
  if ('errors' in loaded) {
    throw configInvalid(path, loaded.errors);
  }
  return { config: withManifests(loaded.config, options.manifests), loaded };
}

/** The state folder: as configured, or where this user keeps state. Absolute. */
export function chooseStateDir(config: GatewayConfig): string {
  if (config.nginx.stateDir !== '') {
    return resolve(config.nginx.stateDir);
  }
  if (process.getuid?.() === 0) {
    return '/var/lib/cloud-native-gateway';
  }
  const state = process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state');
  return join(state, 'cloud-native-gateway');
}

/** What decides whether an Ingress is ours. */
export function ownershipSettings(
  { kubernetes }: GatewayConfig,
  source: TranslateSettings['source'],
): OwnershipSettings {
  return {
    source,
    ingressClass: kubernetes.ingressClass,
    controllerClass: kubernetes.controllerClass,
    ingressClassByName: kubernetes.ingressClassByName,
    watchIngressWithoutClass: kubernetes.watchIngressWithoutClass,
    disableCatchAll: kubernetes.disableCatchAll,
    namespace: kubernetes.namespace,
    namespaceSelector: kubernetes.watchNamespaceSelector,
  };
}

/** What translate needs of the config, and of the machine. */
export async function translateSettings(
  config: GatewayConfig,
  stateDir: string,
  source: TranslateSettings['source'],
): Promise<TranslateSettings> {
  const { kubernetes, nginx } = config;
  return {
    ...ownershipSettings(config, source),
    stateDir,
    disableSvcExternalName: kubernetes.disableSvcExternalName,
    annotationsPrefix: kubernetes.annotationsPrefix,
    optionsConfigMap: kubernetes.configMap,
    defaultBackendService: kubernetes.defaultBackendService,
    defaultSslCertificate: kubernetes.defaultSslCertificate,
    enableSslPassthrough: kubernetes.enableSslPassthrough,
    tcpServicesConfigMap: kubernetes.tcpServicesConfigmap,
    udpServicesConfigMap: kubernetes.udpServicesConfigmap,
    publishService: kubernetes.publishService,
    httpPort: nginx.httpPort,
    httpsPort: nginx.httpsPort,
    ...(config.metrics.traffic && { traffic: { perHost: config.metrics.perHost } }),
    workerProcesses: nginx.workerProcesses,
    workerShutdownTimeout: nginx.workerShutdownTimeoutSeconds,
    resolvers: nginx.resolver.length > 0 ? nginx.resolver.map(formatAddress) : await systemResolvers(),
    ownAddresses: ownAddresses(),
    reservedPorts: [config.server.addr.port, config.metrics.addr.port, config.debug.addr.port],
  };
}

/** The name servers of /etc/resolv.conf; none where there is no such file. */
async function systemResolvers(): Promise<string[]> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const servers = [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gmu)].map((match) => match[1] ?? '');
  return servers
    .map((server) => (server.includes(':') ? `[${server}]:53` : `${server}:53`))
    .filter((server) => parseAddress(server) !== null);
}

/** What this machine or pod is reached at. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  );
}
