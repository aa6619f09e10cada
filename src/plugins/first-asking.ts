import type { Told } from './additions.ts';
import type { MemberContext } from './context.ts';
import type { AnnotationTable } from './plugin.ts';

/** The Ingress whose value holds for a host or an upstream, and reasons for the others. */
export interface FirstAsking<T extends AnnotationTable, V> {
  readonly first: { readonly member: MemberContext<T>; readonly value: V } | null;
  readonly differences: readonly Told[];
}

/**
 * Of several Ingresses that set an annotation the oldest one wins, as in ingress-nginx; those that ask for something
 * else are told. One that is closed asks for nothing: for features that protect nobody.
 */
export function firstAsking<T extends AnnotationTable, V>(
  members: readonly MemberContext<T>[],
  name: keyof T & string,
  valueOf: (member: MemberContext<T>) => V | null,
): FirstAsking<T, V> {
  let first: FirstAsking<T, V>['first'] = null;
  const differences: Told[] = [];
  for (const member of members) {
    const value = member.closed || !member.given.includes(name) ? null : valueOf(member);
    if (value === null) {
      continue;
    }
    if (first === null) {
      first = { member, value };
    } else if (JSON.stringify(value) !== JSON.stringify(first.value)) {
      const message = `has no effect: the value of ${first.member.object} holds, which is older`;
      differences.push({ object: member.object, reasons: [{ field: member.field(name) ?? '', message }] });
    }
  }
  return { first, differences };
}
