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
  readonly role: 'serve' | 'sync' | 'turns' | 'quiet';
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

/** Of each sort; one is shown. */
const runs = 3;

/** Of the image's ENTRYPOINT. */
const imageFlags = ['--max-semi-space-size=4'];

const own = process.env['CNG_BENCH_TASK'];
if (own !== undefined) {
  await perform(JSON.parse(own) as Task);
} else if (import.meta.main) {
  console.log(await measureFirstSync(Number(process.argv[2] ?? '10000')));
}

/** The figures as tables of Markdown. */
export async function measureFirstSync(count: number): Promise<string> {
  const lines = [
    `| ${count} Ingresses, Services and EndpointSlices, ${count} Secrets that nothing refers to | wall, ms | loop delay p99, ms | loop delay max, ms | turn p99, ms of CPU | turn max, ms of CPU | RSS before, MB | RSS after, MB | live heap, MB |`,
    '|---|---|---|---|---|---|---|---|---|',
  ];
  for (const watchList of ['supported', 'rejected'] as const) {
    for (const flags of [imageFlags, []]) {
      const task: Task = { role: 'sync', count, watchList, bookmarkEveryMs: null, url: '' };
      const results: SyncFigures[] = [];
      for (let run = 0; run < runs; run += 1) {
        const { result } = await against(task, flags);
        if (result.objects !== count * 3) {
          throw new Error(`${result.objects} objects in the store; ${count * 3} were served`);
        }
        results.push(result);
      }
      const { result: turns } = await against({ ...task, role: 'turns' }, flags);
      const { wallMs, delayP99Ms, delayMaxMs, rssBeforeMb, rssAfterMb, heapMb } = leastDisturbed(results);
      const name = `${watchList === 'supported' ? 'streamed list' : 'pages of 500'}, ${flags.join(' ') || 'Node as it is'}`;
      const { delayP99Ms: turnP99Ms, delayMaxMs: turnMaxMs } = turns;
      const figures = [wallMs, delayP99Ms, delayMaxMs, turnP99Ms, turnMaxMs, rssBeforeMb, rssAfterMb].map(
        (one) => one.toFixed(0),
      );
      lines.push(`| ${name} | ${figures.join(' | ')} | +${heapMb.toFixed(0)} |`);
    }
  }
  lines.push('', `A quiet hour of 6 kinds, lived through ${speed} times faster:`, '');
  lines.push(
    '| | requests | lists of one object, for the version | watches | connections |',
    '|---|---|---|---|---|',
  );
  for (const bookmarkEveryMs of [60_000 / speed, null]) {
    const task: Task = { role: 'quiet', count: 10, watchList: 'supported', bookmarkEveryMs, url: '' };
    const { figures } = await against(task, imageFlags);
    const name = bookmarkEveryMs === null ? 'no bookmarks' : 'a bookmark a minute';
    lines.push(
      `| ${name} | ${figures.requests} | ${figures.lists} | ${figures.watches} | ${figures.connections} |`,
    );
  }
  return lines.join('\n');
}

/** Delays are what others do to this machine as well: the run that was shortest tells most of ours. */
function leastDisturbed(results: readonly SyncFigures[]): SyncFigures {
  return results.reduce((best, one) => (one.wallMs < best.wallMs ? one : best));
}

/** Runs a task against a server of its own. @returns what it reports, and what the server was asked */
async function against(
  task: Task,
  flags: readonly string[],
): Promise<{ result: SyncFigures; figures: ServerFigures }> {
  const server = start({ ...task, role: 'serve' }, []);
  const url = await nextMessage<string>(server);
  const worker = start({ ...task, url }, flags);
  const result = await nextMessage<SyncFigures>(worker);
  await once(worker, 'exit');
  server.send('figures');
  const figures = await nextMessage<ServerFigures>(server);
  server.kill();
  return { result, figures };
}

function start(task: Task, flags: readonly string[]): ChildProcess {
  const env = { ...process.env, CNG_BENCH_TASK: JSON.stringify(task) };
  return fork(import.meta.filename, { env, execArgv: [...flags] });
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
  } else if (task.role === 'sync' || task.role === 'turns') {
    process.send?.(await (task.role === 'sync' ? sync(task.url) : countTurns(task.url)));
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

/**
 * How long the turns of the event loop are that do anything, in time of the main thread's CPU: what else this machine
 * does is not in it. Takes the form of `sync`, with turns for delays.
 */
async function countTurns(url: string): Promise<SyncFigures> {
  const store = createStore();
  const source = await sourceOf(url, store);
  const turns: number[] = [];
  const state = { isOver: false, last: threadCpuMs() };
  function turn(): void {
    const now = threadCpuMs();
    if (now - state.last > 0.5) {
      turns.push(now - state.last);
    }
    state.last = now;
    if (!state.isOver) {
      setImmediate(turn);
    }
  }
  turn();
  await source.start();
  state.isOver = true;
  await source.stop();
  turns.sort((one, other) => one - other);
  return {
    wallMs: 0,
    delayP99Ms: turns[Math.floor(turns.length * 0.99)] ?? 0,
    delayMaxMs: turns.at(-1) ?? 0,
    rssBeforeMb: 0,
    rssAfterMb: 0,
    heapMb: 0,
    objects: 0,
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
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
