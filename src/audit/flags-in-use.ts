import type { Snapshot } from '../cluster/snapshot.ts';
import type { FlagVerdict } from './flags.ts';
import type { AuditedObject } from './report.ts';

/** More entries than this help nobody. */
const mostShown = 20;

/** A flag whose feature is not there is a loss only where something uses it; then it is said what. */
export function inUse(
  verdict: FlagVerdict,
  objects: readonly AuditedObject[],
  snapshot: Snapshot,
): FlagVerdict {
  if (verdict.outcome !== 'not-served') {
    return verdict;
  }
  switch (verdict.flag) {
    case '--tcp-services-configmap':
    case '--udp-services-configmap': {
      const entries = Object.entries(snapshot.configMaps.get(verdict.value)?.data ?? {});
      const shown = entries.slice(0, mostShown).map(([port, service]) => `${port} to ${service}`);
      const rest = entries.length > mostShown ? ` and ${entries.length - mostShown} more` : '';
      return entries.length === 0
        ? unused(verdict, 'the ConfigMap names no port, or was not given')
        : { ...verdict, message: `${verdict.message}: ${shown.join(', ')}${rest}` };
    }
    case '--enable-ssl-passthrough': {
      const users = objects.filter(
        ({ kind, outcome, reasons }) =>
          kind === 'Ingress' &&
          outcome === 'not-served' &&
          reasons.some(({ message }) => message.includes('ssl-passthrough')),
      );
      return users.length === 0 ? unused(verdict, 'no Ingress asks for it') : verdict;
    }
    default:
      return verdict;
  }
}

function unused(verdict: FlagVerdict, why: string): FlagVerdict {
  return { ...verdict, outcome: 'same', message: `nothing: ${why}` };
}
