/** Milliseconds. */
export interface StatusTimings {
  /** `kubernetes.status_update_interval`: between two looks at the addresses. */
  readonly intervalMs: number;
  /** Between two rounds, so that a burst of verdicts is one round. */
  readonly settleMs: number;
  /** While there are no addresses yet, as with a load balancer that is being made. */
  readonly emptyRetryMs: number;
  /** Between two lists of what the API server has: they show what others have written. */
  readonly relistMs: number;
  /** Before an Ingress whose status the API server finds wrong is tried again. */
  readonly refusedMs: number;
  /** Before the namespace of one that it forbids to write is tried again. */
  readonly forbiddenMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

export function statusTimings(intervalMs: number): StatusTimings {
  return {
    intervalMs,
    settleMs: 1000,
    emptyRetryMs: Math.min(intervalMs, 10_000),
    relistMs: Math.max(intervalMs * 10, 600_000),
    refusedMs: 600_000,
    forbiddenMs: 60_000,
    backoffMinMs: 1000,
    backoffMaxMs: 30_000,
  };
}
