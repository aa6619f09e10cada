import { statusClasses, type DurationSummary, type StatusCounts } from '../observe/traffic-view.ts';
import type { Part } from './layout.ts';

/** The number of a status's class among `statusClasses`. */
export function classNumber(status: string): number {
  const digit = status.charCodeAt(0) - 0x30;
  return digit >= 1 && digit <= 5 ? digit - 1 : statusClasses.length - 1;
}

/** Counts that lie side by side, in the order of `statusClasses`. */
export function classOf(numbers: Float64Array, start: number): StatusCounts {
  const [c1 = 0, c2 = 0, c3 = 0, c4 = 0, c5 = 0, other = 0] = numbers.subarray(start, start + 6);
  return { '1xx': c1, '2xx': c2, '3xx': c3, '4xx': c4, '5xx': c5, other };
}

/** The number of the bucket that a value is in. */
export function bucketOf(limits: Float64Array, value: number): number {
  let index = 0;
  while (index < limits.length && value > (limits[index] ?? 0)) {
    index += 1;
  }
  return index;
}

/** Counts a value in a histogram that begins at `start`. */
export function observe(part: Part, numbers: Float64Array, start: number, value: number): void {
  const place = start + bucketOf(part.limits, value);
  const sum = start + part.limits.length + 1;
  numbers[place] = (numbers[place] ?? 0) + 1;
  numbers[sum] = (numbers[sum] ?? 0) + value;
}

/** A histogram of times that begins at `start`, in seconds; null where it is empty. */
export function summaryOf(part: Part, numbers: Float64Array, start: number): DurationSummary | null {
  const { buckets, scale } = part;
  const counts = numbers.subarray(start, start + buckets.length + 1);
  const count = counts.reduce((sum, one) => sum + one, 0);
  if (count === 0) {
    return null;
  }

  function quantile(q: number): number {
    const rank = q * count;
    let below = 0;
    for (const [index, one] of counts.entries()) {
      if (below + one >= rank && one > 0) {
        const from = index === 0 ? 0 : (buckets[index - 1] ?? 0);
        // What is beyond the last limit is not known better than that.
        const to = buckets[index] ?? from;
        return from + ((to - from) * (rank - below)) / one;
      }
      below += one;
    }
    return buckets.at(-1) ?? 0;
  }

  return {
    count,
    mean: (numbers[start + buckets.length + 1] ?? 0) / scale / count,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  };
}
