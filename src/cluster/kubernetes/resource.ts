import type { Kind } from '../../model/object-ref.ts';

/** Where a kind stands in the API. */
export interface Resource {
  readonly kind: Kind;
  readonly apiVersion: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
}

const networking = 'networking.k8s.io/v1';

/** The kinds that are read, all of them served by API servers from 1.21 on. */
export const resources: Readonly<Record<Kind, Resource>> = {
  Ingress: { kind: 'Ingress', apiVersion: networking, plural: 'ingresses', isNamespaced: true },
  IngressClass: {
    kind: 'IngressClass',
    apiVersion: networking,
    plural: 'ingressclasses',
    isNamespaced: false,
  },
  Service: { kind: 'Service', apiVersion: 'v1', plural: 'services', isNamespaced: true },
  EndpointSlice: {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    plural: 'endpointslices',
    isNamespaced: true,
  },
  Endpoints: { kind: 'Endpoints', apiVersion: 'v1', plural: 'endpoints', isNamespaced: true },
  Secret: { kind: 'Secret', apiVersion: 'v1', plural: 'secrets', isNamespaced: true },
  ConfigMap: { kind: 'ConfigMap', apiVersion: 'v1', plural: 'configmaps', isNamespaced: true },
  Namespace: { kind: 'Namespace', apiVersion: 'v1', plural: 'namespaces', isNamespaced: false },
};

/** What identifies a collection or an object in a URL. */
export interface ResourcePath {
  readonly apiVersion: string;
  readonly plural: string;
  /** Empty for all namespaces, and for kinds without. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** The path of a collection, an object or its subresource, for any API group. */
export function resourcePath(target: ResourcePath): string {
  const { apiVersion, plural, namespace, name, subresource } = target;
  const parts = [apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`];
  if (namespace !== undefined && namespace !== '') {
    parts.push('namespaces', encodeURIComponent(namespace));
  }
  parts.push(plural);
  if (name !== undefined) {
    parts.push(encodeURIComponent(name));
  }
  if (subresource !== undefined) {
    parts.push(subresource);
  }
  return parts.join('/');
}
