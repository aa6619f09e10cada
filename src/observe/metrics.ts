import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Hono } from 'hono';
import type { Kind } from '../model/object-ref.ts';
import { verdictStates } from '../model/verdict.ts';
import type { Verdict } from '../model/verdict.ts';
import { watchEventLoop } from './event-loop.ts';
import { createReadOnlyApp } from './http-server-app.ts';
import type { ReportError } from './http-server-app.ts';
import { createIngressNginxMetrics } from './metrics-ingress-nginx.ts';
import { reloadReasons, results, testResults, workerRestartReasons } from './metrics-labels.ts';
import { registerOutputs } from './metrics-outputs.ts';
import { refuseProxied } from './proxied.ts';
import type {
  BuildIdentity,
  Orphan,
  ReloadReason,
  Result,
  TestResult,
  WorkerRestartReason,
} from './metrics-labels.ts';
import { stages } from './view.ts';
import type { OutputsView, Stage } from './view.ts';

const prefix = 'cloud_native_gateway_';

/** Seconds: from the lint of a small text to the test of 10,000 certificates on a slow machine. */
const stageBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Seconds by which the event loop is late: 1 ms is the timer's own grain, 5 s fails a probe. */
const delayBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * The controller's own figures. Every label has a fixed set of values, except the orphans, which are bounded by
 * number. Durations are seconds; `since` is a `performance.now()`, in milliseconds.
 */
export interface Metrics {
  observeStage(stage: Stage, seconds: number, result: Result): void;
  nginxTest(result: TestResult): void;
  /** One reload (or first start) of nginx, `success` only when it was verified. */
  reload(reason: ReloadReason, result: Result): void;
  /** A generation is verifiably served. `at` is in milliseconds since the epoch. */
  live(generation: { readonly number: number; readonly generation: string; readonly at: number }): void;
  /**
   * How a pass ended, whether or not it needed a reload: once per pass, after its `reload` and `live`. A pass that
   * quarantines somebody and brings the rest is a success.
   */
  attempt(result: Result): void;
  verdicts(verdicts: readonly Verdict[]): void;
  quarantined(count: number): void;
  orphans(orphans: readonly Orphan[]): void;
  workerRestart(reason: WorkerRestartReason): void;
  /** Since when a change waits to be served; null when none does. */
  changePending(since: number | null): void;
  /** Since when the view of the cluster cannot be trusted to be current; null when it can. */
  sourceStale(since: number | null): void;
  /** Bytes of this kind have come from the API server. */
  sourceContact(kind: Kind): void;
  /** A list or watch of this kind was begun again. */
  sourceRestart(kind: Kind, reason: string): void;
  /** From now on the page has whether this gateway is ready. */
  readiness(isReady: () => boolean): void;
  /** From now on the page has what goes back to the cluster; `lease` is the name of the Lease. */
  outputs(lease: string, read: () => OutputsView): void;
  /** Registers further metrics, with what fetches their figures before each page; that must not reject. */
  extend(register: (registry: Registry, identity: BuildIdentity) => () => Promise<void>): void;
  /** The page, and the content type it must be sent with. Simultaneous calls share one collection. */
  page(): Promise<string>;
  readonly contentType: string;
  /** Stops the sampling of the event loop. */
  stop(): void;
}

/** Every series whose labels are known stands on the first page, with 0: a rate needs its first zero. */
export function createMetrics(identity: BuildIdentity): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const ingressNginx = createIngressNginxMetrics(registry, identity);

  new Gauge({
    name: `${prefix}build_info`,
    help: 'Always 1; the labels say which build runs.',
    labelNames: ['version', 'revision', 'node'],
    registers,
  }).set({ version: identity.version, revision: identity.revision, node: process.version }, 1);
  const stageDuration = new Histogram({
    name: `${prefix}stage_duration_seconds`,
    help: 'How long each stage of a pass took.',
    labelNames: ['stage', 'result'],
    buckets: stageBuckets,
    registers,
  });
  const tests = new Counter({
    name: `${prefix}nginx_tests_total`,
    help: 'Configurations given to nginx -t; no-verdict: nginx could not be asked.',
    labelNames: ['result'],
    registers,
  });
  const reloads = new Counter({
    name: `${prefix}reloads_total`,
    help: 'Reloads of nginx; success: the new generation was verified to answer.',
    labelNames: ['reason', 'result'],
    registers,
  });
  const workerRestarts = new Counter({
    name: `${prefix}worker_restarts_total`,
    help: 'Times the thread that translates and renders was replaced.',
    labelNames: ['reason'],
    registers,
  });
  const generation = new Gauge({
    name: `${prefix}generation`,
    help: 'Number of the generation that nginx serves, counted in this process; 0 before the first.',
    registers,
  });
  const lastSuccess = new Gauge({
    name: `${prefix}last_success_timestamp_seconds`,
    help: 'When a generation was last verified to be served, in Unix time; 0 before the first.',
    registers,
  });
  const lastAttempt = new Gauge({
    name: `${prefix}last_attempt_successful`,
    help: 'Whether the last pass brought all it was to bring: 1 or 0.',
    registers,
  });
  const quarantined = new Gauge({
    name: `${prefix}quarantined_objects`,
    help: 'Objects kept out of the live configuration because nginx or the lint refused them.',
    registers,
  });
  const byState = new Gauge({
    name: 'ingress_objects',
    help: 'Objects by what became of them; the sum is the number of objects.',
    labelNames: ['state'],
    registers,
  });
  const byKind = new Gauge({
    name: `${prefix}objects`,
    help: 'Objects by kind and by what became of them.',
    labelNames: ['kind', 'state'],
    registers,
  });
  const loopDelay = new Histogram({
    name: `${prefix}event_loop_delay_seconds`,
    help: 'By how much the main thread was late, sampled ten times a second.',
    buckets: delayBuckets,
    registers,
  });
  const pending = createWaitGauge(registry, 'change_pending', 'a change has been waiting to be served');
  const stale = createWaitGauge(registry, 'source_stale', 'the view of the cluster has not been current');

  const contacts = new Map<Kind, number>();
  const silence = new Gauge({
    name: `${prefix}source_silence_seconds`,
    help: 'For how long the API server has said nothing about a kind.',
    labelNames: ['kind'],
    registers,
    collect: () => {
      for (const [kind, at] of contacts) {
        silence.set({ kind }, (performance.now() - at) / 1000);
      }
    },
  });
  const sourceRestarts = new Counter({
    name: `${prefix}source_restarts_total`,
    help: 'Times that a list or watch of a kind was begun again, by reason.',
    labelNames: ['kind', 'reason'],
    registers,
  });

  for (const stage of stages) {
    stageDuration.zero({ stage, result: 'success' });
  }
  testResults.forEach((result) => tests.inc({ result }, 0));
  for (const reason of reloadReasons) {
    results.forEach((result) => reloads.inc({ reason, result }, 0));
  }
  workerRestartReasons.forEach((reason) => workerRestarts.inc({ reason }, 0));
  verdictStates.forEach((state) => byState.set({ state }, 0));
  const stopWatching = watchEventLoop((seconds) => loopDelay.observe(seconds));
  let collecting: Promise<string> | null = null;
  const refreshers: (() => Promise<void>)[] = [];

  async function collect(): Promise<string> {
    await Promise.all(refreshers.map((refresh) => refresh()));
    return await registry.metrics();
  }

  return {
    observeStage: (stage, seconds, result) => stageDuration.observe({ stage, result }, seconds),
    nginxTest: (result) => tests.inc({ result }),
    reload: (reason, result) => {
      reloads.inc({ reason, result });
      if (result === 'success') {
        ingressNginx.reloaded();
      }
    },
    live: (now) => {
      generation.set(now.number);
      lastSuccess.set(now.at / 1000);
      ingressNginx.live(now.generation, now.at / 1000);
    },
    attempt: (result) => {
      lastAttempt.set(result === 'success' ? 1 : 0);
      ingressNginx.attempt(result);
    },
    verdicts: (verdicts) => countVerdicts(verdicts, byState, byKind),
    quarantined: (count) => quarantined.set(count),
    orphans: (orphans) => ingressNginx.orphans(orphans),
    workerRestart: (reason) => workerRestarts.inc({ reason }),
    changePending: (since) => pending(since),
    sourceStale: (since) => stale(since),
    sourceContact: (kind) => contacts.set(kind, performance.now()),
    sourceRestart: (kind, reason) => sourceRestarts.inc({ kind, reason }),
    readiness: (isReady) => {
      const ready: Gauge = new Gauge({
        name: `${prefix}ready`,
        help: 'Whether `/ready` says yes: 1 or 0.',
        registers,
        collect: () => ready.set(Number(isReady())),
      });
    },
    outputs: (lease, read) => registerOutputs(registry, identity, lease, read),
    extend: (register) => {
      refreshers.push(register(registry, identity));
    },
    page: () => {
      collecting ??= collect().finally(() => {
        collecting = null;
      });
      return collecting;
    },
    contentType: registry.contentType,
    stop: stopWatching,
  };
}

/** A gauge of the seconds since a moment that is computed when it is read; returns what sets the moment. */
function createWaitGauge(registry: Registry, name: string, what: string): (since: number | null) => void {
  let waitingSince: number | null = null;
  const gauge = new Gauge({
    name: `${prefix}${name}_seconds`,
    help: `For how long ${what}; 0 when this is not so.`,
    registers: [registry],
    collect: () => {
      gauge.set(waitingSince === null ? 0 : Math.max(0, performance.now() - waitingSince) / 1000);
    },
  });
  return (since) => {
    waitingSince = since;
  };
}

function countVerdicts(
  verdicts: readonly Verdict[],
  byState: Gauge<'state'>,
  byKind: Gauge<'kind' | 'state'>,
): void {
  const perState = new Map<Verdict['state'], number>(verdictStates.map((state) => [state, 0]));
  const perKind = new Map<Kind, Map<Verdict['state'], number>>();
  for (const { kind, state } of verdicts) {
    perState.set(state, (perState.get(state) ?? 0) + 1);
    const counts = perKind.get(kind) ?? new Map<Verdict['state'], number>();
    perKind.set(kind, counts.set(state, (counts.get(state) ?? 0) + 1));
  }
  perState.forEach((count, state) => byState.set({ state }, count));
  // A kind that has lost its last object loses its series; one that has any shows every state.
  byKind.reset();
  for (const [kind, counts] of perKind) {
    verdictStates.forEach((state) => byKind.set({ kind, state }, counts.get(state) ?? 0));
  }
}

/** `/metrics` in the Prometheus text format; for who asks directly, not through an Ingress. */
export function createMetricsApp(metrics: Pick<Metrics, 'page' | 'contentType'>, report: ReportError): Hono {
  return createReadOnlyApp(
    {
      '/metrics': async (context) =>
        context.body(await metrics.page(), 200, { 'Content-Type': metrics.contentType }),
    },
    report,
    refuseProxied,
  );
}
