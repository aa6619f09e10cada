/** Kubernetes objects for tests, as a manifest has them. All in the namespace `default` unless named. */

export interface PathRule {
  readonly path?: string;
  readonly pathType?: string;
  readonly service: string;
  readonly port?: number | string;
}

export interface IngressOptions {
  readonly namespace?: string;
  readonly host?: string;
  readonly paths?: readonly PathRule[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
  readonly defaultBackend?: PathRule;
  readonly className?: string;
}

/** An Ingress with one rule; without paths only with its default backend. */
export function ingress(name: string, options: IngressOptions): object {
  const { namespace = 'default', host, paths, annotations, tls, defaultBackend, className } = options;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace, ...(annotations && { annotations }) },
    spec: {
      ingressClassName: className ?? 'nginx',
      ...(defaultBackend && { defaultBackend: backend(defaultBackend) }),
      ...(tls && { tls }),
      ...(paths && {
        rules: [
          {
            ...(host !== undefined && { host }),
            http: {
              paths: paths.map((rule) => ({
                path: rule.path ?? '/',
                pathType: rule.pathType ?? 'Prefix',
                backend: backend(rule),
              })),
            },
          },
        ],
      }),
    },
  };
}

function backend({ service, port = 80 }: PathRule): object {
  return { service: { name: service, port: typeof port === 'number' ? { number: port } : { name: port } } };
}

/** A Service `name` with port 80, named `http`, and its EndpointSlice with these ports of 127.0.0.1. */
export function serviceOn(name: string, ports: readonly number[], namespace = 'default'): object[] {
  return [serviceObject(name, namespace), ...endpointSlices(name, ports, namespace)];
}

/** A Service with port 80, named `http`. */
export function serviceObject(name: string, namespace = 'default'): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  };
}

/** A Service with these `spec` fields. */
export function serviceWith(name: string, spec: object, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
}

/** One EndpointSlice `name` of a Service, with these endpoints and ports. */
export function sliceOf(
  service: string,
  name: string,
  endpoints: readonly object[],
  ports: readonly object[],
  namespace = 'default',
): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints,
    ports,
  };
}

/** One EndpointSlice for each port, because a slice has one port for all its addresses. */
export function endpointSlices(name: string, ports: readonly number[], namespace = 'default'): object[] {
  return ports.map((port) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${port}`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  }));
}

/** A Secret of type kubernetes.io/tls. */
export function tlsSecret(
  name: string,
  pair: { readonly cert: string; readonly key: string },
  namespace = 'default',
): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'kubernetes.io/tls',
    data: {
      'tls.crt': Buffer.from(pair.cert).toString('base64'),
      'tls.key': Buffer.from(pair.key).toString('base64'),
    },
  };
}
