import type { TrafficSum, TrafficView } from '../../../src/observe/traffic-view.ts';

const bucketMs = 30_000;

function sum(requests: number): TrafficSum {
  const duration = { count: requests, mean: 0.02, p50: 0.01, p95: 0.05, p99: 0.2 };
  return {
    requests,
    byClass: { '1xx': 0, '2xx': requests - 15, '3xx': 0, '4xx': 10, '5xx': 5, other: 0 },
    duration,
    upstream: duration,
  };
}

/** An hour of 150 requests in each half minute, all to one path. */
export function trafficOf(endpoint: string): TrafficView {
  const now = Math.floor(Date.now() / bucketMs) * bucketMs;
  const buckets = Array.from({ length: 120 }, (_, index) => ({
    at: now - (119 - index) * bucketMs,
    ...sum(150),
  }));
  const bytes = { requestBytes: 1000, responseBytes: 2_000_000 };
  const route = { namespace: 'default', ingress: 'shop', host: '', endpoint, service: endpoint, canary: '' };
  return {
    history: async () => await Promise.resolve({ bucketMs, buckets }),
    totals: async () =>
      await Promise.resolve({ ...sum(18_000), ...bytes, routes: [{ ...route, ...sum(18_000), ...bytes }] }),
  };
}
