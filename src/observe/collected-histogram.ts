import { Histogram } from 'prom-client';
import type { HistogramConfiguration, MetricObjectWithValues, MetricValueWithName } from 'prom-client';

/** A histogram of one set of labels, counted elsewhere. */
export interface CountedHistogram {
  readonly labels: Readonly<Record<string, string>>;
  /** Of each bucket and of what is beyond, not added up. */
  readonly counts: Float64Array;
  readonly sum: number;
}

interface SharedValue {
  readonly labels: Readonly<Record<string, string | number>>;
  /** prom-client prints the labels of one object once. */
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly metricName: string;
}

type Told = Omit<MetricObjectWithValues<MetricValueWithName<string>>, 'values'> & {
  readonly values: SharedValue[];
};

const plusInfinity = { le: '+Inf' };
const none = {};

/**
 * A histogram of prom-client whose numbers are read when the page is made: prom-client itself can only observe one
 * value after the other.
 */
export class CollectedHistogram extends Histogram {
  readonly #config: Pick<HistogramConfiguration<string>, 'name' | 'help'>;
  readonly #limits: readonly { readonly le: number }[];
  readonly #read: () => readonly CountedHistogram[];

  constructor(
    config: HistogramConfiguration<string> & { readonly buckets: number[] },
    read: () => readonly CountedHistogram[],
  ) {
    super(config);
    this.#config = config;
    this.#limits = config.buckets.map((le) => ({ le }));
    this.#read = read;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const told = await this.getForPromString();
    const values = told.values.map(({ labels, sharedLabels, value, metricName }) => ({
      labels: { ...sharedLabels, ...labels },
      value,
      metricName,
    }));
    return { ...told, values };
  }

  /** What a registry asks for (prom-client 15); not among its types. */
  async getForPromString(): Promise<Told> {
    const { name, help } = this.#config;
    const [bucket, sum, count] = [`${name}_bucket`, `${name}_sum`, `${name}_count`];
    const values: SharedValue[] = [];
    for (const { labels: sharedLabels, counts, sum: total } of this.#read()) {
      let below = 0;
      for (const [index, labels] of this.#limits.entries()) {
        below += counts[index] ?? 0;
        values.push({ labels, sharedLabels, value: below, metricName: bucket });
      }
      below += counts[this.#limits.length] ?? 0;
      values.push(
        { labels: plusInfinity, sharedLabels, value: below, metricName: bucket },
        { labels: none, sharedLabels, value: total, metricName: sum },
        { labels: none, sharedLabels, value: below, metricName: count },
      );
    }
    const { aggregator, type, collect } = this as unknown as Told;
    return await Promise.resolve({ name, help, type, aggregator, collect, values });
  }
}
