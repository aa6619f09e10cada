import type { TrafficSettings } from '../../src/traffic/layout.ts';

export function trafficSettings(more: Partial<TrafficSettings> = {}): TrafficSettings {
  return {
    ownNames: true,
    ingressNginxNames: true,
    perHost: false,
    statusClasses: false,
    exclude: [],
    timeBuckets: [0.01, 0.1, 1],
    lengthBuckets: [10, 100],
    sizeBuckets: [100, 1000],
    maxSeries: 100_000,
    ...more,
  };
}

/** A line as nginx writes it, without its end. */
export function line(more: {
  readonly at?: string;
  readonly time?: string;
  readonly upstream?: string;
  readonly status?: string;
  readonly method?: string;
  readonly canary?: string;
  readonly route?: string;
}): string {
  const { at = '1763856000.123', time = '0.012', upstream = '0.011', status = '200' } = more;
  const { method = 'GET', canary = '', route = '- shop web web 80 /' } = more;
  return `${at}|${time}|0.001|${upstream}|${upstream}|300|1500|${status}|${method}|${canary}|${route}`;
}
