import type { Kind, ObjectRef } from '../model/object-ref.ts';
import type { ReloadReason } from '../observe/metrics-labels.ts';

/** Why a pass is made besides changed objects. */
export type Occasion = 'start' | 'retry' | 'nginx-gone' | 'day' | 'extensions';

const words: Readonly<Record<Occasion, string>> = {
  start: 'the gateway started',
  retry: 'an earlier pass failed or an object is due for another try',
  'nginx-gone': 'nginx no longer answers with the live generation',
  extensions: 'templates or plugins of the operator changed',
  day: 'a day has passed: certificates may have expired',
};

/** In words for people: the occasions, and how many objects of each kind changed. */
export function describeReasons(occasions: ReadonlySet<Occasion>, changed: readonly ObjectRef[]): string[] {
  const counts = new Map<Kind, number>();
  for (const { kind } of changed) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const objects = [...counts.keys()].sort().map((kind) => `${counts.get(kind)} changed: ${kind}`);
  return [...[...occasions].map((occasion) => words[occasion]), ...objects];
}

/** The one label for metrics. */
export function reloadReason(occasions: ReadonlySet<Occasion>, changed: readonly ObjectRef[]): ReloadReason {
  if (occasions.has('start')) {
    return 'start';
  }
  const kinds = new Set(changed.map((ref) => ref.kind));
  if (kinds.size === 0) {
    return 'retry';
  }
  if ([...kinds].every((kind) => kind === 'EndpointSlice' || kind === 'Endpoints')) {
    return 'endpoints';
  }
  return [...kinds].every((kind) => kind === 'Secret') ? 'certificates' : 'objects';
}
