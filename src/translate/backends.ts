import { createHash } from 'node:crypto';
import type { Service, ServicePort, ServicePortRef } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { parseExternalName } from '../model/host.ts';
import type { ProxyAction, Upstream } from '../model/model.ts';
import { isPort } from '../model/network.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { refused, shown, whole, type Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { identifier, objectName } from '../model/words.ts';
import { clusterPeers, findPeers } from './peers.ts';
import type { TranslateSettings } from './settings.ts';
import type { VerdictCollector } from './verdicts.ts';

/** Where a location's requests go, or why they cannot. */
export type Backend =
  | { readonly target: Pick<ProxyAction, 'upstream' | 'external'>; readonly remark: Fault | null }
  | { readonly fault: Fault };

/** What is wrong with a reference: the part of the backend field that it is about, and words. */
export interface Fault {
  readonly part: 'service.name' | 'service.port' | 'service';
  readonly message: string;
}

/** How a Service's port is reached. Each form is an upstream of its own. */
export interface BackendForm {
  readonly clusterAddress?: boolean;
  /** Connections are shared among routes of the same word: letters and digits. */
  readonly connections?: string;
}

export interface BackendContext {
  readonly snapshot: Snapshot;
  readonly settings: TranslateSettings;
  /** Idle connections kept to each upstream by each worker. */
  readonly keepaliveConnections: number;
  /** Whether names can be looked up while nginx runs. */
  readonly canResolve: boolean;
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  readonly verdicts: VerdictCollector;
}

/** Names of namespaces and Services that cannot run into each other when joined by `_`. */
const isPlain = whole('[A-Za-z0-9-]{1,90}');

/** Finds what Services stand for. One upstream stands for one port of one Service, however often it is used. */
export class Backends {
  readonly #context: BackendContext;
  readonly #found = new Map<string, Backend>();
  readonly #upstreams = new Map<string, Upstream>();

  constructor(context: BackendContext) {
    this.#context = context;
  }

  /**
   * The backend that a Service and a port of it stand for. With `clusterAddress` it is the Service's own address, an
   * upstream of its own; a Service that has none is its endpoints all the same, as in ingress-nginx.
   */
  find(namespace: string, name: string, port: ServicePortRef, form: BackendForm = {}): Backend {
    const { clusterAddress = false, connections = '' } = form;
    const id = JSON.stringify([namespace, name, port.number, port.name, clusterAddress, connections]);
    let backend = this.#found.get(id);
    if (backend === undefined) {
      backend = this.#look(namespace, name, port, form);
      this.#found.set(id, backend);
    }
    return backend;
  }

  /** The backend that a Service and its first port stand for. */
  findFirst(namespace: string, name: string): Backend {
    const [first] = this.#context.snapshot.services.get(`${namespace}/${name}`)?.ports ?? [];
    return this.find(namespace, name, { number: first?.port ?? null, name: null });
  }

  /** The upstreams that `find` has given. */
  upstreams(): Upstream[] {
    return [...this.#upstreams.values()];
  }

  #look(namespace: string, name: string, port: ServicePortRef, form: BackendForm): Backend {
    const { snapshot, verdicts, quarantine } = this.#context;
    const ref: ObjectRef = { kind: 'Service', namespace, name };
    const service = snapshot.services.get(`${namespace}/${name}`);
    if (service === undefined || !isSound(ref)) {
      return fault(
        'service.name',
        `there is no Service ${shown(`${namespace}/${name}`)}: create it; until then the answer is 503`,
      );
    }
    verdicts.use(ref);
    const quarantined = quarantine.get(objectKey(ref));
    if (quarantined !== undefined) {
      verdicts.addAll(ref, 'quarantined', [quarantined]);
      return fault('service.name', `${objectKey(ref)} is quarantined: ${quarantined.message}`);
    }
    return service.type === 'ExternalName'
      ? this.#external(service, port)
      : this.#endpoints(service, ref, port, form);
  }

  #endpoints(service: Service, ref: ObjectRef, wanted: ServicePortRef, form: BackendForm): Backend {
    const { settings, verdicts } = this.#context;
    const matching = service.ports.filter((port) => isMeant(port, wanted));
    const port = matching.find(isTcp);
    const key = objectKey(ref);
    if (port === undefined) {
      const why = matching.length > 0 ? 'is no TCP port' : `is not among its ports (${portList(service)})`;
      return fault(
        'service.port',
        `port ${nameOf(wanted)} of ${key} ${why}: name one of its TCP ports; until then the answer is 503`,
      );
    }
    const own = form.clusterAddress === true ? clusterPeers(service, port, settings) : [];
    const name = upstreamName(ref, port.port, endingOf(own.length > 0, form));
    const peers = own.length > 0 ? own : this.#peersOf(name, ref, port);
    if (peers.length === 0) {
      const message =
        'has no ready endpoint: start its pods, or correct its selector, targetPort or readiness';
      verdicts.add(ref, 'served-with-difference', `spec.ports[${service.ports.indexOf(port)}]`, message);
      return fault(
        'service',
        `port ${port.port} of ${key} has no ready endpoint: until it has one the answer is 503`,
      );
    }
    const additions = [] as const;
    this.#upstreams.set(name.text, {
      name,
      origin: key,
      peers,
      keepaliveConnections: this.#context.keepaliveConnections,
      zone: null,
      additions,
    });
    return { target: { upstream: name, external: null }, remark: ambiguity(matching, port, wanted, key) };
  }

  #peersOf(name: Token<'identifier'>, ref: ObjectRef, port: ServicePort): readonly Token<'address'>[] {
    const { snapshot, settings, verdicts } = this.#context;
    const id = `${ref.namespace}/${ref.name}`;
    const slices = snapshot.endpointSlices.get(id) ?? [];
    const endpoints = snapshot.endpoints.get(id) ?? null;
    return (
      this.#upstreams.get(name.text)?.peers ?? findPeers({ slices, endpoints }, port, settings, verdicts)
    );
  }

  /** The name is looked up while nginx runs: a name that does not exist keeps nginx from loading anything. */
  #external(service: Service, wanted: ServicePortRef): Backend {
    const { settings, canResolve, verdicts } = this.#context;
    const { namespace, name: serviceName } = service.meta;
    const ref: ObjectRef = { kind: 'Service', namespace, name: serviceName };
    if (settings.disableSvcExternalName) {
      const message = 'Services of type ExternalName are switched off (kubernetes.disable_svc_external_name)';
      return fault('service.name', message);
    }
    const name = parseExternalName(service.externalName);
    if (refused(name)) {
      verdicts.add(ref, 'rejected', 'spec.externalName', name.error);
      return fault('service.name', `${objectKey(ref)} spec.externalName: ${name.error}`);
    }
    const port = externalPort(service, wanted);
    if (port === null) {
      const message = `port ${nameOf(wanted)} is not among the ports of ${objectKey(ref)} (${portList(service)}): give a number`;
      return fault('service.port', message);
    }
    if (!canResolve) {
      return fault('service.name', `${objectKey(ref)} is an ExternalName and there is no name server to ask`);
    }
    return { target: { upstream: null, external: { name: name.value, port } }, remark: null };
  }
}

function endingOf(isCluster: boolean, { connections = '' }: BackendForm): string {
  return `${isCluster ? '_service' : ''}${connections === '' ? '' : `_${connections}`}`;
}

/** The name of the upstream of a Service's port: readable, and never that of another one. */
export function upstreamName({ namespace, name }: ObjectRef, port: number, end = ''): Token<'identifier'> {
  // `_` is legal in neither name, so joined names tell their parts; any other name tells them by a hash.
  if (isPlain(namespace) && isPlain(name)) {
    return identifier(`${namespace}_${name}_${port}${end}`);
  }
  const hash = createHash('sha256')
    .update(JSON.stringify([namespace, name, port]))
    .digest('hex');
  const readable = `${namespace}_${name}`.replaceAll(/[^A-Za-z0-9-]/gu, '-').slice(0, 120);
  return identifier(`${readable}_${port}_${hash.slice(0, 16)}_${end}`);
}

/** Whether the parts of a reference are names that may stand in a comment: odd ones are nobody's. */
export function isSound(ref: ObjectRef): boolean {
  try {
    objectName(objectKey(ref));
    return true;
  } catch {
    return false;
  }
}

/** As in ingress-nginx a Service port is meant by its number, its `targetPort` or its name. */
function isMeant(port: ServicePort, { number, name }: ServicePortRef): boolean {
  const text = number === null ? name : String(number);
  return (
    text !== null &&
    text !== '' &&
    [String(port.port), String(port.targetPort ?? port.port), port.name].includes(text)
  );
}

function isTcp({ port, protocol }: ServicePort): boolean {
  return isPort(port) && (protocol === '' || protocol === 'TCP');
}

/** Told where the first port that fits is meant by its `targetPort`, while another one has the very number. */
function ambiguity(
  matching: readonly ServicePort[],
  chosen: ServicePort,
  wanted: ServicePortRef,
  key: ObjectKey,
): Fault | null {
  const same = matching.some((port) => port !== chosen && isTcp(port) && port.port === wanted.number);
  if (wanted.number === null || chosen.port === wanted.number || !same) {
    return null;
  }
  const message =
    `port ${wanted.number} of ${key} is taken as the targetPort of its port ${chosen.port}, ` +
    `which stands before its port ${wanted.number}: refer to ports by name`;
  return { part: 'service.port', message };
}

/** As in ingress-nginx: the `targetPort` of the port that is meant; any other number is itself. */
function externalPort({ ports }: Service, { number, name }: ServicePortRef): number | null {
  const port = ports.find((each) =>
    number === null ? each.name === name && name !== '' : each.port === number,
  );
  const meant = port === undefined ? number : numberOf(port);
  return meant !== null && isPort(meant) ? meant : null;
}

function numberOf({ port, targetPort }: ServicePort): number {
  // An absent targetPort may be read as 0.
  return typeof targetPort === 'number' && targetPort > 0 ? targetPort : port;
}

function nameOf({ number, name }: ServicePortRef): string {
  return number === null ? shown(name ?? '') : String(number);
}

function portList({ ports }: Service): string {
  const listed = ports
    .slice(0, 10)
    .map(({ port, name }) => (name === '' ? String(port) : `${port} ${shown(name)}`));
  return ports.length === 0 ? 'none' : listed.join(', ');
}

function fault(part: Fault['part'], message: string): Backend {
  return { fault: { part, message } };
}
