import { ingest } from '../../src/cluster/ingest.ts';
import type { ClusterObject } from '../../src/cluster/objects.ts';

/** A sound Ingress as parsed YAML; `change` edits the copy before it is returned. */
export function rawIngress(change: (ingress: RawObject) => void = () => undefined): RawObject {
  const ingress: RawObject = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name: 'shop',
      namespace: 'web',
      uid: 'u-1',
      resourceVersion: '7',
      creationTimestamp: '2026-01-31T12:00:00Z',
      labels: { team: 'a' },
      annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
    },
    spec: {
      ingressClassName: 'nginx',
      defaultBackend: { service: { name: 'fallback', port: { number: 80 } } },
      rules: [
        {
          host: 'shop.example.com',
          http: {
            paths: [
              { path: '/', pathType: 'Prefix', backend: { service: { name: 'shop', port: { number: 80 } } } },
              {
                path: '/pay',
                pathType: 'Exact',
                backend: { service: { name: 'pay', port: { name: 'http' } } },
              },
            ],
          },
        },
      ],
      tls: [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }],
    },
    status: { loadBalancer: {} },
  };
  change(ingress);
  return ingress;
}

/** Parsed YAML in a test: edited freely, right or wrong. */
export interface RawObject {
  [field: string]: unknown;
}

/** An object without a spec of its own. */
export function raw(kind: string, apiVersion: string, name: string, rest: RawObject = {}): RawObject {
  return { apiVersion, kind, metadata: { name, namespace: 'web' }, ...rest };
}

export function rawService(name: string, port = 80): RawObject {
  return raw('Service', 'v1', name, { spec: { ports: [{ port }] } });
}

export function rawSlice(name: string, service: string, address: string): RawObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'web', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: '', port: 8080 }],
  };
}

/** The trimmed form of an object that has to be sound. */
export function accepted(value: unknown): ClusterObject {
  const { object, findings } = ingest(value);
  if (object === null || findings.length > 0) {
    throw new Error(`not sound: ${JSON.stringify(findings)}`);
  }
  return object;
}
