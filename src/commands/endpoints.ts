import type { GatewayConfig } from '../config/sections.ts';
import { findInstallation } from '../installation.ts';
import { createDebugApp } from '../observe/debug.ts';
import { createHealthApp } from '../observe/health.ts';
import { isLoopback, listen, type ListeningServer } from '../observe/http-server.ts';
import type { Logger } from '../observe/log.ts';
import { createMetricsApp, type Metrics } from '../observe/metrics.ts';
import type { ControllerView } from '../observe/view.ts';
import { version } from '../version.ts';

/**
 * Opens the ports for probes, metrics and debugging. All or none: what is open is closed again when one fails.
 * @throws GatewayError CNG_PORT_IN_USE, CNG_LISTEN_FAILED
 */
export async function startEndpoints(
  config: GatewayConfig,
  view: ControllerView,
  metrics: Metrics,
  logger: Logger,
): Promise<{ close(): Promise<void> }> {
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
    if (config.debug.enabled) {
      if (!isLoopback(config.debug.addr.host)) {
        logger.warn('The debug endpoint is reachable from other machines', { addr: config.debug.addr });
      }
      const options = { version, templatesFolder: findInstallation().templates, allowedHosts: [] };
      await serve('debug.addr', config.debug.addr, createDebugApp(view, options, report));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}
