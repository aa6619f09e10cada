import { ingress, serviceOn } from '../test/support/objects.ts';

/** The manifests of the benchmarks: one file for each Ingress with its Service and EndpointSlice, three paths each. */
export function benchManifests(count: number, backendPort: number): Record<string, object[]> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`app-${index}.yaml`, benchObjects(index, backendPort)]),
  );
}

/** The objects of one file. `extra` is a further path, for a change. */
export function benchObjects(index: number, backendPort: number, extra?: string): object[] {
  const service = `app-${index}`;
  const paths = ['/', '/api', '/static', ...(extra === undefined ? [] : [extra])].map((path) => ({
    path,
    service,
  }));
  return [ingress(`app-${index}`, { host: hostOf(index), paths }), ...serviceOn(service, [backendPort])];
}

export function hostOf(index: number): string {
  return `app-${index}.example.com`;
}
