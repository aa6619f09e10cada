import { rm } from 'node:fs/promises';
import path from 'node:path';
import { openCluster, ownAddress } from '../../test/support/cluster-gateway.ts';
import { collectionOf } from '../../test/support/fake-api-server-objects.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { startGateway, type GatewayOptions, type RunningGateway } from '../../test/support/gateway.ts';
import type { TcpFront } from '../../test/support/tcp-front.ts';

export interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Where the objects of a soak are: behind an API server of our own, or in a folder. */
export interface SoakCluster {
  /** What there is to fail beside the objects; null for a folder. */
  readonly server: { readonly api: FakeApiServer; readonly network: TcpFront } | null;
  /** The address of the backends: endpoints from an API may not be on loopback. */
  readonly address: string;
  put(...objects: readonly object[]): Promise<void>;
  remove(object: object): Promise<void>;
  /** Starts the built program on it. `after`: with the folders and ports of that one. */
  start(options: Omit<GatewayOptions, 'manifests'>): Promise<RunningGateway>;
}

type Ending = Parameters<typeof startGateway>[0];

/** An API server where this machine has an address other than loopback, else a folder of manifests. */
export async function openSoakCluster(t: Ending): Promise<SoakCluster> {
  return ownAddress === null ? folderCluster(t) : await apiCluster(t, ownAddress);
}

async function apiCluster(t: Ending, address: string): Promise<SoakCluster> {
  const cluster = await openCluster(t);
  const { api, network } = cluster;
  // Lists in pages: those are what can come empty.
  api.behaviour.watchList = 'rejected';
  return {
    server: { api, network },
    address,
    put: (...objects) => {
      api.put(...objects);
      return Promise.resolve();
    },
    remove: (object) => {
      const { apiVersion, kind, metadata } = object as Named;
      api.remove(collectionOf({ apiVersion, kind }), `${metadata.namespace ?? ''}/${metadata.name}`);
      return Promise.resolve();
    },
    start: async (options) => await cluster.start({ ...options, pod: 'soak' }),
  };
}

function folderCluster(t: Ending): SoakCluster {
  const files = new Map<string, object>();
  let gateway: RunningGateway | null = null;
  function nameOf(object: object): string {
    const { kind, metadata } = object as Named;
    return `${kind}-${metadata.namespace ?? ''}-${metadata.name}.json`;
  }

  return {
    server: null,
    address: '127.0.0.1',
    async put(...objects) {
      for (const object of objects) {
        files.set(nameOf(object), object);
        await gateway?.write(nameOf(object), object);
      }
    },
    async remove(object) {
      files.delete(nameOf(object));
      if (gateway !== null) {
        await rm(path.join(gateway.manifests, nameOf(object)), { force: true });
      }
    },
    async start(options) {
      // A folder that is followed again has its files already.
      const manifests = options.after === undefined ? Object.fromEntries(files) : {};
      gateway = await startGateway(t, { ...options, manifests });
      return gateway;
    },
  };
}
