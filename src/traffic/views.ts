import {
  type RouteTraffic,
  statusClasses,
  type StatusCounts,
  type TrafficFilter,
  type TrafficHistory,
  type TrafficTotals,
} from '../observe/traffic-view.ts';
import type { RouteEntry, TrafficBook } from './book.ts';
import { bucketMs, bucketsOf } from './history.ts';
import { durationPart, requestSizePart, responseSizePart, upstreamPart } from './layout.ts';
import { classOf, summaryOf } from './summary.ts';

/** `now` in milliseconds since the epoch. */
export function historyOf(book: TrafficBook, filter: TrafficFilter | null, now: number): TrafficHistory {
  const sums = new Map<number, Float64Array>();
  for (const history of book.histories(filter?.namespace ?? null, filter?.ingress ?? null)) {
    history.addTo(sums, now);
  }
  return { bucketMs, buckets: bucketsOf(sums, book.layout, now) };
}

export function totalsOf(book: TrafficBook, filter: TrafficFilter | null): TrafficTotals {
  const sum = new Float64Array(book.layout.routeWidth);
  const classes = new Float64Array(statusClasses.length);
  const routes: RouteTraffic[] = [];
  for (const route of book.routes) {
    const { namespace, ingress } = route.labels;
    if (filter !== null && namespace !== filter.namespace) {
      continue;
    }
    if (filter?.ingress !== undefined && ingress !== filter.ingress) {
      continue;
    }
    const numbers = book.routeNumbers.subarray(route.start, route.start + sum.length);
    numbers.forEach((number, index) => {
      sum[index] = (sum[index] ?? 0) + number;
    });
    const own = classesOf(book, route);
    own.forEach((number, index) => {
      classes[index] = (classes[index] ?? 0) + number;
    });
    if (ingress !== '') {
      const { host, path, service, canary } = route.labels;
      const labels = { namespace, ingress, host, endpoint: path, service, canary };
      routes.push({ ...labels, ...summed(book, numbers, own) });
    }
  }
  return { ...summed(book, sum, classes), routes: routes.sort(compareRoutes) };
}

function classesOf(book: TrafficBook, { rows }: RouteEntry): Float64Array {
  const counts = new Float64Array(statusClasses.length);
  for (const { start, statusClass } of rows) {
    counts[statusClass] = (counts[statusClass] ?? 0) + (book.rowNumbers[start] ?? 0);
  }
  return counts;
}

function summed(
  { layout: { routeParts } }: TrafficBook,
  numbers: Float64Array,
  classes: Float64Array,
): Omit<TrafficTotals, 'routes'> {
  const byClass: StatusCounts = classOf(classes, 0);

  function summary(number: number): ReturnType<typeof summaryOf> {
    const part = routeParts[number];
    return part === undefined ? null : summaryOf(part, numbers, part.offset);
  }

  function bytes(number: number): number {
    const part = routeParts[number];
    return part === undefined ? 0 : (numbers[part.offset + part.buckets.length + 1] ?? 0);
  }

  return {
    requests: classes.reduce((total, one) => total + one, 0),
    byClass,
    duration: summary(durationPart),
    upstream: summary(upstreamPart),
    requestBytes: bytes(requestSizePart),
    responseBytes: bytes(responseSizePart),
  };
}

function compareRoutes(a: RouteTraffic, b: RouteTraffic): number {
  for (const name of ['namespace', 'ingress', 'host', 'endpoint', 'service', 'canary'] as const) {
    if (a[name] !== b[name]) {
      return a[name] < b[name] ? -1 : 1;
    }
  }
  return 0;
}
