import type { Ingress } from '../objects.ts';
import type { NamespacedName, Snapshot } from '../snapshot.ts';

/** What decides which Secrets and ConfigMaps are fetched. */
export interface ReferenceRules {
  /** `kubernetes.annotations_prefix`, without a slash. */
  readonly annotationsPrefix: string;
  /** `namespace/name` of Secrets that the configuration names, such as the default certificate; empty ones are skipped. */
  readonly secrets: readonly string[];
  /** The same for ConfigMaps: global options, templates, TCP and UDP services. */
  readonly configMaps: readonly string[];
  /** Annotations (without prefix) that name a Secret or ConfigMap, beyond the built-in ones: those of plugins. */
  readonly secretAnnotations?: readonly string[];
  readonly configMapAnnotations?: readonly string[];
  /** Whether an Ingress is ours to serve; without it all count. */
  isServed?(ingress: Ingress): boolean;
}

/** Annotations whose value names a Secret: `name` in the Ingress's own namespace, or `namespace/name`. */
export const secretAnnotations: readonly string[] = [
  'auth-secret',
  'auth-tls-secret',
  'proxy-ssl-secret',
  'secure-verify-ca-secret',
];

/** The same for ConfigMaps. */
export const configMapAnnotations: readonly string[] = [
  'auth-proxy-set-headers',
  'custom-headers',
  'fastcgi-params-configmap',
];

/** Options of the global ConfigMap whose value names another ConfigMap or a Secret. */
const configMapOptions = ['add-headers', 'proxy-set-headers'];
const secretOptions = ['ssl-dh-param'];

/** The Secrets that anything in the snapshot refers to, whether they exist or not. */
export function referencedSecrets(
  snapshot: Pick<Snapshot, 'ingresses' | 'configMaps'>,
  rules: ReferenceRules,
): ReadonlySet<NamespacedName> {
  const names = [...secretAnnotations, ...(rules.secretAnnotations ?? [])];
  const found = new Set(rules.secrets.filter(isNamespacedName));
  for (const ingress of snapshot.ingresses) {
    addSecretsOf(found, ingress, rules, names);
  }
  addFromOptions(found, snapshot, rules, secretOptions);
  return found;
}

/** The ConfigMaps that anything in the snapshot refers to, whether they exist or not. */
export function referencedConfigMaps(
  snapshot: Pick<Snapshot, 'ingresses' | 'configMaps'>,
  rules: ReferenceRules,
): ReadonlySet<NamespacedName> {
  const names = [...configMapAnnotations, ...(rules.configMapAnnotations ?? [])];
  const found = new Set(rules.configMaps.filter(isNamespacedName));
  for (const ingress of snapshot.ingresses) {
    if (isServed(ingress, rules)) {
      addFromAnnotations(found, ingress, rules, names);
    }
  }
  addFromOptions(found, snapshot, rules, configMapOptions);
  return found;
}

function addSecretsOf(
  found: Set<NamespacedName>,
  ingress: Ingress,
  rules: ReferenceRules,
  names: readonly string[],
): void {
  if (!isServed(ingress, rules)) {
    return;
  }
  for (const { secretName } of ingress.tls) {
    add(found, secretName, ingress.meta.namespace);
  }
  addFromAnnotations(found, ingress, rules, names);
}

function isServed(ingress: Ingress, rules: ReferenceRules): boolean {
  return rules.isServed?.(ingress) ?? true;
}

function addFromAnnotations(
  found: Set<NamespacedName>,
  { meta }: Ingress,
  rules: ReferenceRules,
  names: readonly string[],
): void {
  for (const name of names) {
    add(found, meta.annotations[`${rules.annotationsPrefix}/${name}`] ?? '', meta.namespace);
  }
}

function addFromOptions(
  found: Set<NamespacedName>,
  snapshot: Pick<Snapshot, 'configMaps'>,
  rules: ReferenceRules,
  options: readonly string[],
): void {
  for (const key of rules.configMaps) {
    const data = snapshot.configMaps.get(key)?.data;
    for (const option of options) {
      add(found, data?.[option] ?? '', key.slice(0, key.indexOf('/')));
    }
  }
}

/** What is no name cannot exist; that it is none is for translate to say. */
function add(found: Set<NamespacedName>, value: string, namespace: string): void {
  const text = value.trim();
  const full = text.includes('/') ? text : `${namespace}/${text}`;
  if (isNamespacedName(full)) {
    found.add(full);
  }
}

function isNamespacedName(text: string): boolean {
  return (
    text.length <= 317 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\/[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?$/u.test(text)
  );
}
