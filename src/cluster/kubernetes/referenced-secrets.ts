import { flag } from '../../model/grammar.ts';
import { refused } from '../../model/token.ts';
import type { Ingress } from '../objects.ts';
import type { NamespacedName, Snapshot } from '../snapshot.ts';
import type { Judges } from './judges.ts';

/** What decides which Secrets and ConfigMaps are fetched: no more than what something of ours can use. */
export interface ReferenceRules {
  /** Of annotations, without a slash: `kubernetes.annotations_prefix` and our own. */
  readonly prefixes: readonly string[];
  /** `namespace/name` of Secrets that the configuration names, such as the default certificate; empty ones are skipped. */
  readonly secrets: readonly string[];
  /** The same for ConfigMaps: global options, templates, TCP and UDP services. */
  readonly configMaps: readonly string[];
  /** Annotations may name objects of other namespaces; translate refuses such names otherwise. */
  readonly allowCrossNamespace?: boolean;
  /** Whether an Ingress is ours to serve; without it all count. */
  isServed?(ingress: Ingress, judges: Judges): boolean;
}

/** How an annotation names an object: `namespace/name` only, or also `name` for its own namespace. */
type Form = 'full' | 'any';

/** Annotations whose value names a Secret. Users' plugins have none: they are given no Secrets. */
export const secretAnnotations: Readonly<Record<string, Form>> = {
  'auth-secret': 'any',
  'auth-tls-secret': 'full',
  'proxy-ssl-secret': 'full',
};

/** The same for ConfigMaps. */
export const configMapAnnotations: Readonly<Record<string, Form>> = {
  'auth-proxy-set-headers': 'full',
  'custom-headers': 'full',
  'fastcgi-params-configmap': 'any',
};

/** Options of the global ConfigMap whose value names a Secret, as `namespace/name`. */
export const secretOptions: readonly string[] = ['ssl-dh-param'];

/** The same for another ConfigMap. */
export const configMapOptions: readonly string[] = ['add-headers', 'proxy-set-headers'];

type Referring = Judges & Pick<Snapshot, 'ingresses'>;

/** The Secrets that anything in the snapshot refers to, whether they exist or not. */
export function referencedSecrets(
  snapshot: Referring & Pick<Snapshot, 'configMaps'>,
  rules: ReferenceRules,
): ReadonlySet<NamespacedName> {
  const found = new Set(rules.secrets.filter(isNamespacedName));
  const withOption = { ...rules, allowCrossNamespace: allowsOthers(snapshot, rules) };
  for (const ingress of snapshot.ingresses) {
    if (isServed(ingress, snapshot, rules)) {
      for (const { secretName } of ingress.tls) {
        add(found, `${ingress.meta.namespace}/${secretName.trim()}`);
      }
      addFromAnnotations(found, ingress, withOption, secretAnnotations);
    }
  }
  addFromOptions(found, snapshot, rules, secretOptions);
  return found;
}

/** The ConfigMaps that anything in the snapshot refers to, whether they exist or not. */
export function referencedConfigMaps(
  snapshot: Referring & Pick<Snapshot, 'configMaps'>,
  rules: ReferenceRules,
): ReadonlySet<NamespacedName> {
  const found = new Set(rules.configMaps.filter(isNamespacedName));
  const withOption = { ...rules, allowCrossNamespace: allowsOthers(snapshot, rules) };
  for (const ingress of snapshot.ingresses) {
    if (isServed(ingress, snapshot, rules)) {
      addFromAnnotations(found, ingress, withOption, configMapAnnotations);
    }
  }
  addFromOptions(found, snapshot, rules, configMapOptions);
  return found;
}

/** By the config, or by the option of the global ConfigMap; a text that is no flag is read as one that is off. */
function allowsOthers(
  { configMaps }: Pick<Snapshot, 'configMaps'>,
  { allowCrossNamespace = false, configMaps: names }: ReferenceRules,
): boolean {
  return (
    allowCrossNamespace ||
    names.some((name) => {
      const text = configMaps.get(name)?.data['allow-cross-namespace-resources'];
      const parsed = flag.parse(text ?? 'false');
      return !refused(parsed) && parsed.value;
    })
  );
}

function addFromOptions(
  found: Set<NamespacedName>,
  { configMaps }: Pick<Snapshot, 'configMaps'>,
  rules: ReferenceRules,
  options: readonly string[],
): void {
  for (const key of rules.configMaps) {
    const data = configMaps.get(key)?.data;
    for (const option of options) {
      add(found, data?.[option]?.trim() ?? '');
    }
  }
}

function isServed(ingress: Ingress, judges: Judges, rules: ReferenceRules): boolean {
  return rules.isServed?.(ingress, judges) ?? true;
}

function addFromAnnotations(
  found: Set<NamespacedName>,
  { meta }: Ingress,
  { prefixes, allowCrossNamespace = false }: ReferenceRules,
  names: Readonly<Record<string, Form>>,
): void {
  for (const [name, form] of Object.entries(names)) {
    for (const prefix of prefixes) {
      const value = meta.annotations[`${prefix}/${name}`]?.trim() ?? '';
      const full = form === 'any' && !value.includes('/') ? `${meta.namespace}/${value}` : value;
      if (allowCrossNamespace || full.startsWith(`${meta.namespace}/`)) {
        add(found, full);
      }
    }
  }
}

/** What is no name cannot exist; that it is none is for translate to say. */
function add(found: Set<NamespacedName>, full: string): void {
  if (isNamespacedName(full)) {
    found.add(full);
  }
}

function isNamespacedName(text: string): boolean {
  return (
    text.length <= 317 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\/[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?$/u.test(text)
  );
}
