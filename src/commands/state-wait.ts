import type { GatewayConfig } from '../config/sections.ts';
import { readMarker } from '../controller/marker.ts';
import { isGatewayError } from '../errors.ts';
import { prepareStateDirectory, statePaths, type StatePaths } from '../nginx/state-directory.ts';
import { stopNginx } from '../nginx/supervise.ts';
import { askGeneration } from '../nginx/verify.ts';
import { createHealthApp } from '../observe/health.ts';
import { listen } from '../observe/http-server.ts';
import type { Logger } from '../observe/log.ts';
import type { Readiness } from '../observe/view.ts';

/** Milliseconds between two tries to write, and two looks at nginx. */
const lookMs = 1000;

export interface StateWaitOptions {
  readonly stateDir: string;
  readonly configPath: string;
  readonly config: GatewayConfig;
  /** Resolves when the gateway is to end. */
  readonly ending: Promise<string>;
  readonly logger: Logger;
}

/**
 * Prepares the state folder. Where it cannot be written for now (full, or read-only) and nginx serves a complete
 * generation, that goes on being served, and the gateway is ready, until the folder can be written. Null where the
 * gateway is told to end before; nginx has then been ended.
 * @throws as `prepareStateDirectory`, where nginx serves nothing that is complete
 */
export async function openStateDirectory(options: StateWaitOptions): Promise<StatePaths | null> {
  const { stateDir, logger } = options;
  try {
    return await prepareStateDirectory(stateDir);
  } catch (error) {
    if (!isPassing(error) || !(await servesComplete(stateDir))) {
      throw error;
    }
    logger.error(
      'The state folder cannot be written; nginx serves on, and no change is taken in until it can',
      {
        error,
      },
    );
    return await waitUntilWritable(options, error.message);
  }
}

/** Whether it may end without anybody changing the configuration. */
function isPassing(error: unknown): error is Error {
  const isOurs =
    isGatewayError(error, 'CNG_STATE_DIR_FULL') || isGatewayError(error, 'CNG_STATE_DIR_NOT_WRITABLE');
  const code = isOurs ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS';
}

/** Whether nginx answers with a generation that was built from one complete listing. */
async function servesComplete(stateDir: string): Promise<boolean> {
  const live = await askGeneration(statePaths(stateDir).privateSocket);
  return live !== null && (await readMarker(stateDir)).has(live);
}

async function waitUntilWritable(options: StateWaitOptions, reason: string): Promise<StatePaths | null> {
  const { stateDir, config, logger } = options;
  let serves = true;
  let signal: string | null = null;
  void options.ending.then((name) => {
    signal = name;
  });
  const health = await listenForProbes(options, () =>
    serves && signal === null
      ? { ready: true, reason: null, stale: reason }
      : { ready: false, reason: signal === null ? reason : 'the gateway is ending' },
  );
  try {
    for (;;) {
      await Promise.race([options.ending, new Promise((resolve) => setTimeout(resolve, lookMs))]);
      if (signal !== null) {
        const site = { binary: config.nginx.binaryPath, paths: statePaths(stateDir), ...options };
        const result = await stopNginx(site, config.nginx.workerShutdownTimeoutSeconds * 1000);
        logger.info('Ended', { signal, nginx: result });
        return null;
      }
      serves = await servesComplete(stateDir);
      const paths = await tryAgain(stateDir);
      if (paths !== null) {
        logger.info('The state folder can be written again', { stateDir });
        return paths;
      }
    }
  } finally {
    await health.close();
  }
}

async function tryAgain(stateDir: string): Promise<StatePaths | null> {
  try {
    return await prepareStateDirectory(stateDir);
  } catch (error) {
    if (isPassing(error)) {
      return null;
    }
    throw error;
  }
}

/** Probes alone: there is nothing else to show yet. */
async function listenForProbes(
  { config: { server }, logger }: StateWaitOptions,
  readiness: () => Readiness,
): Promise<{ close(): Promise<void> }> {
  const setting = 'server.addr';
  return await listen(
    {
      setting,
      addr: server.addr,
      readTimeout: server.readTimeoutSeconds,
      writeTimeout: server.writeTimeoutSeconds,
      idleTimeout: server.idleTimeoutSeconds,
      onError: (error) => logger.error('A listening socket reported an error', { error, setting }),
    },
    createHealthApp({ readiness, liveness: () => ({ healthy: true, reason: null }) }, (error, path) => {
      logger.error('A request to one of our own endpoints failed', { error, path });
    }),
  );
}
