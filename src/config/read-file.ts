import { readFile } from 'node:fs/promises';
import { type GatewayError, gatewayError, reasonOf } from '../errors.ts';
import { type ConfigError, formatConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';
import { loadConfig, type LoadResult } from './load.ts';

/**
 * Reads and checks the config file; without a path, defaults and environment alone.
 * Throws CNG_CONFIG_UNREADABLE where the file cannot be read.
 */
export async function readConfigFile(path: string | null, environment: Environment): Promise<LoadResult> {
  return loadConfig(path === null ? '' : await readText(path), environment, path ?? 'no config file');
}

/** All that is wrong with the settings as one error; its field `errors` has every line of it. */
export function configInvalid(path: string | null, errors: readonly ConfigError[]): GatewayError {
  const lines = errors.map(formatConfigError);
  return gatewayError('CNG_CONFIG_INVALID', {
    path: path ?? '(none)',
    errorCount: lines.length === 1 ? '1 error' : `${lines.length} errors, the first`,
    first: lines[0] ?? 'unknown',
    errors: lines,
  });
}

async function readText(path: string): Promise<string> {
  try {
    // Fatal: a file in another encoding would otherwise become names with replacement characters in them.
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    throw gatewayError('CNG_CONFIG_UNREADABLE', { path, reason: reasonOf(error) }, { cause: error });
  }
}
