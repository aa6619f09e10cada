import type { Ingress, IngressClass } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import { shown } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import type { LabelRequirement, TranslateSettings } from './settings.ts';

/** The only annotation that is not a plugin's: it chooses the gateway, not what the gateway does. */
const classAnnotation = 'kubernetes.io/ingress.class';

const namespaceNameLabel = 'kubernetes.io/metadata.name';

/** What decides whether an Ingress is ours. */
export type OwnershipSettings = Pick<
  TranslateSettings,
  | 'source'
  | 'namespace'
  | 'namespaceSelector'
  | 'ingressClass'
  | 'controllerClass'
  | 'ingressClassByName'
  | 'watchIngressWithoutClass'
  | 'disableCatchAll'
>;

type Judges = Pick<Snapshot, 'ingressClasses' | 'namespaces'>;

/** Says why an Ingress is none of ours, or null of one that is. */
export function reasonToIgnore(
  ingress: Ingress,
  snapshot: Judges,
  settings: OwnershipSettings,
): Reason | null {
  return (
    reasonOfNamespace(ingress, snapshot, settings) ??
    reasonOfClass(ingress, snapshot, settings) ??
    reasonOfCatchAll(ingress, settings)
  );
}

/** Whether an IngressClass is one that this gateway serves. */
export function isOurClass(ingressClass: IngressClass, settings: OwnershipSettings): boolean {
  const byName = settings.ingressClassByName && ingressClass.meta.name === settings.ingressClass;
  return byName || ingressClass.controller === settings.controllerClass;
}

function reasonOfNamespace(
  { meta }: Ingress,
  snapshot: Judges,
  { namespace, namespaceSelector }: OwnershipSettings,
): Reason | null {
  const field = 'metadata.namespace';
  if (namespace !== '' && meta.namespace !== namespace) {
    return { field, message: `only Ingresses of namespace ${namespace} are served (kubernetes.namespace)` };
  }
  const { requirements } = namespaceSelector;
  const known = snapshot.namespaces.get(meta.namespace);
  const labels = { [namespaceNameLabel]: meta.namespace, ...known?.meta.labels };
  // A label that is not known is not an absent one: its name alone is known of a namespace that was not read.
  const judged =
    known === undefined ? requirements.filter(({ key }) => key === namespaceNameLabel) : requirements;
  if (!judged.every((requirement) => holds(requirement, labels))) {
    const message = 'the labels of the namespace do not match kubernetes.watch_namespace_selector';
    return { field, message };
  }
  if (judged.length < requirements.length) {
    const message = `the labels of namespace ${shown(meta.namespace)} are not known, so that kubernetes.watch_namespace_selector cannot be judged: the Namespace is missing or cannot be read`;
    return { field, message };
  }
  return null;
}

/** As in Kubernetes, `!=` and `notin` also hold where the label is absent. */
function holds(
  { key, operator, values }: LabelRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
  const isPositive = operator === 'exists' || operator === 'in';
  const isAny = operator === 'exists' || operator === 'absent';
  const isMet = label !== undefined && (isAny || values.includes(label));
  return isPositive ? isMet : !isMet;
}

/** `spec.ingressClassName` decides alone where it is set; then the annotation; then whether a class is needed at all. */
function reasonOfClass(
  { meta, className }: Ingress,
  snapshot: Judges,
  settings: OwnershipSettings,
): Reason | null {
  if (className !== null) {
    return reasonOfClassName(className, snapshot, settings);
  }
  const annotation = Object.hasOwn(meta.annotations, classAnnotation)
    ? meta.annotations[classAnnotation]
    : undefined;
  if (annotation !== undefined) {
    const field = `metadata.annotations["${classAnnotation}"]`;
    const message = `class ${shown(annotation)} is not ${settings.ingressClass} (kubernetes.ingress_class)`;
    return annotation === settings.ingressClass ? null : { field, message };
  }
  if (settings.source === 'manifests' || settings.watchIngressWithoutClass) {
    return null;
  }
  const message = 'no class is named: set it, or switch kubernetes.watch_ingress_without_class on';
  return { field: 'spec.ingressClassName', message };
}

function reasonOfClassName(className: string, snapshot: Judges, settings: OwnershipSettings): Reason | null {
  const field = 'spec.ingressClassName';
  if (settings.source === 'manifests' && className === settings.ingressClass) {
    return null;
  }
  const found = snapshot.ingressClasses.get(className);
  if (found === undefined) {
    return { field, message: `there is no IngressClass ${shown(className)}: create it or name another one` };
  }
  if (isOurClass(found, settings)) {
    return null;
  }
  const controller = `${shown(found.controller)}, not ${settings.controllerClass}`;
  return { field, message: `IngressClass ${shown(className)} is for the controller ${controller}` };
}

function reasonOfCatchAll({ defaultBackend }: Ingress, settings: OwnershipSettings): Reason | null {
  const message = 'Ingresses with a default backend are switched off (kubernetes.disable_catch_all)';
  return settings.disableCatchAll && defaultBackend !== null
    ? { field: 'spec.defaultBackend', message }
    : null;
}
