/**
 * First sync of 10,000 Ingresses with their Services and slices from a fake API server in a process of its own, and
 * what a quiet hour asks of the server. `node bench/api-sync.ts [count]`
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openConnection } from '../src/cluster/kubernetes/connection.ts';
import { createApiSource } from '../src/cluster/kubernetes/source.ts';
import { defaultTimings, type Timings } from '../src/cluster/kubernetes/timing.ts';
import { createStore } from '../src/cluster/store.ts';
import { startFakeApiServer } from '../test/support/fake-api-server.ts';

/** What one process of the benchmark is to do. */
interface Task {
  readonly role: 'serve' | 'sync' | 'quiet';
  readonly count: number;
  readonly watchList: 'supported' | 'rejected';
  readonly bookmarkEveryMs: number | null;
  readonly url: string;
}

interface ServerFigures {
  readonly requests: number;
  readonly lists: number;
  readonly watches: number;
  readonly connections: number;
}

interface SyncFigures {
  readonly wallMs: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  readonly rssBeforeMb: number;
  readonly rssAfterMb: number;
  /** Live after garbage collection, less what was live before. */
  readonly heapMb: number;
  readonly objects: number;
}

const mega = 1024 * 1024;
/** The hour is lived through this many times faster: every time constant is divided by it. */
const speed = 100;

const own = process.env['CNG_BENCH_TASK'];
if (own === undefined) {
  await compare(Number(process.argv[2] ?? '10000'));
} else {
  await perform(JSON.parse(own) as Task);
}

async function compare(count: number): Promise<void> {
  console.log(`${count} Ingresses, Services and EndpointSlices, ${count} Secrets that nothing refers to\n`);
  console.log('| first sync | wall | loop delay p99 | loop delay max | RSS before | RSS after | live heap |');
  console.log('|---|---|---|---|---|---|---|');
  for (const watchList of ['supported', 'rejected'] as const) {
    const task: Task = { role: 'sync', count, watchList, bookmarkEveryMs: null, url: '' };
    const { result } = await against(task);
    const name = watchList === 'supported' ? 'streamed list' : 'pages of 500';
    const { wallMs, delayP99Ms, delayMaxMs, rssBeforeMb, rssAfterMb, heapMb, objects } = result;
    if (objects !== count * 3) {
      throw new Error(`${objects} objects in the store; ${count * 3} were served`);
    }
    console.log(
      `| ${name} | ${wallMs.toFixed(0)} ms | ${delayP99Ms.toFixed(1)} ms | ${delayMaxMs.toFixed(1)} ms | ${rssBeforeMb.toFixed(0)} MB | ${rssAfterMb.toFixed(0)} MB | +${heapMb.toFixed(0)} MB |`,
    );
  }
  console.log(`\nA quiet hour, lived through ${speed} times faster:\n`);
  console.log('| | requests | lists | watches | connections |');
  console.log('|---|---|---|---|---|');
  for (const bookmarkEveryMs of [60_000 / speed, null]) {
    const task: Task = { role: 'quiet', count: 10, watchList: 'supported', bookmarkEveryMs, url: '' };
    const { figures } = await against(task);
    const name = bookmarkEveryMs === null ? 'no bookmarks' : 'a bookmark a minute';
    console.log(
      `| ${name} | ${figures.requests} | ${figures.lists} | ${figures.watches} | ${figures.connections} |`,
    );
  }
}

/** Runs a task against a server of its own. @returns what it reports, and what the server was asked */
async function against(task: Task): Promise<{ result: SyncFigures; figures: ServerFigures }> {
  const server = start({ ...task, role: 'serve' });
  const url = await nextMessage<string>(server);
  const worker = start({ ...task, url });
  const result = await nextMessage<SyncFigures>(worker);
  await once(worker, 'exit');
  server.send('figures');
  const figures = await nextMessage<ServerFigures>(server);
  server.kill();
  return { result, figures };
}

function start(task: Task): ChildProcess {
  return fork(import.meta.filename, { env: { ...process.env, CNG_BENCH_TASK: JSON.stringify(task) } });
}

async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the benchmark ended with ${String(code)}`);
  });
  // When the child ends later, nobody waits for it here any more.
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [Message];
  return message;
}

async function perform(task: Task): Promise<void> {
  if (task.role === 'serve') {
    await serve(task);
  } else if (task.role === 'sync') {
    process.send?.(await sync(task.url));
    process.disconnect();
  } else {
    await liveQuietly(task.url);
    process.send?.({});
    process.disconnect();
  }
}

async function serve({ count, watchList, bookmarkEveryMs }: Task): Promise<void> {
  const server = await startFakeApiServer({ behaviour: { watchList, bookmarkEveryMs } });
  for (let at = 0; at < count; at += 1) {
    server.put(...objectsOf(at));
  }
  process.on('message', () => {
    process.send?.({
      requests: server.requests.length,
      lists: server.count({ verb: 'list' }),
      watches: server.count({ verb: 'watch' }),
      connections: server.connections.total,
    } satisfies ServerFigures);
  });
  process.send?.(server.url);
}

/** Everything of one host, with the baggage that real objects carry. */
function objectsOf(at: number): object[] {
  const namespace = `team-${at % 50}`;
  const metadata = {
    name: `app-${at}`,
    namespace,
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(600) },
    managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': 'x'.repeat(600) } }],
  };
  return [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata,
      spec: {
        ingressClassName: 'nginx',
        rules: [
          {
            host: `app-${at}.example.com`,
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name: `app-${at}`, port: { number: 80 } } },
                },
              ],
            },
          },
        ],
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { clusterIPs: ['10.96.0.1'], ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': `app-${at}` } },
      addressType: 'IPv4',
      endpoints: Array.from({ length: 5 }, (_, pod) => ({
        addresses: [`10.${pod}.${Math.floor(at / 250)}.${at % 250}`],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: 'Pod', name: `app-${at}-${pod}`, namespace },
      })),
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
    { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data: { blob: 'eHh4'.repeat(500) } },
  ];
}

async function sync(url: string): Promise<SyncFigures> {
  const store = createStore();
  const source = await sourceOf(url, store);
  const heapBefore = liveHeap();
  const rssBeforeMb = process.memoryUsage.rss() / mega;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begin = performance.now();
  await source.start();
  const wallMs = performance.now() - begin;
  delay.disable();
  const rssAfterMb = process.memoryUsage.rss() / mega;
  const { ingresses, services, endpointSlices } = store.snapshot();
  const heapMb = (liveHeap() - heapBefore) / mega;
  await source.stop();
  return {
    wallMs,
    // The histogram counts the resolution itself as delay.
    delayP99Ms: delay.percentile(99) / 1e6 - 1,
    delayMaxMs: delay.max / 1e6 - 1,
    rssBeforeMb,
    rssAfterMb,
    heapMb,
    objects: ingresses.length + services.size + endpointSlices.size,
  };
}

/** Bytes that are live after a garbage collection. */
function liveHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

async function liveQuietly(url: string): Promise<void> {
  const scaled: Partial<Timings> = {
    watchIdleMs: defaultTimings.watchIdleMs / speed,
    watchLifeMs: [defaultTimings.watchLifeMs[0] / speed, defaultTimings.watchLifeMs[1] / speed],
    steadyMs: defaultTimings.steadyMs / speed,
    relistMs: defaultTimings.relistMs / speed,
  };
  const source = await sourceOf(url, createStore(), scaled);
  await source.start();
  await new Promise((resolve) => setTimeout(resolve, 3_600_000 / speed));
  await source.stop();
}

async function sourceOf(
  url: string,
  store: ReturnType<typeof createStore>,
  timings: Partial<Timings> = {},
): Promise<ReturnType<typeof createApiSource>> {
  const connection = await openConnection({ masterUrl: url, podFolder: '/nonexistent' });
  if ('problem' in connection) {
    throw new Error(connection.problem);
  }
  return createApiSource({
    connection,
    store,
    namespace: '',
    namespaceSelectorSet: false,
    references: { prefixes: ['nginx.ingress.kubernetes.io'], secrets: [], configMaps: [] },
    timings,
  });
}
