/** The kinds of Kubernetes object that the gateway reads. */
export type Kind =
  | 'Ingress'
  | 'IngressClass'
  | 'Service'
  | 'EndpointSlice'
  | 'Endpoints'
  | 'Secret'
  | 'ConfigMap'
  | 'Namespace';

/** Names one object. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

/** `Kind/namespace/name` (`Kind//name` for cluster-scoped kinds): the one way objects are keyed and logged. */
export type ObjectKey = string;

/** The key of an object, as used in logs, verdicts, provenance and the debug pages. */
export function objectKey(ref: ObjectRef): ObjectKey {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** The reference inside a key made by `objectKey`, or null if the text is none. */
export function parseObjectKey(key: ObjectKey): ObjectRef | null {
  const [kind, namespace, name, ...rest] = key.split('/');
  if (kind === undefined || namespace === undefined || !name || rest.length > 0) {
    return null;
  }
  return { kind: kind as Kind, namespace, name };
}
