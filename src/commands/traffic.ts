import { join } from 'node:path';
import type { GatewayConfig } from '../config/sections.ts';
import { findInstallation } from '../installation.ts';
import type { LiveSite } from '../nginx/live-site.ts';
import { reopenLogs } from '../nginx/reopen.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { registerNginx } from '../observe/metrics-nginx.ts';
import { registerTraffic } from '../observe/metrics-traffic.ts';
import { askNginxStatus } from '../observe/nginx-status.ts';
import type { RenderWorker } from '../worker/client.ts';
import type { StatePaths } from '../nginx/state-directory.ts';
import { TrafficClient } from '../traffic/client.ts';
import type { TrafficSettings } from '../traffic/layout.ts';

const megabyte = 1024 * 1024;

interface TrafficParts {
  readonly config: GatewayConfig;
  readonly site: Pick<LiveSite, 'binary' | 'paths' | 'configPath'> & { readonly logger: Logger };
  readonly worker: RenderWorker;
  readonly metrics: Metrics;
}

/** Starts to count requests; null where the config file does not want it. */
export function openTraffic({ config, site, worker, metrics }: TrafficParts): TrafficClient | null {
  if (!config.metrics.traffic) {
    return null;
  }
  const settings = trafficSettings(config);
  const client = new TrafficClient({
    url: findInstallation().trafficWorker,
    input: {
      settings,
      folder: site.paths.traffic,
      savedPath: join(site.paths.root, 'traffic.json'),
      rotateBytes: config.metrics.logSizeMb * megabyte,
    },
    logger: site.logger,
    reopen: async () => await reopenLogs(site),
    gone: async (routes) => await worker.goneRoutes(routes),
  });
  client.start();
  metrics.extend((registry, identity) => registerTraffic(registry, identity, settings, client));
  return client;
}

/** From now on the metrics have nginx's own figures, and those of what it serves. */
export function tellOfNginx({
  config,
  paths,
  metrics,
  worker,
  live,
}: Pick<TrafficParts, 'config' | 'metrics' | 'worker'> & {
  readonly paths: StatePaths;
  readonly live: () => { readonly number: number } | null;
}): void {
  metrics.extend((registry, identity) =>
    registerNginx(registry, {
      identity,
      ingressNginxNames: config.metrics.ingressNginxNames,
      status: async () => await askNginxStatus(paths.privateSocket),
      generation: () => live()?.number ?? null,
      facts: async () => await worker.facts(),
    }),
  );
}

function trafficSettings({ metrics }: GatewayConfig): TrafficSettings {
  return {
    ownNames: metrics.ownNames,
    ingressNginxNames: metrics.ingressNginxNames,
    perHost: metrics.perHost,
    statusClasses: metrics.reportStatusClasses,
    exclude: metrics.exclude,
    timeBuckets: metrics.timeBucketsSeconds,
    lengthBuckets: metrics.lengthBucketsBytes,
    sizeBuckets: metrics.sizeBucketsBytes,
    maxSeries: metrics.maxSeries,
  };
}
