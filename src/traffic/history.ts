import { durationPart, upstreamPart, type Layout } from './layout.ts';
import type { Line } from './line.ts';
import { classOf, summaryOf } from './summary.ts';
import { statusClasses, type TrafficBucket } from '../observe/traffic-view.ts';

export const bucketMs = 30_000;
/** One hour. */
const count = 120;

/** The last hour of some requests: by span the requests of each class, and two histograms. */
export class History {
  readonly #layout: Layout;
  readonly #width: number;
  readonly #numbers: Float32Array;
  /** Which span a place holds now, counted from the epoch. */
  readonly #spans = new Float64Array(count).fill(-1);
  #first = -1;
  #last = -1;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#width = statusClasses.length + 2 * (this.#timeBuckets() + 2);
    this.#numbers = new Float32Array(count * this.#width);
  }

  #timeBuckets(): number {
    return this.#layout.routeParts[durationPart]?.buckets.length ?? 0;
  }

  /** Adds a line whose status is of a class (its number) and whose times fall into these buckets. */
  add({ at, requestTime, upstreamTime }: Line, statusClass: number, bucket: number, upstream: number): void {
    const span = Math.floor(at / bucketMs);
    if (span <= this.#last - count) {
      return;
    }
    const place = span % count;
    const start = place * this.#width;
    if (this.#spans[place] !== span) {
      if ((this.#spans[place] ?? 0) > span) {
        return;
      }
      this.#spans[place] = span;
      this.#numbers.fill(0, start, start + this.#width);
    }
    this.#first = this.#first < 0 ? span : Math.min(this.#first, span);
    this.#last = Math.max(this.#last, span);
    const numbers = this.#numbers;
    const times = start + statusClasses.length;
    const next = times + this.#timeBuckets() + 2;
    numbers[start + statusClass] = (numbers[start + statusClass] ?? 0) + 1;
    numbers[times + bucket] = (numbers[times + bucket] ?? 0) + 1;
    numbers[next - 1] = (numbers[next - 1] ?? 0) + requestTime;
    if (upstreamTime >= 0) {
      const sum = next + this.#timeBuckets() + 1;
      numbers[next + upstream] = (numbers[next + upstream] ?? 0) + 1;
      numbers[sum] = (numbers[sum] ?? 0) + upstreamTime;
    }
  }

  /** The last moment with a request, in milliseconds; -1 before the first. */
  get lastAt(): number {
    return this.#last < 0 ? -1 : this.#last * bucketMs;
  }

  /** Adds what this one has to a sum of several, by span. */
  addTo(sums: Map<number, Float64Array>, now: number): void {
    const oldest = Math.floor(now / bucketMs) - count;
    for (const [place, span] of this.#spans.entries()) {
      if (span > oldest) {
        const sum = sums.get(span) ?? new Float64Array(this.#width);
        sums.set(span, sum);
        const start = place * this.#width;
        for (let index = 0; index < this.#width; index += 1) {
          sum[index] = (sum[index] ?? 0) + (this.#numbers[start + index] ?? 0);
        }
      }
    }
  }
}

/** What `addTo` has added up, without gaps, up to now. */
export function bucketsOf(
  sums: ReadonlyMap<number, Float64Array>,
  layout: Layout,
  now: number,
): TrafficBucket[] {
  if (sums.size === 0) {
    return [];
  }
  const first = Math.min(...sums.keys());
  const last = Math.max(Math.floor(now / bucketMs), ...sums.keys());
  const time = layout.routeParts[durationPart];
  const upstream = layout.routeParts[upstreamPart];
  if (time === undefined || upstream === undefined) {
    throw new TypeError('a layout has a part for durations');
  }
  const width = time.buckets.length + 2;
  const none = new Float64Array(statusClasses.length + 2 * width);
  return Array.from({ length: Math.min(last - first + 1, count) }, (_, index) => {
    const span = last - Math.min(last - first + 1, count) + 1 + index;
    const numbers = sums.get(span) ?? none;
    const byClass = classOf(numbers, 0);
    return {
      at: span * bucketMs,
      requests: Object.values(byClass).reduce((sum, one) => sum + one, 0),
      byClass,
      duration: summaryOf(time, numbers, statusClasses.length),
      upstream: summaryOf(upstream, numbers, statusClasses.length + width),
    };
  });
}
