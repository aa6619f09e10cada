/** Changes that wait for a pass. */
export interface PendingChanges {
  readonly firstAt: number;
  readonly lastAt: number;
  /** When the first of those came that cannot wait for others; null where there is none. */
  readonly urgentAt: number | null;
}

/** When passes are made. All times are milliseconds of the monotonic clock (`performance.now()`). */
export interface ScheduleState {
  /** When the first and the last change came that no pass has taken in yet; null where none has. */
  readonly changes: PendingChanges | null;
  /** Since when a pass is due for another reason (the start, a failed pass, nginx gone); null where none is. */
  readonly occasionAt: number | null;
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
/** A burst without end is cut after this long, or after twice what a pass takes. */
const leastMaxWaitMs = 5000;
/**
 * What cannot wait for the end of a burst waits this long, or for as long as a pass takes: an endpoint that is gone
 * costs requests, and a certificate may have to be replaced. Whoever changes something else all the time must not
 * hold them back.
 */
const leastUrgentWaitMs = 1000;
const longestMaxWaitMs = 60_000;
/** After a failure the same work is tried again: 1 s, 2 s, 4 s … */
const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/**
 * When the next pass begins; Infinity where nothing waits for one. A lone change goes out at once. In a burst a pass
 * waits until it has been quiet for as long as a pass takes, at most for the maximum wait: 100 changes in 20 s make
 * five reloads, not 100. Urgent changes have a shorter one. What is no change waits for no quiet, because nginx may be gone; after a failure it waits
 * longer each time, but a change does not: it may be what mends it.
 */
export function nextPassAt(state: ScheduleState): number {
  return Math.min(afterChanges(state), afterOccasion(state));
}

function afterOccasion({ occasionAt, lastEndedAt, failuresInARow }: ScheduleState): number {
  if (occasionAt === null) {
    return Infinity;
  }
  return lastEndedAt === null || failuresInARow === 0
    ? occasionAt
    : lastEndedAt + Math.min(firstRetryMs * 2 ** (failuresInARow - 1), longestRetryMs);
}

function afterChanges({ changes, lastEndedAt, lastTookMs }: ScheduleState): number {
  if (changes === null) {
    return Infinity;
  }
  const { firstAt, lastAt, urgentAt } = changes;
  if (lastEndedAt === null || firstAt >= lastEndedAt + Math.max(leastIntervalMs, lastTookMs)) {
    return firstAt;
  }
  const quietAt = lastAt + Math.max(leastQuietMs, lastTookMs);
  const maxWait = Math.min(Math.max(leastMaxWaitMs, 2 * lastTookMs), longestMaxWaitMs);
  const urgentWait = Math.max(leastUrgentWaitMs, lastTookMs);
  return Math.min(quietAt, firstAt + maxWait, (urgentAt ?? Infinity) + urgentWait);
}
