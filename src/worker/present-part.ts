import { deepFreeze } from '../cluster/object-shape.ts';
import type { Ingress, IngressPath, IngressRule } from '../cluster/objects.ts';

/** How a last good form depends on the value that an annotation has now; by its name with prefix. */
export type LastGoodRule = (annotation: string) => 'common' | null;

/**
 * The part of a last good form that the present version asks for too: its hosts, paths, default backend and further
 * names. What an owner has given up is neither served any longer nor kept from those who ask for it now. Null where
 * nothing is left, or where the present version asks for TLS on a host that had none, or for another gateway.
 */
export function presentPart(good: Ingress, now: Ingress, ruleOf: LastGoodRule): Ingress | null {
  const rules = good.rules.flatMap((rule) => commonRule(rule, now));
  // Without rules it answers whatever no host takes.
  const isCatchAll = good.rules.length === 0 && now.rules.length === 0 && now.defaultBackend !== null;
  if ((rules.length === 0 && !isCatchAll) || !isSameClass(good, now) || !coversTls(good, now, rules)) {
    return null;
  }
  const annotations = commonAnnotations(good.meta.annotations, now.meta.annotations, ruleOf);
  return deepFreeze<Ingress>({
    ...good,
    meta: { ...now.meta, annotations },
    defaultBackend: now.defaultBackend === null ? null : good.defaultBackend,
    rules,
  });
}

const classAnnotation = 'kubernetes.io/ingress.class';

function isSameClass(good: Ingress, now: Ingress): boolean {
  return (
    good.className === now.className &&
    good.meta.annotations[classAnnotation] === now.meta.annotations[classAnnotation]
  );
}

function commonRule(rule: IngressRule, now: Ingress): IngressRule[] {
  const same = now.rules.filter(({ host }) => host.toLowerCase() === rule.host.toLowerCase());
  if (rule.paths === null) {
    return same.some(({ paths }) => paths === null) ? [rule] : [];
  }
  const asked = new Set(same.flatMap(({ paths }) => (paths ?? []).map(placeOf)));
  const paths = rule.paths.filter((path) => asked.has(placeOf(path)));
  return paths.length === 0 ? [] : [{ ...rule, paths }];
}

function placeOf({ path, pathType }: IngressPath): string {
  return `${pathType === 'Exact' ? '=' : '^'}${path}`;
}

/** Plain HTTP is redirected where there is TLS: a form without would leave open what has just been closed. */
function coversTls(good: Ingress, now: Ingress, rules: readonly IngressRule[]): boolean {
  if (now.tls.length === 0) {
    return true;
  }
  const [before, asked] = [good, now].map(
    ({ tls }) => new Set(tls.flatMap(({ hosts }) => hosts.map((host) => host.toLowerCase()))),
  );
  return (
    good.tls.length > 0 &&
    rules.every(({ host }) => asked?.has(host.toLowerCase()) !== true || before?.has(host.toLowerCase()))
  );
}

/** Of lists of names, those that the present version has as well. */
function commonAnnotations(
  good: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  ruleOf: LastGoodRule,
): Record<string, string> {
  const kept = Object.entries(good).flatMap(([name, value]): [string, string][] => {
    if (now[name] === value || ruleOf(name) === null) {
      return [[name, value]];
    }
    const asked = new Set(itemsOf(now[name] ?? ''));
    const common = itemsOf(value).filter((item) => asked.has(item));
    return common.length === 0 ? [] : [[name, common.join(',')]];
  });
  return Object.fromEntries(kept);
}

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
