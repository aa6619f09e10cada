import type { ObjectKey } from '../model/object-ref.ts';
import type { Snapshot } from './snapshot.ts';

/** One address of a Service, as the cluster says it. */
export interface ServiceEndpoint {
  readonly address: string;
  /** Numbers, each with its name where it has one: `8080`, `http 8080`. */
  readonly ports: readonly string[];
  /** Whether it is sent requests: as in ingress-nginx, `serving` and `terminating` do not count. */
  readonly ready: boolean;
  readonly serving: boolean | null;
  readonly terminating: boolean | null;
  readonly zone: string | null;
  /** The EndpointSlice or Endpoints that has it. */
  readonly object: ObjectKey;
}

/** All addresses of a Service, ready or not, sorted; Endpoints count where there is no slice. */
export function serviceEndpoints(snapshot: Snapshot, namespace: string, name: string): ServiceEndpoint[] {
  const service = `${namespace}/${name}`;
  const slices = snapshot.endpointSlices.get(service) ?? [];
  const found = slices.flatMap(({ meta, endpoints, ports }) =>
    endpoints.flatMap(({ addresses, ready, serving, terminating, zone }) =>
      addresses.map((address) => ({
        address,
        ports: ports.map(portWords),
        ready: ready !== false,
        serving,
        terminating,
        zone,
        object: `EndpointSlice/${meta.namespace}/${meta.name}`,
      })),
    ),
  );
  const older = slices.length === 0 ? snapshot.endpoints.get(service) : undefined;
  for (const { addresses, ports } of older?.subsets ?? []) {
    for (const address of addresses) {
      found.push({
        address,
        ports: ports.map(portWords),
        ready: true,
        serving: null,
        terminating: null,
        zone: null,
        object: `Endpoints/${service}`,
      });
    }
  }
  return found.sort((a, b) => (a.address < b.address ? -1 : 1));
}

function portWords({ name, port }: { readonly name: string; readonly port: number | null }): string {
  return [name, port === null ? '' : String(port)].filter((word) => word !== '').join(' ');
}
