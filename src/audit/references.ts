import { configMapAnnotations, secretAnnotations } from '../cluster/kubernetes/referenced-secrets.ts';
import type { Ingress, IngressBackend } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { GatewayConfig } from '../config/sections.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { ownPrefix } from '../plugins/registry.ts';

/** One object that is named somewhere, and what it is wanted for. */
export interface Wanted {
  /** The objects that name it; '' stands for the flags. */
  readonly users: Set<ObjectKey>;
  /** Of a Service: numbers and names of its ports. */
  readonly ports: Set<number | string>;
  /** Of a Secret with a certificate: the hosts that it is for. */
  readonly hosts: Set<string>;
  /** Of a Secret with users: how they are stored in it. */
  readonly form: 'auth-file' | 'auth-map' | null;
}

/** Everything that Ingresses and flags name, by `namespace/name`, whether it exists or not. */
export interface FoundReferences {
  readonly secrets: ReadonlyMap<string, Wanted>;
  readonly configMaps: ReadonlyMap<string, Wanted>;
  readonly services: ReadonlyMap<string, Wanted>;
}

/** Annotations that name a host which may be that of a Service. */
const urlAnnotations: readonly string[] = ['auth-url', 'mirror-target'];

const serviceUrl = /\/\/([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?::(\d{1,5}))?(?=[/?]|$)/u;

/** A name of the API: others cannot exist, which is for translate to say. */
const soundId = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/u;

class References implements FoundReferences {
  readonly secrets = new Map<string, Wanted>();
  readonly configMaps = new Map<string, Wanted>();
  readonly services = new Map<string, Wanted>();

  want(list: Map<string, Wanted>, id: string, user: ObjectKey, form: Wanted['form'] = null): Wanted | null {
    if (!soundId.test(id)) {
      return null;
    }
    const before = list.get(id);
    const found: Wanted = before ?? { users: new Set(), ports: new Set(), hosts: new Set(), form };
    found.users.add(user);
    list.set(id, form === null ? found : { ...found, form });
    return found;
  }
}

/** Finds what the Ingresses of a controller and its flags name. */
export function findReferences(
  ingresses: readonly Ingress[],
  snapshot: Snapshot,
  { kubernetes }: GatewayConfig,
): FoundReferences {
  const found = new References();
  found.want(found.secrets, kubernetes.defaultSslCertificate, '');
  found.want(found.services, kubernetes.defaultBackendService, '');
  for (const id of [kubernetes.tcpServicesConfigmap, kubernetes.udpServicesConfigmap]) {
    found.want(found.configMaps, id, '');
    for (const value of Object.values(snapshot.configMaps.get(id)?.data ?? {})) {
      const [service = '', port = ''] = value.split(':');
      found
        .want(found.services, service.trim(), `ConfigMap/${id}`)
        ?.ports.add(/^\d+$/u.test(port) ? Number(port) : port);
    }
  }
  for (const ingress of ingresses) {
    addIngress(found, ingress, [kubernetes.annotationsPrefix, ownPrefix]);
  }
  return found;
}

function addIngress(found: References, ingress: Ingress, prefixes: readonly string[]): void {
  const { namespace, name } = ingress.meta;
  const user = `Ingress/${namespace}/${name}`;
  const backends = [
    ingress.defaultBackend,
    ...ingress.rules.flatMap(({ paths }) => (paths ?? []).map(({ backend }) => backend)),
  ];
  for (const backend of backends) {
    addBackend(found, backend, namespace, user);
  }
  for (const { secretName, hosts } of ingress.tls) {
    const secret = found.want(found.secrets, `${namespace}/${secretName.trim()}`, user);
    for (const host of [...hosts, ...ingress.rules.map((rule) => rule.host)]) {
      secret?.hosts.add(host.toLowerCase());
    }
  }
  for (const prefix of prefixes) {
    addAnnotations(found, ingress, prefix, user);
  }
}

function addAnnotations(found: References, { meta }: Ingress, prefix: string, user: ObjectKey): void {
  const { namespace, annotations } = meta;

  function text(annotation: string): string {
    return annotations[`${prefix}/${annotation}`]?.trim() ?? '';
  }

  function id(annotation: string): string {
    const value = text(annotation);
    return value.includes('/') ? value : `${namespace}/${value}`;
  }

  const stored = text('auth-secret-type').includes('auth-map') ? 'auth-map' : 'auth-file';
  for (const annotation of Object.keys(secretAnnotations)) {
    found.want(found.secrets, id(annotation), user, annotation === 'auth-secret' ? stored : null);
  }
  for (const annotation of Object.keys(configMapAnnotations)) {
    found.want(found.configMaps, id(annotation), user);
  }
  found.want(found.services, `${namespace}/${text('default-backend')}`, user);
  for (const annotation of urlAnnotations) {
    const [, service = '', of = '', port] = serviceUrl.exec(text(annotation)) ?? [];
    const fallback = text(annotation).startsWith('https') ? 443 : 80;
    found.want(found.services, `${of}/${service}`, user)?.ports.add(Number(port ?? fallback));
  }
}

function addBackend(
  found: References,
  backend: IngressBackend | null,
  namespace: string,
  user: ObjectKey,
): void {
  const service = backend?.service ?? null;
  if (service === null) {
    return;
  }
  const wanted = found.want(found.services, `${namespace}/${service.name}`, user);
  const port = service.port.number ?? service.port.name;
  if (port !== null && port !== '') {
    wanted?.ports.add(port);
  }
}
