/**
 * What endpoints may see of the traffic: plain values, made from the traffic log (docs/metrics.md). Requests are those
 * that a client made and nginx answered on a route of an Ingress; sub-requests and mirrored copies are not among them.
 */

/** `other` is what is no class: 000 of a client that went away before anything was decided. */
export const statusClasses = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'] as const;
export type StatusClass = (typeof statusClasses)[number];

/** Requests of each class; every class is there, with 0. */
export type StatusCounts = Readonly<Record<StatusClass, number>>;

/** Seconds. Quantiles are interpolated within the buckets of the histogram of the metrics. */
export interface DurationSummary {
  /** Requests that were measured: those without an upstream are not among those of `upstream`. */
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Of which requests: those of a namespace, or of one Ingress in it; all without a filter. */
export interface TrafficFilter {
  readonly namespace: string;
  readonly ingress?: string;
}

/** What requests came to. */
export interface TrafficSum {
  readonly requests: number;
  readonly byClass: StatusCounts;
  /** From the first byte of a request to the last of its answer; null where there was none. */
  readonly duration: DurationSummary | null;
  /** What backends took, all tries of a request together; null where no request reached one. */
  readonly upstream: DurationSummary | null;
}

/** One span of the last hour. */
export interface TrafficBucket extends TrafficSum {
  /** When it began, milliseconds since the epoch; a multiple of `TrafficHistory.bucketMs`. */
  readonly at: number;
}

export interface TrafficHistory {
  readonly bucketMs: number;
  /**
   * Oldest first and without gaps, the last hour at most; the last one is still being filled. Shorter after a start.
   * Empty where none is kept: of an Ingress without requests, or of one beyond those that have a history.
   */
  readonly buckets: readonly TrafficBucket[];
}

/** The requests of a route since counting began: counts outlive the process (docs/metrics.md). */
export interface RouteTraffic extends TrafficSum {
  readonly namespace: string;
  readonly ingress: string;
  /** Of the rule; empty without `metrics.per_host`. */
  readonly host: string;
  /** The path of the rule, never that of a request. */
  readonly endpoint: string;
  /** Empty where the gateway itself answers. */
  readonly service: string;
  /** The Ingress whose canary took the requests; empty for those that the route itself took. */
  readonly canary: string;
  /** Bytes of requests and of answers, heads included. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface TrafficTotals extends TrafficSum {
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Sorted by namespace, Ingress, host, endpoint, service, canary; the ones with no request yet are not among them. */
  readonly routes: readonly RouteTraffic[];
}

/** Both are asked of the thread that reads the log; they reject when it is gone. */
export interface TrafficView {
  history(filter?: TrafficFilter): Promise<TrafficHistory>;
  totals(filter?: TrafficFilter): Promise<TrafficTotals>;
}
