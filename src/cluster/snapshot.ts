import type { Finding } from '../model/verdict.ts';
import type {
  ConfigMap,
  Endpoints,
  EndpointSlice,
  Ingress,
  IngressClass,
  Namespace,
  Secret,
  Service,
} from './objects.ts';

/** `namespace/name`. */
export type NamespacedName = string;

/** One consistent, frozen view of the cluster. Unchanged objects are the same JavaScript objects as before. */
export interface Snapshot {
  /** In no meaningful order. */
  readonly ingresses: readonly Ingress[];
  /** By name. */
  readonly ingressClasses: ReadonlyMap<string, IngressClass>;
  readonly services: ReadonlyMap<NamespacedName, Service>;
  /** By the `namespace/name` of their Service, sorted by name. */
  readonly endpointSlices: ReadonlyMap<NamespacedName, readonly EndpointSlice[]>;
  readonly endpoints: ReadonlyMap<NamespacedName, Endpoints>;
  readonly secrets: ReadonlyMap<NamespacedName, Secret>;
  readonly configMaps: ReadonlyMap<NamespacedName, ConfigMap>;
  /** By name. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** Objects that are wholly or partly unreadable, found while they were read. */
  readonly findings: readonly Finding[];
}
