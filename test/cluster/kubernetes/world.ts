import type { TestContext } from 'node:test';
import type { Access, AccessProblem, Connection } from '../../../src/cluster/kubernetes/access.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import type { KindStatus } from '../../../src/cluster/kubernetes/kind-status.ts';
import {
  createApiSource,
  type ApiSource,
  type ApiSourceOptions,
} from '../../../src/cluster/kubernetes/source.ts';
import type { Timings } from '../../../src/cluster/kubernetes/timing.ts';
import { createStore, type Store } from '../../../src/cluster/store.ts';
import type { Kind } from '../../../src/model/object-ref.ts';
import {
  startFakeApiServer,
  type FakeApiServer,
  type FakeApiServerOptions,
} from '../../support/fake-api-server.ts';

/** Everything that waits seconds or minutes in earnest waits milliseconds here; deadlines stay far off. */
export const quick: Partial<Timings> = {
  backoffMinMs: 5,
  backoffMaxMs: 50,
  confirmMs: 20,
  forbiddenMs: 40,
  // Long enough that a loaded machine does not fall back to pages, which begins every watch a second time.
  initialEventsMs: 2000,
};

export interface World {
  readonly server: FakeApiServer;
  readonly store: Store;
  readonly source: ApiSource;
  /** `kind: what` of everything that was counted, in order. */
  readonly noted: readonly string[];
  readonly status: (kind: Kind) => KindStatus;
}

export interface WorldOptions {
  readonly server?: FakeApiServerOptions;
  /** Called before the source starts. */
  prepare?(server: FakeApiServer): void;
  readonly source?: Partial<ApiSourceOptions>;
}

/** A fake API server with a source that follows it; both end with the test. */
export async function world(t: Pick<TestContext, 'after'>, options: WorldOptions = {}): Promise<World> {
  const server = await startFakeApiServer(options.server);
  options.prepare?.(server);
  const connection = await connectTo(server.url);
  const store = options.source?.store ?? createStore();
  const noted: string[] = [];
  const source = createApiSource({
    connection,
    store,
    namespace: '',
    namespaceSelectorSet: false,
    references: { prefixes: ['nginx.ingress.kubernetes.io'], secrets: [], configMaps: [] },
    observer: {
      restarted: (kind, reason) => noted.push(`${kind}: restarted ${reason}`),
      drifted: (kind, count) => noted.push(`${kind}: drifted ${count}`),
      skipped: (kind, reason) => noted.push(`${kind}: skipped ${reason}`),
      listed: (kind, count) => noted.push(`${kind}: listed ${count}`),
    },
    ...options.source,
    timings: { ...quick, ...options.source?.timings },
  });
  t.after(async () => {
    await source.stop();
    await server.close();
  });
  return {
    server,
    store,
    source,
    noted,
    status(kind) {
      const found = source.status().find((one) => one.kind === kind);
      if (found === undefined) {
        throw new Error(`${kind} is not followed`);
      }
      return found;
    },
  };
}

/** Access without credentials over plain HTTP. */
export async function connectTo(url: string): Promise<Connection> {
  return sound(await openConnection({ masterUrl: url, podFolder: '/nonexistent' }));
}

export function sound<Value extends object>(value: Value | AccessProblem): Exclude<Value, AccessProblem> {
  if ('problem' in value) {
    throw new Error(value.problem);
  }
  return value as Exclude<Value, AccessProblem>;
}

/** Access that never changes. */
export function fixedConnection(access: Access): Connection {
  return { server: access.server.origin, namespace: '', access: () => Promise.resolve(access) };
}

/** Waits for something to become true, 10 s at most where nothing else is said. */
export async function until(what: string, isTrue: () => boolean, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!isTrue()) {
    if (performance.now() > end) {
      throw new Error(`never came true: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function service(name: string, port = 80, namespace = 'web'): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { ports: [{ port }] },
  };
}

export function ingress(name: string, extra: { secret?: string; annotations?: object } = {}): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'web', ...(extra.annotations && { annotations: extra.annotations }) },
    spec: {
      ingressClassName: 'nginx',
      ...(extra.secret !== undefined && {
        tls: [{ hosts: [`${name}.example.com`], secretName: extra.secret }],
      }),
      rules: [{ host: `${name}.example.com` }],
    },
  };
}

export function secret(name: string, value = 'x', namespace = 'web'): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name, namespace },
    data: { auth: Buffer.from(value).toString('base64') },
  };
}

export function configMap(name: string, data: object, namespace = 'web'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

/** The names of the Services in the store, sorted. */
export function serviceNames(store: Store): string[] {
  return [...store.snapshot().services.keys()].sort();
}
