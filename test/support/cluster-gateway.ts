import { networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';
import { startFakeApiServer, type FakeApiServer, type FakeObject } from './fake-api-server.ts';
import { onEveryNginx, startGateway, type GatewayOptions, type RunningGateway } from './gateway.ts';
import { serviceObject, sliceOf } from './objects.ts';
import type { NginxBinary } from './nginx-binaries.ts';
import { startTcpFront, type TcpFront } from './tcp-front.ts';

/**
 * An address of this machine that is not loopback, which endpoints from an API server may not be; what is sent to it
 * never leaves the machine. Null where there is only loopback.
 */
export const ownAddress: string | null =
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? null;

/** The same test on every nginx, where this machine has such an address; else it is skipped, and says so. */
export function inCluster(
  title: string,
  body: (t: TestContext, nginx: NginxBinary, address: string) => Promise<void>,
): void {
  onEveryNginx(title, async (t, nginx) => {
    if (ownAddress === null) {
      t.skip('NOT RUN: endpoints of a cluster need an address of this machine other than loopback');
    } else {
      await body(t, nginx, ownAddress);
    }
  });
}

/** A Service `name` with port 80 and an EndpointSlice of the same name with this port of `ownAddress`. */
export function serviceAt(name: string, port: number): object[] {
  return [serviceObject(name), sliceAt(name, port)];
}

export function sliceAt(name: string, port: number): object {
  const endpoints = [{ addresses: [ownAddress ?? ''], conditions: { ready: true } }];
  return sliceOf(name, name, endpoints, [{ name: 'http', port, protocol: 'TCP' }]);
}

/** An API server of a test, and the gateways that follow it. */
export interface Cluster {
  readonly api: FakeApiServer;
  /** The network between the gateways and the API server. */
  readonly network: TcpFront;
  /** Starts the built program on the API server and waits until it is ready. It ends with the test. */
  start(options: ClusterGatewayOptions): Promise<RunningGateway>;
  ingress(name: string, namespace?: string): FakeObject | null;
  /** The addresses in the status of an Ingress, `-` for none. */
  statusOf(name: string): string;
  leaseHolder(): string;
  /** `reason object` of each Event so far, in the order they were first written. */
  events(): string[];
}

export interface ClusterGatewayOptions extends Omit<GatewayOptions, 'manifests'> {
  /** `POD_NAME`; a Pod of that name is put into the cluster. Without it neither status nor Events are written. */
  readonly pod?: string;
}

export const gatewayNamespace = 'cloud-native-gateway';
const lease = `${gatewayNamespace}/cloud-native-gateway-leader`;
export const ingresses = 'networking.k8s.io/v1/ingresses';
export const slices = 'discovery.k8s.io/v1/endpointslices';

/** The class that gateways serve by default; with the API as the source an Ingress needs it. */
export const ingressClass = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name: 'nginx' },
  spec: { controller: 'cloud-native-gateway/nginx' },
};

/** A pod of the gateway's Deployment; one that was told to end when so asked. */
export function gatewayPod(name: string, isLeaving = false): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: gatewayNamespace,
      labels: { app: 'gateway' },
      ...(isLeaving && { deletionTimestamp: '2026-01-31T12:00:00Z' }),
    },
    spec: { nodeName: 'node-1' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

/** Starts an API server that has the IngressClass and these objects; it ends with the test. */
export async function openCluster(
  t: Pick<TestContext, 'after'>,
  objects: readonly object[] = [],
): Promise<Cluster> {
  const api = await startFakeApiServer();
  t.after(async () => {
    await api.close();
  });
  const network = await startTcpFront(t, [Number(new URL(api.url).port)]);
  api.put(ingressClass, ...objects);

  async function start({ pod, config, env, ...options }: ClusterGatewayOptions): Promise<RunningGateway> {
    if (pod !== undefined) {
      api.put(gatewayPod(pod));
    }
    return await startGateway(t, {
      ...options,
      manifests: null,
      config: {
        ...config,
        kubernetes: { master_url: `http://127.0.0.1:${network.port}`, ...config?.['kubernetes'] },
      },
      env: { ...(pod !== undefined && { NAMESPACE: gatewayNamespace, POD_NAME: pod }), ...env },
    });
  }

  return {
    api,
    network,
    start,
    ingress: (name, namespace = 'default') => api.objects.get(ingresses, `${namespace}/${name}`),
    statusOf: (name) => addressesOf(api.objects.get(ingresses, `default/${name}`)),
    leaseHolder() {
      const spec = api.objects.get('coordination.k8s.io/v1/leases', lease)?.['spec'];
      return (spec as { holderIdentity?: string } | undefined)?.holderIdentity ?? '';
    },
    events: () =>
      api.objects
        .list('v1/events')
        .map(({ object }) => object)
        .sort((one, other) => createdOf(one) - createdOf(other))
        .map((event) => {
          const { reason, involvedObject } = event as unknown as EventFields;
          return `${reason} ${involvedObject.kind}/${involvedObject.name}`;
        }),
  };
}

interface EventFields {
  readonly reason: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

function createdOf({ metadata }: FakeObject): number {
  return Number(metadata.resourceVersion);
}

function addressesOf(object: FakeObject | null): string {
  const status = object?.['status'] as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
  const addresses = status?.loadBalancer?.ingress ?? [];
  return addresses.map(({ ip, hostname }) => ip ?? hostname ?? '?').join() || '-';
}

/** Ends a gateway as the kernel's out-of-memory killer does; its nginx stays. */
export async function killGateway(gateway: RunningGateway): Promise<void> {
  const exit = new Promise((resolve) => {
    gateway.process.once('exit', resolve);
  });
  gateway.process.kill('SIGKILL');
  await exit;
}

/** The value of a gauge or counter without labels. */
export async function metricOf(gateway: RunningGateway, name: string): Promise<number> {
  const page = await gateway.metrics();
  return Number(new RegExp(`^cloud_native_gateway_${name} (\\S+)$`, 'mu').exec(page)?.[1] ?? Number.NaN);
}

/** The hashes of all generations that were live, newest first. */
export async function generationsOf(gateway: RunningGateway): Promise<string[]> {
  const all = (await gateway.debug('/debug/generations')) as { generation: string }[];
  return all.map(({ generation }) => generation);
}
