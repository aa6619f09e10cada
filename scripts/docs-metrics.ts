// The table of metrics in docs/metrics.md, from what is really registered.
import { sections } from '../src/config/sections.ts';
import { registerNginx } from '../src/observe/metrics-nginx.ts';
import { registerTraffic } from '../src/observe/metrics-traffic.ts';
import { createMetrics } from '../src/observe/metrics.ts';
import type { TrafficSettings } from '../src/traffic/layout.ts';

/** One metric, with the names of its labels; `le` of histograms is left out. */
export interface MetricRow {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

function defaultBuckets(
  key: 'timeBucketsSeconds' | 'lengthBucketsBytes' | 'sizeBucketsBytes',
): readonly number[] {
  return sections.metrics.keys[key].fallback as readonly number[];
}

const settings: TrafficSettings = {
  ownNames: true,
  ingressNginxNames: true,
  perHost: true,
  statusClasses: false,
  exclude: [],
  timeBuckets: defaultBuckets('timeBucketsSeconds'),
  lengthBuckets: defaultBuckets('lengthBucketsBytes'),
  sizeBuckets: defaultBuckets('sizeBucketsBytes'),
  maxSeries: 1000,
};

/** Every metric that a gateway in a cluster has, sorted, without those of the process and of Node. */
export function allMetrics(): MetricRow[] {
  const identity = {
    version: '',
    revision: '',
    repository: '',
    controllerClass: '',
    podNamespace: '',
    podName: '',
  };
  const metrics = createMetrics(identity);
  let rows: MetricRow[] = [];
  try {
    metrics.readiness(() => true);
    metrics.outputs('', () => ({
      leader: { isLeader: true, holder: '', trouble: null },
      status: { written: 0, behind: 0, trouble: null },
      events: { waiting: 0, written: 0, leftOut: 0, trouble: null },
    }));
    metrics.extend((registry) => {
      async function nothing(): Promise<null> {
        return await Promise.resolve(null);
      }

      registerNginx(registry, {
        identity,
        ingressNginxNames: true,
        status: nothing,
        generation: () => null,
        facts: nothing,
      });
      return registerTraffic(registry, identity, settings, {
        snapshot: async () => await Promise.reject(new Error('there is no traffic')),
      });
    });
    metrics.extend((registry) => {
      rows = registry.getMetricsAsArray().map((metric) => {
        const {
          name,
          help,
          labelNames = [],
          constructor,
        } = metric as typeof metric & { labelNames?: string[] };
        const type = constructor.name.replace('CollectedHistogram', 'Histogram').toLowerCase();
        return { name, help, labels: labelNames, type };
      });
      return async () => await Promise.resolve();
    });
  } finally {
    metrics.stop();
  }
  return rows
    .filter(({ name }) => !/^(?:process|nodejs)_/u.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
