import { formatAddress } from '../config/address.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { gatewayError } from '../errors.ts';
import { findInstallation } from '../installation.ts';
import { createAccess } from '../observe/access.ts';
import { cachedReviewer, type Reviewer } from '../observe/access-cache.ts';
import { createDebugApp } from '../observe/debug.ts';
import { createHealthApp } from '../observe/health.ts';
import { isLoopback, listen, type ListeningServer } from '../observe/http-server.ts';
import type { Logger } from '../observe/log.ts';
import { createMetricsApp, type Metrics } from '../observe/metrics.ts';
import type { ControllerView } from '../observe/view.ts';
import { version } from '../version.ts';

/**
 * Opens the ports for probes, metrics and debugging. All or none: what is open is closed again when one fails.
 * @param review who knows the tokens of those who ask for debug pages from elsewhere
 * @throws GatewayError CNG_PORT_IN_USE, CNG_LISTEN_FAILED, CNG_DEBUG_EXPOSED
 */
export async function startEndpoints(
  config: GatewayConfig,
  view: ControllerView,
  metrics: Metrics,
  review: Reviewer | null,
  logger: Logger,
): Promise<{ close(): Promise<void> }> {
  const { debug } = config;
  const isWide = debug.enabled && !isLoopback(debug.addr.host);
  if (isWide && review === null) {
    throw gatewayError('CNG_DEBUG_EXPOSED', { address: formatAddress(debug.addr) });
  }
  const open: ListeningServer[] = [];
  const { readTimeoutSeconds, writeTimeoutSeconds, idleTimeoutSeconds } = config.server;

  function report(error: Error, path: string): void {
    logger.error('A request to one of our own endpoints failed', { error, path });
  }

  async function serve(
    setting: string,
    addr: GatewayConfig['server']['addr'],
    app: Parameters<typeof listen>[1],
  ) {
    const server = await listen(
      {
        setting,
        addr,
        readTimeout: readTimeoutSeconds,
        writeTimeout: writeTimeoutSeconds,
        idleTimeout: idleTimeoutSeconds,
        onError: (error) => logger.error('A listening socket reported an error', { error, setting }),
      },
      app,
    );
    open.push(server);
    logger.info('Listening', { setting, host: server.address.host, port: server.address.port });
  }

  async function close(): Promise<void> {
    await Promise.all(open.map((server) => server.close()));
  }

  try {
    await serve('server.addr', config.server.addr, createHealthApp(view, report));
    if (config.metrics.enabled) {
      await serve('metrics.addr', config.metrics.addr, createMetricsApp(metrics, report));
    }
    if (debug.enabled) {
      if (isWide) {
        logger.info('The debug pages can be read from other machines with a bearer token', {
          addr: formatAddress(debug.addr),
        });
      }
      const options = {
        version,
        templatesFolder: findInstallation().templates,
        allowedHosts: [],
        access: createAccess({
          allowedHosts: [],
          tokens: review === null ? null : { review: cachedReviewer(review), log: logger },
        }),
      };
      await serve('debug.addr', debug.addr, createDebugApp(view, options, report));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}
