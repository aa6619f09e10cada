import type { Kind } from '../../model/object-ref.ts';
import type { ApiRequest } from './api-client.ts';
import { resourcePath, resources, type Resource } from './resource.ts';

/** One collection to be listed and watched. */
export interface Collection {
  readonly resource: Resource;
  readonly request: ApiRequest;
  /** Only names and versions are watched; the objects that are referred to are fetched one by one. */
  readonly isNamesOnly: boolean;
}

export interface CollectionOptions {
  /** The only namespace that is watched; empty for all. */
  readonly namespace: string;
  readonly withNamespaces: boolean;
  /** `namespace/name` of Secrets and ConfigMaps that the configuration names: they may stand in other namespaces. */
  readonly secrets: readonly string[];
  readonly configMaps: readonly string[];
}

/** The form of lists, of watches and of single objects where names are all that counts: metadata without data. An old server may send whole objects, which works too. */
export const namesOnlyAccept = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
  watch: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
  one: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
} as const;

/** Helm keeps its releases as Secrets of up to a megabyte, often thousands of them. */
const withoutHelmReleases = { fieldSelector: 'type!=helm.sh/release.v1' };

/** Everything that is watched from the start, without the Endpoints that stand in for missing slices. */
export function listCollections(options: CollectionOptions): Collection[] {
  const whole: Kind[] = ['Ingress', 'IngressClass', 'Service', 'EndpointSlice'];
  if (options.withNamespaces) {
    whole.push('Namespace');
  }
  return [
    ...whole.map((kind) => wholeCollection(kind, options.namespace)),
    ...namesCollections('Secret', options.secrets, options.namespace, withoutHelmReleases),
    ...namesCollections('ConfigMap', options.configMaps, options.namespace, {}),
  ];
}

/** A collection whose objects are all kept. */
export function wholeCollection(kind: Kind, namespace: string): Collection {
  const resource = resources[kind];
  return { resource, request: { path: pathOf(resource, namespace) }, isNamesOnly: false };
}

function namesCollections(
  kind: Kind,
  named: readonly string[],
  namespace: string,
  query: Readonly<Record<string, string>>,
): Collection[] {
  const resource = resources[kind];
  const collections = [
    { resource, request: { path: pathOf(resource, namespace), query }, isNamesOnly: true },
  ];
  for (const key of namespace === '' ? [] : new Set(named)) {
    const slash = key.indexOf('/');
    const own = key.slice(0, slash);
    if (slash > 0 && own !== namespace) {
      const selector = { fieldSelector: `metadata.name=${key.slice(slash + 1)}` };
      collections.push({
        resource,
        request: { path: pathOf(resource, own), query: selector },
        isNamesOnly: true,
      });
    }
  }
  return collections;
}

function pathOf(resource: Resource, namespace: string): string {
  return resourcePath({ ...resource, namespace: resource.isNamespaced ? namespace : '' });
}
