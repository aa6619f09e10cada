import type { ClusterObject, ConfigMap, EndpointSlice, Ingress, Meta, Service } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { createStore } from '../cluster/store.ts';
import type { GatewayConfig } from '../config/sections.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { configMapOptions } from '../cluster/kubernetes/referenced-secrets.ts';
import { findReferences, type Wanted } from './references.ts';
import { makeStandInSecret } from './stand-in-secret.ts';

/** A snapshot in which nothing is missing, so that what is missing is not taken for a difference. */
export interface CompletedSnapshot {
  readonly snapshot: Snapshot;
  /** What was missing, by the object that names it; `ConfigMap/ns/name` and the like. */
  readonly missing: ReadonlyMap<ObjectKey, readonly ObjectKey[]>;
  /** Every object that was put in. */
  readonly standIns: ReadonlySet<ObjectKey>;
}

/** Of the documentation's network: no endpoint of anybody. */
const address = '192.0.2.1';

/**
 * Puts a stand-in in the place of every Secret, ConfigMap, Service and IngressClass that is named and not there, and
 * gives Services without a ready endpoint one: how the objects are served is judged, not whether pods run.
 * `assumesClass` says whether an IngressClass of the configured name may be one that was not given.
 */
export async function completeSnapshot(
  objects: readonly ClusterObject[],
  config: GatewayConfig,
  isOurs: (ingress: Ingress, snapshot: Snapshot) => boolean,
  assumesClass: boolean,
): Promise<CompletedSnapshot> {
  const { kubernetes } = config;
  const store = createStore();
  store.apply({ set: objects, deleted: [] });
  const added = new Set<ObjectKey>();
  const missing = new Map<ObjectKey, Set<ObjectKey>>();

  function put(object: ClusterObject, users: Iterable<ObjectKey>): void {
    const { namespace, name } = object.meta;
    const key = `${object.kind}/${namespace}/${name}`;
    store.apply({ set: [object], deleted: [] });
    added.add(key);
    for (const user of users) {
      missing.set(user, (missing.get(user) ?? new Set()).add(key));
    }
  }

  const classUsers = store
    .snapshot()
    .ingresses.filter(({ className }) => className === kubernetes.ingressClass)
    .map(keyOf);
  if (
    assumesClass &&
    classUsers.length > 0 &&
    !store.snapshot().ingressClasses.has(kubernetes.ingressClass)
  ) {
    const meta = metaOf('', kubernetes.ingressClass);
    put({ kind: 'IngressClass', meta, controller: kubernetes.controllerClass }, classUsers);
  }
  const options = kubernetes.configMap;
  if (options !== '' && !store.snapshot().configMaps.has(options)) {
    put(emptyConfigMap(options), ['']);
  }
  const data = store.snapshot().configMaps.get(options)?.data ?? {};
  for (const id of configMapOptions.map((option) => data[option]?.trim() ?? '')) {
    if (isName(id) && !store.snapshot().configMaps.has(id)) {
      put(emptyConfigMap(id), [`ConfigMap/${options}`]);
    }
  }
  dropMissingParameters(options, store);

  const before = store.snapshot();
  const ours = before.ingresses.filter((ingress) => isOurs(ingress, before));
  const wanted = findReferences(ours, before, config);
  for (const [id, { users }] of wanted.configMaps) {
    if (!before.configMaps.has(id)) {
      put(emptyConfigMap(id), users);
    }
  }
  for (const [id, secret] of wanted.secrets) {
    if (!before.secrets.has(id)) {
      put(await makeStandInSecret(metaOf(...split(id)), secret), secret.users);
    }
  }
  for (const [id, service] of wanted.services) {
    if (!before.services.has(id)) {
      put(standInService(id, service), service.users);
    }
  }
  const services = [...store.snapshot().services.values()].filter((each) => needsEndpoint(each, before));
  store.apply({ set: services.map(endpointOf), deleted: [] });
  return {
    snapshot: store.snapshot(),
    missing: new Map([...missing].map(([key, names]) => [key, [...names].sort()])),
    standIns: added,
  };
}

/** Parameters of a Secret that is not there are not judged: made ones would take minutes. */
function dropMissingParameters(options: string, store: ReturnType<typeof createStore>): void {
  const snapshot = store.snapshot();
  const configMap = snapshot.configMaps.get(options);
  const named = configMap?.data['ssl-dh-param']?.trim() ?? '';
  if (configMap !== undefined && named !== '' && !snapshot.secrets.has(named)) {
    const rest = Object.fromEntries(Object.entries(configMap.data).filter(([key]) => key !== 'ssl-dh-param'));
    store.apply({ set: [{ ...configMap, data: rest }], deleted: [] });
  }
}

function needsEndpoint(service: Service, { endpointSlices, endpoints }: Snapshot): boolean {
  const id = `${service.meta.namespace}/${service.meta.name}`;
  const slices = endpointSlices.get(id) ?? [];
  const isReady =
    slices.some((slice) => slice.endpoints.some(({ ready }) => ready !== false)) ||
    (slices.length === 0 && (endpoints.get(id)?.subsets ?? []).some(({ addresses }) => addresses.length > 0));
  return service.type !== 'ExternalName' && !isReady;
}

function endpointOf({ meta, ports }: Service): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    meta: metaOf(meta.namespace, `${meta.name}-stand-in`),
    serviceName: meta.name,
    addressType: 'IPv4',
    endpoints: [
      { addresses: [address], ready: true, serving: true, terminating: false, zone: null, zoneHints: [] },
    ],
    ports: ports.map(({ name, port, targetPort, protocol }) => ({
      name,
      port: typeof targetPort === 'number' && targetPort > 0 ? targetPort : port,
      protocol,
    })),
  };
}

/** Where ports are named only, their numbers do not matter. */
const firstNumber = 8000;

function standInService(id: string, { ports }: Wanted): Service {
  const numbers = new Set([...ports].filter((port) => typeof port === 'number'));
  const names = [...ports].filter((port) => typeof port === 'string');
  const all: [string, number][] = [...numbers].map((port) => [`p${port}`, port]);
  let next = firstNumber;
  for (const name of names) {
    while (numbers.has(next)) {
      next += 1;
    }
    all.push([name, next]);
    next += 1;
  }
  const listed: readonly [string, number][] = all.length === 0 ? [['p80', 80]] : all;
  return {
    kind: 'Service',
    meta: metaOf(...split(id)),
    type: 'ClusterIP',
    clusterIPs: ['192.0.2.2'],
    externalName: '',
    ports: listed.map(([name, port]) => ({
      name,
      port,
      targetPort: null,
      protocol: 'TCP',
      appProtocol: null,
    })),
  };
}

function emptyConfigMap(id: string): ConfigMap {
  return { kind: 'ConfigMap', meta: metaOf(...split(id)), data: {} };
}

function metaOf(namespace: string, name: string): Meta {
  return { namespace, name, uid: '', resourceVersion: '', createdAt: null, labels: {}, annotations: {} };
}

function split(id: string): [string, string] {
  const [namespace = '', name = ''] = id.split('/');
  return [namespace, name];
}

function isName(id: string): boolean {
  return /^[a-z0-9.-]+\/[a-z0-9.-]+$/u.test(id);
}

function keyOf({ kind, meta }: Ingress): ObjectKey {
  return `${kind}/${meta.namespace}/${meta.name}`;
}
