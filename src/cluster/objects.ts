import type { SecretValue } from '../model/secret-value.ts';

/**
 * The Kubernetes objects trimmed to what the gateway uses. Values are the cluster's own and hostile until
 * `translate` parses them into tokens; only their shape (text, number, list) has been checked here.
 */
export interface Meta {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** `metadata.creationTimestamp` in milliseconds since the epoch; null in manifests: all equally old. */
  readonly createdAt: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ServicePortRef {
  readonly name: string | null;
  readonly number: number | null;
}

/** Where an Ingress sends requests: a Service, or a resource (which is never served). */
export interface IngressBackend {
  readonly service: { readonly name: string; readonly port: ServicePortRef } | null;
  readonly resource: { readonly apiGroup: string; readonly kind: string; readonly name: string } | null;
}

export interface IngressPath {
  readonly path: string;
  readonly pathType: string | null;
  readonly backend: IngressBackend;
}

export interface IngressRule {
  /** Empty for every host. */
  readonly host: string;
  /** Null where the rule has no `http`: all its requests go to the default backend. */
  readonly paths: readonly IngressPath[] | null;
}

export interface IngressTls {
  readonly hosts: readonly string[];
  /** Empty where none is named. */
  readonly secretName: string;
}

export interface Ingress {
  readonly kind: 'Ingress';
  readonly meta: Meta;
  readonly className: string | null;
  readonly defaultBackend: IngressBackend | null;
  readonly rules: readonly IngressRule[];
  readonly tls: readonly IngressTls[];
}

export interface IngressClass {
  readonly kind: 'IngressClass';
  readonly meta: Meta;
  readonly controller: string;
}

export interface ServicePort {
  /** Empty where the only port has no name. */
  readonly name: string;
  readonly port: number;
  readonly targetPort: number | string | null;
  readonly protocol: string;
  readonly appProtocol: string | null;
}

export interface Service {
  readonly kind: 'Service';
  readonly meta: Meta;
  readonly type: string;
  /** `None` for headless Services. */
  readonly clusterIPs: readonly string[];
  readonly externalName: string;
  readonly ports: readonly ServicePort[];
}

export interface EndpointPort {
  readonly name: string;
  readonly port: number | null;
  readonly protocol: string;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** `conditions.ready`; null (unknown) counts as ready. */
  readonly ready: boolean | null;
  readonly serving: boolean | null;
  readonly terminating: boolean | null;
  readonly zone: string | null;
  /** `hints.forZones[].name`. */
  readonly zoneHints: readonly string[];
}

export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly meta: Meta;
  /** Label `kubernetes.io/service-name`. */
  readonly serviceName: string;
  readonly addressType: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

/** The older API; used for a Service that has no EndpointSlice. Same name as its Service. */
export interface Endpoints {
  readonly kind: 'Endpoints';
  readonly meta: Meta;
  readonly subsets: readonly {
    readonly addresses: readonly string[];
    readonly ports: readonly EndpointPort[];
  }[];
}

export interface Secret {
  readonly kind: 'Secret';
  readonly meta: Meta;
  readonly type: string;
  /** Decoded. */
  readonly data: Readonly<Record<string, SecretValue>>;
}

export interface ConfigMap {
  readonly kind: 'ConfigMap';
  readonly meta: Meta;
  readonly data: Readonly<Record<string, string>>;
}

export interface Namespace {
  readonly kind: 'Namespace';
  readonly meta: Meta;
}

export type ClusterObject =
  Ingress | IngressClass | Service | EndpointSlice | Endpoints | Secret | ConfigMap | Namespace;
