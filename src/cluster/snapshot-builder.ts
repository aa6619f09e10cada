import type { Finding } from '../model/verdict.ts';
import type { ClusterObject, EndpointSlice, Ingress } from './objects.ts';
import type { NamespacedName, Snapshot } from './snapshot.ts';

/** Keeps the containers of a snapshot up to date; each is copied only when it has changed since the last snapshot. */
export interface SnapshotBuilder {
  set(object: ClusterObject, before: ClusterObject | null): void;
  delete(object: ClusterObject): void;
  setFindings(findings: readonly Finding[]): void;
  snapshot(): Snapshot;
}

interface Shelf<Item> {
  set(key: string, item: Item): void;
  delete(key: string): void;
  /** A copy that never changes; the same one until something is set or deleted. */
  copy(): ReadonlyMap<string, Item>;
}

function createShelf<Item>(): Shelf<Item> {
  const items = new Map<string, Item>();
  let copy: ReadonlyMap<string, Item> | null = null;
  return {
    set(key, item) {
      items.set(key, item);
      copy = null;
    },
    delete(key) {
      items.delete(key);
      copy = null;
    },
    copy() {
      copy ??= new Map(items);
      return copy;
    },
  };
}

/** EndpointSlices in groups by Service; a group is sorted anew only when one of its slices changes. */
interface SliceShelf {
  set(slice: EndpointSlice): void;
  delete(slice: EndpointSlice): void;
  copy(): ReadonlyMap<NamespacedName, readonly EndpointSlice[]>;
}

function createSliceShelf(): SliceShelf {
  const groups = createShelf<readonly EndpointSlice[]>();
  const members = new Map<NamespacedName, Map<string, EndpointSlice>>();

  function regroup(service: NamespacedName): void {
    const slices = members.get(service);
    if (slices === undefined || slices.size === 0) {
      members.delete(service);
      groups.delete(service);
      return;
    }
    const sorted = [...slices.values()].sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
    groups.set(service, Object.freeze(sorted));
  }

  return {
    set(slice) {
      const service = serviceOf(slice);
      if (service === null) {
        return;
      }
      const slices = members.get(service) ?? new Map<string, EndpointSlice>();
      members.set(service, slices.set(slice.meta.name, slice));
      regroup(service);
    },
    delete(slice) {
      const service = serviceOf(slice);
      if (service !== null) {
        members.get(service)?.delete(slice.meta.name);
        regroup(service);
      }
    },
    copy() {
      return groups.copy();
    },
  };
}

function serviceOf(slice: EndpointSlice): NamespacedName | null {
  return slice.serviceName === '' ? null : `${slice.meta.namespace}/${slice.serviceName}`;
}

function nameOf({ meta }: ClusterObject): NamespacedName {
  return meta.namespace === '' ? meta.name : `${meta.namespace}/${meta.name}`;
}

/** A builder for an empty world. */
export function createSnapshotBuilder(): SnapshotBuilder {
  const shelves = {
    Ingress: createShelf<Ingress>(),
    IngressClass: createShelf<Extract<ClusterObject, { kind: 'IngressClass' }>>(),
    Service: createShelf<Extract<ClusterObject, { kind: 'Service' }>>(),
    Endpoints: createShelf<Extract<ClusterObject, { kind: 'Endpoints' }>>(),
    Secret: createShelf<Extract<ClusterObject, { kind: 'Secret' }>>(),
    ConfigMap: createShelf<Extract<ClusterObject, { kind: 'ConfigMap' }>>(),
    Namespace: createShelf<Extract<ClusterObject, { kind: 'Namespace' }>>(),
  };
  const slices = createSliceShelf();
  let findings: readonly Finding[] = Object.freeze([]);
  let ingresses: { of: ReadonlyMap<string, Ingress>; list: readonly Ingress[] } | null = null;
  let current: Snapshot | null = null;

  function listIngresses(): readonly Ingress[] {
    const of = shelves.Ingress.copy();
    if (ingresses?.of !== of) {
      ingresses = { of, list: Object.freeze([...of.values()]) };
    }
    return ingresses.list;
  }

  function forget(object: ClusterObject): void {
    if (object.kind === 'EndpointSlice') {
      slices.delete(object);
    } else {
      shelves[object.kind].delete(nameOf(object));
    }
  }

  function put(object: ClusterObject): void {
    const name = nameOf(object);
    switch (object.kind) {
      case 'Ingress':
        return shelves.Ingress.set(name, object);
      case 'IngressClass':
        return shelves.IngressClass.set(name, object);
      case 'Service':
        return shelves.Service.set(name, object);
      case 'EndpointSlice':
        return slices.set(object);
      case 'Endpoints':
        return shelves.Endpoints.set(name, object);
      case 'Secret':
        return shelves.Secret.set(name, object);
      case 'ConfigMap':
        return shelves.ConfigMap.set(name, object);
      case 'Namespace':
        return shelves.Namespace.set(name, object);
    }
  }

  return {
    set(object, before) {
      current = null;
      // A slice may have moved to another Service: it must leave the group it was in.
      if (before?.kind === 'EndpointSlice') {
        slices.delete(before);
      }
      put(object);
    },
    delete(object) {
      current = null;
      forget(object);
    },
    setFindings(list) {
      current = null;
      findings = Object.freeze([...list]);
    },
    snapshot() {
      current ??= Object.freeze({
        ingresses: listIngresses(),
        ingressClasses: shelves.IngressClass.copy(),
        services: shelves.Service.copy(),
        endpointSlices: slices.copy(),
        endpoints: shelves.Endpoints.copy(),
        secrets: shelves.Secret.copy(),
        configMaps: shelves.ConfigMap.copy(),
        namespaces: shelves.Namespace.copy(),
        findings,
      });
      return current;
    },
  };
}
