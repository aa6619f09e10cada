import type { ClusterObject, EndpointPort, IngressBackend, Meta } from './objects.ts';

/** An object in the form of a manifest; of plain values. */
export type Manifest = Readonly<Record<string, unknown>>;

const networking = 'networking.k8s.io/v1';

/**
 * An object as its manifest has it, as far as it was read: what the gateway does not use is not kept. Of a Secret there
 * are the keys alone.
 */
export function asManifest(object: ClusterObject): Manifest {
  switch (object.kind) {
    case 'Ingress': {
      const { className, defaultBackend, rules, tls } = object;
      const spec = {
        ingressClassName: className,
        defaultBackend: defaultBackend === null ? null : backendOf(defaultBackend),
        tls: tls.map(({ hosts, secretName }) => present({ hosts, secretName })),
        rules: rules.map(({ host, paths }) =>
          present({
            host,
            http: paths === null ? null : { paths: paths.map(pathOf) },
          }),
        ),
      };
      return manifest(networking, object, { spec: present(spec) });
    }
    case 'IngressClass':
      return manifest(networking, object, { spec: { controller: object.controller } });
    case 'Service': {
      const { type, clusterIPs, externalName, ports } = object;
      const spec = { type, clusterIPs, externalName, ports: ports.map(present) };
      return manifest('v1', object, { spec: present(spec) });
    }
    case 'EndpointSlice': {
      const { serviceName, addressType, endpoints, ports } = object;
      const shown = endpoints.map(({ addresses, ready, serving, terminating, zone, zoneHints }) =>
        present({
          addresses,
          conditions: present({ ready, serving, terminating }),
          zone,
          hints: zoneHints.length === 0 ? null : { forZones: zoneHints.map((name) => ({ name })) },
        }),
      );
      const labels = { 'kubernetes.io/service-name': serviceName };
      return manifest(
        'discovery.k8s.io/v1',
        object,
        { addressType, endpoints: shown, ports: portsOf(ports) },
        labels,
      );
    }
    case 'Endpoints': {
      const subsets = object.subsets.map(({ addresses, ports }) => ({
        addresses: addresses.map((ip) => ({ ip })),
        ports: portsOf(ports),
      }));
      return manifest('v1', object, { subsets });
    }
    case 'Secret': {
      // Not even how long a value is: of a password that is half of the secret.
      const data = Object.fromEntries(
        Object.entries(object.data).map(([key, value]) => [key, String(value)]),
      );
      return manifest('v1', object, { type: object.type, data });
    }
    case 'ConfigMap':
      return manifest('v1', object, { data: { ...object.data } });
    case 'Namespace':
      return manifest('v1', object, {});
    default:
      return object satisfies never;
  }
}

function manifest(
  apiVersion: string,
  { kind, meta }: { readonly kind: string; readonly meta: Meta },
  rest: Manifest,
  moreLabels: Readonly<Record<string, string>> = {},
): Manifest {
  const { namespace, name, uid, resourceVersion, createdAt, labels, annotations } = meta;
  const metadata = present({
    name,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp: createdAt === null ? null : new Date(createdAt).toISOString(),
    labels: { ...labels, ...moreLabels },
    annotations: { ...annotations },
  });
  return { apiVersion, kind, metadata, ...rest };
}

function pathOf({
  path,
  pathType,
  backend,
}: {
  readonly path: string;
  readonly pathType: string | null;
  readonly backend: IngressBackend;
}): Manifest {
  return present({ path, pathType, backend: backendOf(backend) });
}

function backendOf({ service, resource }: IngressBackend): Manifest {
  return present({
    service: service === null ? null : { name: service.name, port: present({ ...service.port }) },
    resource,
  });
}

function portsOf(ports: readonly EndpointPort[]): Manifest[] {
  return ports.map(present);
}

/** Without what says nothing: null, empty texts, empty lists and mappings. */
function present(fields: object): Manifest {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isNothing(value)));
}

function isNothing(value: unknown): boolean {
  if (value === null || value === '') {
    return true;
  }
  return typeof value === 'object' && Object.keys(value).length === 0;
}
