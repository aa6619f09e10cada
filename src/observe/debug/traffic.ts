import type { Context } from 'hono';
import { readQuery } from '../debug-query.ts';
import { isRefusal, type Refusal } from '../http-server-app.ts';
import type { DurationSummary, TrafficFilter, TrafficHistory, TrafficTotals } from '../traffic-view.ts';
import type { ControllerView } from '../view.ts';
import { chartOf, type Chart, type ChartSeries } from './chart.ts';
import type { DebugTools } from './tools.ts';
import { bytesWords, countWords, durationWords, percentWords, rateWords } from './words.ts';

const hourMs = 3_600_000;
/** Shortly after a start a chart is not an hour wide: there would be a line at its edge. */
const leastMs = 600_000;

/** What pages say about traffic. */
export interface TrafficBlock {
  readonly charts: readonly Chart[];
  /** Why there is no chart; null where there are charts. */
  readonly nothing: string | null;
  readonly totals: TotalsBlock | null;
}

interface TotalsBlock {
  readonly requests: string;
  readonly errors: string;
  readonly mean: string;
  readonly p99: string;
  readonly sent: string;
  readonly routes: readonly {
    readonly host: string;
    readonly endpoint: string;
    readonly service: string;
    readonly canary: string;
    readonly requests: string;
    readonly errors: string;
    readonly p50: string;
    readonly p99: string;
    readonly sent: string;
  }[];
}

/** What is known of the traffic, both null where it is not measured or whoever measures it is gone. */
export interface TrafficFacts {
  readonly history: TrafficHistory | null;
  readonly totals: TrafficTotals | null;
  /** Why both are null, in words; null where they are not. */
  readonly trouble: string | null;
}

/** Asks for all that is known. Never rejects: a page without charts is better than none. */
export async function trafficFacts(view: ControllerView, filter?: TrafficFilter): Promise<TrafficFacts> {
  const traffic = view.traffic();
  if (traffic === null) {
    return { history: null, totals: null, trouble: 'Traffic is not measured here.' };
  }
  try {
    const [history, totals] = await Promise.all([traffic.history(filter), traffic.totals(filter)]);
    return { history, totals, trouble: null };
  } catch {
    // Its owner logs why it went.
    const trouble = 'Whoever reads the traffic log does not answer; the log says why.';
    return { history: null, totals: null, trouble };
  }
}

/** What `/debug/traffic` says: the last hour and all that was counted, of everything, a namespace or one Ingress. */
export async function showTraffic(context: Context, { view, json }: DebugTools): Promise<Response | Refusal> {
  const query = readQuery(context, ['namespace', 'ingress']);
  if (isRefusal(query)) {
    return query;
  }
  const namespace = query.get('namespace');
  const ingress = query.get('ingress');
  if (namespace === undefined && ingress !== undefined) {
    return { refused: 400, message: 'ingress: an Ingress is named together with its namespace' };
  }
  const filter =
    namespace === undefined ? undefined : { namespace, ...(ingress !== undefined && { ingress }) };
  return json(context, await trafficFacts(view, filter));
}

/** Charts and totals in words. `now` in milliseconds since the epoch. */
export function trafficBlock({ history, totals, trouble }: TrafficFacts, now: number): TrafficBlock {
  const charts = history === null ? [] : chartsOf(history, now);
  const nothing = charts.length > 0 ? null : (trouble ?? 'No request in the last hour.');
  return { charts, nothing, totals: totals === null || totals.requests === 0 ? null : totalsBlock(totals) };
}

function chartsOf({ bucketMs, buckets }: TrafficHistory, now: number): Chart[] {
  // The last one is still being filled: its rate would always seem to fall.
  const whole = buckets.slice(0, -1);
  if (whole.every(({ requests }) => requests === 0)) {
    return [];
  }
  const times = whole.map(({ at }) => at + bucketMs);
  const [first = now] = times;
  const span = { times, from: Math.max(now - hourMs, Math.min(first, now - leastMs)), to: now };
  const seconds = bucketMs / 1000;
  function quantile(name: 'p50' | 'p95' | 'p99', colour: ChartSeries['colour']): ChartSeries {
    return { name, colour, values: whole.map(({ duration }) => duration?.[name] ?? null) };
  }
  return [
    chartOf({
      ...span,
      id: 'rate',
      title: 'Requests',
      series: [{ name: 'all', colour: 0, values: whole.map(({ requests }) => requests / seconds) }],
      words: rateWords,
    }),
    chartOf({
      ...span,
      id: 'errors',
      title: 'Errors',
      series: [
        { name: '5xx', colour: 2, values: whole.map(({ byClass }) => byClass['5xx'] / seconds) },
        { name: '4xx', colour: 1, values: whole.map(({ byClass }) => byClass['4xx'] / seconds) },
      ],
      words: rateWords,
    }),
    chartOf({
      ...span,
      id: 'latency',
      title: 'Latency',
      series: [quantile('p50', 0), quantile('p95', 1), quantile('p99', 2)],
      words: durationWords,
    }),
  ];
}

function totalsBlock(totals: TrafficTotals): TotalsBlock {
  return {
    requests: countWords(totals.requests),
    errors: errorWords(totals),
    mean: quantileWords(totals.duration, 'mean'),
    p99: quantileWords(totals.duration, 'p99'),
    sent: bytesWords(totals.responseBytes),
    routes: totals.routes.map((route) => ({
      host: route.host,
      endpoint: route.endpoint,
      service: route.service,
      canary: route.canary,
      requests: countWords(route.requests),
      errors: errorWords(route),
      p50: quantileWords(route.duration, 'p50'),
      p99: quantileWords(route.duration, 'p99'),
      sent: bytesWords(route.responseBytes),
    })),
  };
}

function errorWords({ requests, byClass }: Pick<TrafficTotals, 'requests' | 'byClass'>): string {
  const errors = byClass['5xx'];
  return errors === 0 ? 'none' : `${countWords(errors)} (${percentWords(errors / Math.max(requests, 1))})`;
}

function quantileWords(summary: DurationSummary | null, name: 'mean' | 'p50' | 'p99'): string {
  return summary === null ? '–' : durationWords(summary[name]);
}
