import { createStore } from '../cluster/store.ts';
import { reasonToIgnore, type OwnershipSettings } from '../translate/classes.ts';
import type { OtherIngress } from './report.ts';
import type { AuditWorld } from './world.ts';

/** The Ingresses that none of the controllers serves, and why; those that could not be read too. */
export function otherIngresses(world: AuditWorld, controllers: readonly OwnershipSettings[]): OtherIngress[] {
  const store = createStore();
  store.apply({ set: world.objects, deleted: [] });
  const snapshot = store.snapshot();
  const others: OtherIngress[] = [];
  for (const ingress of snapshot.ingresses) {
    const { className, meta } = ingress;
    const isAssumed =
      world.origin === 'manifests' &&
      className !== null &&
      !snapshot.ingressClasses.has(className) &&
      controllers.some((each) => each.ingressClass === className);
    const reasons = controllers.map((settings) => reasonToIgnore(ingress, snapshot, settings));
    if (isAssumed || reasons.includes(null)) {
      continue;
    }
    const isClassUnknown =
      world.origin === 'manifests' && className !== null && !snapshot.ingressClasses.has(className);
    const hasSelector = controllers.some(
      ({ namespaceSelector }) => namespaceSelector.requirements.length > 0,
    );
    const isNamespaceUnknown = hasSelector && !snapshot.namespaces.has(meta.namespace);
    const words = reasons.flatMap((reason) =>
      reason === null ? [] : [`${reason.field}: ${reason.message}`],
    );
    const { namespace, name } = meta;
    others.push({
      namespace,
      name,
      isUnclear: isClassUnknown || isNamespaceUnknown,
      reason: isClassUnknown
        ? `IngressClass ${className} is not in the manifests given: whose it is cannot be told; give the IngressClasses too`
        : [...new Set(words)].join('; '),
    });
  }
  const read = new Set(snapshot.ingresses.map(({ meta }) => `${meta.namespace}/${meta.name}`));
  const refused = new Map<string, OtherIngress>();
  for (const { object, reason } of world.findings) {
    const { namespace, name } = object;
    const id = `${namespace}/${name}`;
    if (object.kind === 'Ingress' && !read.has(id)) {
      const before = refused.get(id);
      const text = `${reason.field}: ${reason.message}`;
      const joined = before === undefined ? text : `${before.reason}; ${text}`;
      refused.set(id, { namespace, name, isUnclear: true, reason: joined });
    }
  }
  return [...others, ...refused.values()].sort((a, b) =>
    `${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1,
  );
}
