/** When passes are made. All times are milliseconds of the monotonic clock (`performance.now()`). */
export interface ScheduleState {
  /** When the first change came that no pass has taken in yet. */
  readonly firstPendingAt: number;
  /** When the last one came. */
  readonly lastChangeAt: number;
  /** When the last pass ended; null before the first. */
  readonly lastEndedAt: number | null;
  /** How long the last pass took. */
  readonly lastTookMs: number;
  /** How many passes in a row have failed through no object's fault. */
  readonly failuresInARow: number;
}

/** A change that comes this long after the last pass is a lone one. */
const leastIntervalMs = 1000;
/** The quiet that ends a burst, unless a pass itself takes longer. */
const leastQuietMs = 500;
/** A burst without end is cut after this long, or after ten times what a pass takes. */
const leastMaxWaitMs = 5000;
const longestMaxWaitMs = 60_000;
/** After a failure the same work is tried again: 1 s, 2 s, 4 s … */
const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/**
 * When the next pass begins. A lone change goes out at once. In a burst a pass waits until it has been quiet for
 * as long as a pass takes, at most for the maximum wait: 100 changes in 20 s make five reloads, not 100.
 */
export function nextPassAt(state: ScheduleState): number {
  const { firstPendingAt, lastChangeAt, lastEndedAt, lastTookMs, failuresInARow } = state;
  if (lastEndedAt === null) {
    return firstPendingAt;
  }
  if (failuresInARow > 0) {
    return lastEndedAt + Math.min(firstRetryMs * 2 ** (failuresInARow - 1), longestRetryMs);
  }
  if (firstPendingAt >= lastEndedAt + Math.max(leastIntervalMs, lastTookMs)) {
    return firstPendingAt;
  }
  const quietAt = lastChangeAt + Math.max(leastQuietMs, lastTookMs);
  const maxWait = Math.min(Math.max(leastMaxWaitMs, 10 * lastTookMs), longestMaxWaitMs);
  return Math.min(quietAt, firstPendingAt + maxWait);
}
