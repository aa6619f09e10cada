import type {
  ClusterObject,
  Endpoint,
  EndpointPort,
  EndpointSlice,
  Endpoints,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressPath,
  Meta,
  Namespace,
  Secret,
  Service,
  ServicePort,
} from '../../src/cluster/objects.ts';
import type { Snapshot } from '../../src/cluster/snapshot.ts';
import type { Capabilities } from '../../src/model/capabilities.ts';
import type { Location, Server } from '../../src/model/model.ts';
import type { ObjectKey } from '../../src/model/object-ref.ts';
import { SecretValue } from '../../src/model/secret-value.ts';
import type { Finding, Reason, Verdict } from '../../src/model/verdict.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import type { PluginRegistry } from '../../src/plugins/registry.ts';
import type { TranslateSettings } from '../../src/translate/settings.ts';
import { translate, type Translation } from '../../src/translate/translate.ts';

/** Trimmed objects and what translate makes of them. Everything is in the namespace `default` unless named. */

export const now = Date.UTC(2026, 0, 1);

export function meta(name: string, more: Partial<Meta> = {}): Meta {
  return {
    namespace: 'default',
    name,
    uid: '',
    resourceVersion: '',
    createdAt: null,
    labels: {},
    annotations: {},
    ...more,
  };
}

/** A backend written `service:port`, the port a number or a name; `service` alone has no port. */
export function backend(text: string): IngressBackend {
  const [name = '', wanted = ''] = text.split(':');
  const number = /^\d+$/u.test(wanted) ? Number(wanted) : null;
  return {
    service: { name, port: { number, name: number === null && wanted !== '' ? wanted : null } },
    resource: null,
  };
}

/** A path written `TYPE /path service:port`; the type `-` is none. */
export function path(text: string): IngressPath {
  const [type = '', where = '', to = ''] = text.split(' ');
  return { path: where, pathType: type === '-' ? null : type, backend: backend(to) };
}

/** Annotations without a prefix are under that of ingress-nginx. */
function prefixed(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).map(([name, value]) => [
      name.includes('/') ? name : `nginx.ingress.kubernetes.io/${name}`,
      value,
    ]),
  );
}

export interface IngressOptions extends Partial<Pick<Ingress, 'className' | 'tls'>> {
  readonly namespace?: string;
  /** In days. */
  readonly age?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** By host: paths as `path` reads them; null for a rule without paths. */
  readonly rules?: Readonly<Record<string, readonly string[] | null>>;
  readonly defaultBackend?: string;
}

export function ingress(name: string, options: IngressOptions = {}): Ingress {
  const { namespace: space = 'default', age, annotations = {}, rules = {}, defaultBackend } = options;
  return {
    kind: 'Ingress',
    meta: meta(name, {
      namespace: space,
      createdAt: age === undefined ? null : now - age * 86_400_000,
      annotations: prefixed(annotations),
    }),
    className: options.className ?? null,
    defaultBackend: defaultBackend === undefined ? null : backend(defaultBackend),
    rules: Object.entries(rules).map(([host, paths]) => ({ host, paths: paths?.map(path) ?? null })),
    tls: options.tls ?? [],
  };
}

export function ingressClass(name: string, controller: string): IngressClass {
  return { kind: 'IngressClass', meta: meta(name, { namespace: '' }), controller };
}

export function namespace(name: string, labels: Readonly<Record<string, string>>): Namespace {
  return { kind: 'Namespace', meta: meta(name, { namespace: '', labels }) };
}

export function port(number: number, more: Partial<ServicePort> = {}): ServicePort {
  return { name: '', port: number, targetPort: number, protocol: 'TCP', appProtocol: null, ...more };
}

export function service(
  name: string,
  more: Partial<Service> & { readonly namespace?: string } = {},
): Service {
  const { namespace: space = 'default', ...rest } = more;
  return {
    kind: 'Service',
    meta: meta(name, { namespace: space }),
    type: 'ClusterIP',
    clusterIPs: [],
    externalName: '',
    ports: [port(80)],
    ...rest,
  };
}

export function endpoint(address: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    addresses: [address],
    ready: true,
    serving: null,
    terminating: null,
    zone: null,
    zoneHints: [],
    ...more,
  };
}

export function endpointPort(number: number | null, name = '', protocol = 'TCP'): EndpointPort {
  return { name, port: number, protocol };
}

export function slice(
  serviceName: string,
  given: readonly (string | Endpoint)[],
  more: Partial<EndpointSlice> & { readonly namespace?: string; readonly name?: string } = {},
): EndpointSlice {
  const { namespace: space = 'default', name = `${serviceName}-1`, ...rest } = more;
  return {
    kind: 'EndpointSlice',
    meta: meta(name, { namespace: space }),
    serviceName,
    addressType: 'IPv4',
    endpoints: given.map((each) => (typeof each === 'string' ? endpoint(each) : each)),
    ports: [endpointPort(8080)],
    ...rest,
  };
}

export function endpoints(name: string, subsets: Endpoints['subsets']): Endpoints {
  return { kind: 'Endpoints', meta: meta(name), subsets };
}

export function secret(name: string, data: Readonly<Record<string, string>>): Secret {
  const values = Object.entries(data).map(([key, text]) => [key, new SecretValue(text)] as const);
  return { kind: 'Secret', meta: meta(name), type: 'Opaque', data: Object.fromEntries(values) };
}

/** A Service with one ready endpoint, so that its routes are plainly served. */
export function app(name: string, space = 'default'): ClusterObject[] {
  return [
    service(name, { namespace: space }),
    slice(name, [`10.0.0.${(name.charCodeAt(0) % 200) + 1}`], { namespace: space }),
  ];
}

export function snapshot(objects: readonly ClusterObject[], findings: readonly Finding[] = []): Snapshot {
  const slices = new Map<string, EndpointSlice[]>();
  for (const each of objects) {
    if (each.kind === 'EndpointSlice') {
      const key = `${each.meta.namespace}/${each.serviceName}`;
      slices.set(key, [...(slices.get(key) ?? []), each]);
    }
  }
  return {
    ingresses: ofKind(objects, 'Ingress'),
    ingressClasses: byName(ofKind(objects, 'IngressClass')),
    services: byKey(ofKind(objects, 'Service')),
    endpointSlices: slices,
    endpoints: byKey(ofKind(objects, 'Endpoints')),
    secrets: byKey(ofKind(objects, 'Secret')),
    configMaps: byKey(ofKind(objects, 'ConfigMap')),
    namespaces: byName(ofKind(objects, 'Namespace')),
    findings,
  };
}

function ofKind<K extends ClusterObject['kind']>(
  objects: readonly ClusterObject[],
  kind: K,
): Extract<ClusterObject, { kind: K }>[] {
  return objects.filter((each): each is Extract<ClusterObject, { kind: K }> => each.kind === kind);
}

function byKey<T extends ClusterObject>(objects: readonly T[]): Map<string, T> {
  return new Map(objects.map((each) => [`${each.meta.namespace}/${each.meta.name}`, each]));
}

function byName<T extends ClusterObject>(objects: readonly T[]): Map<string, T> {
  return new Map(objects.map((each) => [each.meta.name, each]));
}

export const capabilities: Capabilities = {
  version: '1.30.0',
  http2Directive: true,
  http2: true,
  http3: false,
  keepaliveMinTimeout: true,
  upstreamResolve: true,
  upstreamKeepaliveDefault: true,
  stickyCookie: true,
  sslRejectHandshake: true,
  ssl: true,
  grpc: true,
  realip: true,
  authRequest: true,
  stubStatus: true,
  streamRealip: true,
  streamSslPreread: true,
  stream: 'builtin',
  threads: true,
  modules: { modsecurity: 'absent', brotli: 'absent' },
  secRulesPath: null,
  coreRules: [],
  ipv6: false,
  mimeTypesPath: null,
};

export const settings: TranslateSettings = {
  source: 'manifests',
  ingressClass: 'nginx',
  controllerClass: 'example.com/ours',
  watchIngressWithoutClass: false,
  ingressClassByName: false,
  disableCatchAll: false,
  disableSvcExternalName: false,
  namespace: '',
  namespaceSelector: { requirements: [] },
  annotationsPrefix: 'nginx.ingress.kubernetes.io',
  optionsConfigMap: '',
  defaultBackendService: '',
  defaultSslCertificate: '',
  httpPort: 8000,
  httpsPort: 8443,
  ownAddresses: [],
  reservedPorts: [8081, 9090],
  workerProcesses: 'auto',
  workerShutdownTimeout: 240,
  stateDir: '/state',
  resolvers: ['10.96.0.10'],
};

export interface RunOptions {
  readonly settings?: Partial<TranslateSettings>;
  readonly capabilities?: Partial<Capabilities>;
  readonly quarantine?: Readonly<Record<ObjectKey, string>>;
  readonly plugins?: PluginRegistry;
  readonly findings?: readonly Finding[];
  readonly now?: number;
}

export const ownCertificate = new SecretValue('self-made\n');

export function run(objects: readonly ClusterObject[], options: RunOptions = {}): Translation {
  const quarantined = Object.entries(options.quarantine ?? {}).map(([key, message]): [ObjectKey, Reason] => [
    key,
    { field: 'nginx', message },
  ]);
  return translate({
    snapshot: snapshot(objects, options.findings),
    settings: { ...settings, ...options.settings },
    capabilities: { ...capabilities, ...options.capabilities },
    defaultCertificate: { pem: ownCertificate },
    quarantine: new Map(quarantined),
    now: options.now ?? now,
    plugins: options.plugins ?? builtinPlugins(),
  });
}

export function serverOf({ model }: Translation, host: string): Server {
  const found = model.servers.find(({ names, isDefault }) =>
    host === '' ? isDefault : names.some(({ exact, regex }) => (exact ?? regex)?.text === host),
  );
  if (found === undefined) {
    throw new Error(
      `no server ${host} among ${model.servers.map(({ names }) => JSON.stringify(names)).join()}`,
    );
  }
  return found;
}

/** The locations of a host as `= /exact -> what` and `/prefix/ -> what`. */
export function routesOf(translation: Translation, host: string): string[] {
  return serverOf(translation, host).locations.map((each) => `${matchOf(each)} -> ${actionOf(each)}`);
}

export function matchOf({ match }: Location): string {
  return match.exact === null ? (match.prefix?.text ?? '?') : `= ${match.exact.text}`;
}

export function actionOf({ action }: Location): string {
  const { proxy, answer } = action;
  if (proxy === null) {
    return String(answer?.status);
  }
  const { upstream, external } = proxy;
  return `${proxy.protocol.text}://${upstream?.text ?? `${external?.name.text}:${external?.port}`}`;
}

/** `state` and the reasons as `field: message`, of an object given as `Kind/namespace/name`. */
export function verdictOf({ verdicts }: Translation, key: ObjectKey): { state: string; reasons: string[] } {
  const found = verdicts.find(
    (verdict: Verdict) => `${verdict.kind}/${verdict.namespace}/${verdict.name}` === key,
  );
  if (found === undefined) {
    throw new Error(
      `no verdict on ${key} among ${verdicts.map(({ kind, name }) => `${kind}/${name}`).join()}`,
    );
  }
  return {
    state: found.state,
    reasons: found.reasons.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)),
  };
}

export function peersOf({ model }: Translation, name: string): string[] {
  return model.upstreams.find((upstream) => upstream.name.text === name)?.peers.map(({ text }) => text) ?? [];
}
