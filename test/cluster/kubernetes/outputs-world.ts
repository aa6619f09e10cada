import type { TestContext } from 'node:test';
import { createApiClient, type ApiClient } from '../../../src/cluster/kubernetes/api-client.ts';
import type { Connection } from '../../../src/cluster/kubernetes/access.ts';
import type { Clock } from '../../../src/cluster/kubernetes/clock.ts';
import type { ApiLog } from '../../../src/cluster/kubernetes/kind-status.ts';
import { pause } from '../../../src/cluster/kubernetes/timing.ts';
import { ingest } from '../../../src/cluster/ingest.ts';
import type { ClusterObject } from '../../../src/cluster/objects.ts';
import { createStore, type Store } from '../../../src/cluster/store.ts';
import {
  createClusterOutputs,
  type ClusterOutputs,
  type ClusterOutputsOptions,
  type OutputKeys,
} from '../../../src/commands/cluster-outputs.ts';
import type { Verdict, VerdictState } from '../../../src/model/verdict.ts';
import { at, textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import {
  startFakeApiServer,
  type FakeApiServer,
  type FakeObject,
  type SeenRequest,
} from '../../support/fake-api-server.ts';
import { connectTo, until } from './world.ts';

/** Real time, made quicker: what lasts half a minute in a cluster takes milliseconds here. */
export function quickClock(factor: number): Clock {
  return {
    now: () => performance.now() * factor,
    pause: (ms, signal) => pause(ms / factor, signal),
  };
}

/** Time that stands still until the test moves it; pauses are real, and short. */
export interface HandClock extends Clock {
  advance(ms: number): void;
}

export function handClock(): HandClock {
  let now = 1_000_000;
  return {
    now: () => now,
    pause: (ms, signal) => pause(ms / 100, signal),
    advance(ms) {
      now += ms;
    },
  };
}

/** A client that can be cut off from the server, as by a network that fails for one replica alone. */
export interface Wire {
  readonly client: ApiClient;
  isCut: boolean;
}

export async function wireTo(t: Pick<TestContext, 'after'>, connection: Connection): Promise<Wire> {
  const inner = createApiClient(connection);
  t.after(() => inner.close());
  const wire: Wire = {
    isCut: false,
    client: {
      ...inner,
      send: (request) =>
        wire.isCut
          ? Promise.resolve({ kind: 'failure', reason: 'cut off by the test', isStale: false })
          : inner.send(request),
    },
  };
  return wire;
}

export interface Noted {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface NotingLog extends ApiLog {
  readonly lines: readonly Noted[];
  count(level: string): number;
}

export function notingLog(): NotingLog {
  const lines: Noted[] = [];
  function noteAs(level: string): (message: string, fields: object) => void {
    return (message, fields) => {
      lines.push({ level, message, fields: { ...fields } });
    };
  }
  return {
    lines,
    count: (level) => lines.filter((line) => line.level === level).length,
    debug: noteAs('debug'),
    info: noteAs('info'),
    warn: noteAs('warn'),
    error: noteAs('error'),
  };
}

export const outputKeys: OutputKeys = {
  namespace: '',
  publishService: '',
  publishStatusAddress: ['192.0.2.1'],
  reportNodeInternalIpAddress: false,
  updateStatus: true,
  updateStatusOnShutdown: false,
  statusUpdateIntervalSeconds: 60,
  disableLeaderElection: false,
  electionId: 'gateway-leader',
  electionTtlSeconds: 30,
  disableSyncEvents: false,
};

/** A fake API server, and a store that has what the server has. */
export interface OutputsWorld {
  readonly server: FakeApiServer;
  readonly connection: Connection;
  readonly store: Store;
  /** Creates or replaces objects, on the server and in the store. */
  put(...objects: readonly object[]): void;
  remove(collection: string, key: string): void;
}

export async function outputsWorld(t: Pick<TestContext, 'after'>): Promise<OutputsWorld> {
  const server = await startFakeApiServer();
  const store = createStore();
  t.after(() => server.close());
  return {
    server,
    connection: await connectTo(server.url),
    store,
    put(...objects) {
      const set: ClusterObject[] = [];
      for (const object of objects) {
        const { object: trimmed } = ingest(server.objects.put(object));
        if (trimmed !== null) {
          set.push(trimmed);
        }
      }
      store.apply({ set, deleted: [] });
    },
    remove(collection, key) {
      server.remove(collection, key);
      const [namespace = '', name = ''] = key.split('/');
      store.apply({ set: [], deleted: [{ kind: 'Ingress', namespace, name }] });
    },
  };
}

export interface Replica {
  readonly outputs: ClusterOutputs;
  readonly wire: Wire;
  readonly log: NotingLog;
}

/** One replica of the gateway, as far as it writes to the cluster. It is stopped with the test. */
export async function replica(
  t: Pick<TestContext, 'after'>,
  { connection, store }: Pick<OutputsWorld, 'connection' | 'store'>,
  options: Partial<Omit<ClusterOutputsOptions, 'config'>> & {
    readonly name: string;
    readonly config?: Partial<OutputKeys>;
  },
): Promise<Replica> {
  const wire = await wireTo(t, connection);
  const log = notingLog();
  const outputs = createClusterOutputs({
    client: wire.client,
    identity: { namespace: 'gateway', podName: options.name },
    store,
    memoryPath: null,
    log,
    clock: quickClock(100),
    ...options,
    config: { ...outputKeys, ...options.config },
  });
  t.after(() => outputs.stop());
  return { outputs, wire, log };
}

/** An Ingress in the namespace `web`, without a status. */
export function plainIngress(name: string, extra: object = {}): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'web' },
    spec: { rules: [{ host: `${name}.example.com` }] },
    ...extra,
  };
}

export function verdict(name: string, state: VerdictState, message = 'because of the test'): Verdict {
  const reasons = state === 'served' ? [] : [{ field: 'spec', message }];
  return { kind: 'Ingress', namespace: 'web', name, state, reasons };
}

/** A Lease as another replica left it, renewed at a time that says nothing. */
export function lease(holder: string, renewTime: string, leaseDurationSeconds = 30): object {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'gateway-leader', namespace: 'gateway', labels: { team: 'edge' } },
    spec: { holderIdentity: holder, leaseDurationSeconds, renewTime, leaseTransitions: 4 },
  };
}

export function leaseOf(server: FakeApiServer): FakeObject | null {
  return server.objects.get('coordination.k8s.io/v1/leases', 'gateway/gateway-leader');
}

/** The IP addresses and host names in the status of an Ingress of the namespace `web`. */
export function statusOf(server: FakeApiServer, name: string): string[] {
  const object = server.objects.get('networking.k8s.io/v1/ingresses', `web/${name}`);
  const entries = at(object, 'status', 'loadBalancer', 'ingress');
  return Array.isArray(entries)
    ? entries.map((entry) => String(at(entry, 'ip') ?? at(entry, 'hostname')))
    : [];
}

/** The requests that wrote the status of Ingresses. */
export function statusWrites(server: FakeApiServer): SeenRequest[] {
  return server.requests.filter(({ verb, subresource }) => verb === 'patch' && subresource === 'status');
}

/** All Events there are. */
export function eventsOf(server: FakeApiServer): FakeObject[] {
  return server.objects.list('v1/events').map(({ object }) => object);
}

/** The requests that wrote Events, successfully or not. */
export function eventWrites(server: FakeApiServer): SeenRequest[] {
  return server.requests.filter(
    ({ plural, verb }) => plural === 'events' && (verb === 'create' || verb === 'patch'),
  );
}

/** The Service of `kubernetes.publish_service`, a load balancer with these addresses. */
export function publishService(...ips: readonly string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'gateway', namespace: 'gateway' },
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  };
}

/** A ready pod of the gateway. */
export function ownPod(name: string, extra: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'gateway', labels: { app: 'gateway' }, ...extra },
    spec: { nodeName: 'node' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

/** The status of an Ingress with these addresses. */
export function withStatus(...ips: readonly string[]): object {
  return { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } };
}

/** How often the status of an Ingress of the namespace `web` was written. */
export function writesOf({ server }: OutputsWorld, name: string): number {
  return statusWrites(server).filter((request) => request.name === name).length;
}

/** `type reason object message ×count`, sorted. */
export function told({ server }: OutputsWorld): string[] {
  return eventsOf(server).map(shown).sort();
}

function shown(event: FakeObject): string {
  const name = textAt(event, 'involvedObject', 'name');
  return `${textAt(event, 'type')} ${textAt(event, 'reason')} ${name} ${textAt(event, 'message')} ×${String(event['count'])}`;
}

/** Waits until everything that was seen has been told or settled. */
export async function settled({ outputs }: Replica): Promise<void> {
  await until('settled', () => {
    const { leader, events } = outputs.state();
    return leader?.isLeader !== false && events?.waiting === 0;
  });
  // The look at verdicts that have just come is due at the next turn of the loop.
  await new Promise((resolve) => setTimeout(resolve, 30));
  await until('settled', () => outputs.state().events?.waiting === 0);
}

/** Starts a replica and waits until it leads. */
export async function leading(one: Replica): Promise<void> {
  one.outputs.start();
  await until('leads', () => one.outputs.state().leader?.isLeader === true);
}

/** Verdicts that were there before are no news; what comes after them is. */
export async function seen(one: Replica, verdicts: readonly Verdict[]): Promise<void> {
  one.outputs.verdictsChanged(verdicts);
  await settled(one);
}
