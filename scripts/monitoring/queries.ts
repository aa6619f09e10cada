// What the panels of the dashboard are written with.
import type { Panel, Query } from './panels.ts';

/** The gateways that were chosen. */
export const job = 'job=~"$job"';
/** Their routes that were chosen. */
export const route = 'job=~"$job",namespace=~"$namespace",ingress=~"$ingress"';
/** What Grafana holds enough for a rate. */
export const span = '[$__rate_interval]';

export type More = Partial<Pick<Panel, 'steps' | 'stacked' | 'columns'>>;

export function query(expr: string, legend = ''): Query {
  return { expr, legend };
}

export function stat(
  title: string,
  about: string,
  unit: string,
  queries: readonly Query[],
  more: More = {},
): Panel {
  return { kind: 'stat', title, about, unit, width: 3, queries, ...more };
}

export function graph(
  title: string,
  about: string,
  unit: string,
  queries: readonly Query[],
  width = 12,
  more: More = {},
): Panel {
  return { kind: 'graph', title, about, unit, width, queries, ...more };
}

export function requests(by: string, more = ''): string {
  return `sum${by} (rate(http_requests_total{${route}${more}}${span}))`;
}

export function quantile(q: number, metric: string, by = ''): string {
  return `histogram_quantile(${q}, sum by (${by === '' ? 'le' : `${by}, le`}) (rate(${metric}_bucket{${route}}${span})))`;
}

export const quantiles = [
  [0.5, 'p50'],
  [0.95, 'p95'],
  [0.99, 'p99'],
] as const;
