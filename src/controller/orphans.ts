import type { Ingress } from '../cluster/objects.ts';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Orphan } from '../observe/metrics-labels.ts';

/**
 * The served Ingresses with a backend whose Service is missing or has no ready endpoint. Only those that are served with
 * a difference are looked at: this is one, and of ten thousand few have any.
 */
export function findOrphans(snapshot: Snapshot, verdicts: readonly Verdict[]): Orphan[] {
  const suspects = new Set(
    verdicts
      .filter(({ kind, state }) => kind === 'Ingress' && state === 'served-with-difference')
      .map(({ namespace, name }) => `${namespace}/${name}`),
  );
  if (suspects.size === 0) {
    return [];
  }
  const wrong = new Map<string, Orphan['type'] | null>();

  function fault(service: string): Orphan['type'] | null {
    let found = wrong.get(service);
    if (found === undefined) {
      found = faultOf(service, snapshot);
      wrong.set(service, found);
    }
    return found;
  }

  return snapshot.ingresses
    .filter(({ meta }) => suspects.has(`${meta.namespace}/${meta.name}`))
    .flatMap((ingress) => {
      const { namespace, name } = ingress.meta;
      const types = new Set(servicesOf(ingress).map((service) => fault(`${namespace}/${service}`)));
      return [...types].filter((type) => type !== null).map((type) => ({ namespace, name, type }));
    })
    .sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

function servicesOf({ defaultBackend, rules }: Ingress): string[] {
  const backends = [
    defaultBackend,
    ...rules.flatMap(({ paths }) => (paths ?? []).map(({ backend }) => backend)),
  ];
  return [...new Set(backends.flatMap((backend) => backend?.service?.name ?? []))];
}

function faultOf(key: string, { services, endpointSlices, endpoints }: Snapshot): Orphan['type'] | null {
  const service = services.get(key);
  if (service === undefined) {
    return 'no-service';
  }
  if (service.type === 'ExternalName') {
    return null;
  }
  const slices = endpointSlices.get(key) ?? [];
  // The older API counts only where there is no slice.
  const hasOne =
    slices.length > 0
      ? slices.some((slice) =>
          slice.endpoints.some(({ ready, addresses }) => ready !== false && addresses.length > 0),
        )
      : (endpoints.get(key)?.subsets ?? []).some(({ addresses }) => addresses.length > 0);
  return hasOne ? null : 'no-endpoint';
}

function keyOf({ namespace, name, type }: Orphan): string {
  return `${namespace}/${name}/${type}`;
}
