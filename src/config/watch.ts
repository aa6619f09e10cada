import { isDeepStrictEqual } from 'node:util';
import { watch } from 'chokidar';
import { type GatewayError, gatewayError, isGatewayError, reasonOf } from '../errors.ts';
import type { Environment } from './environment.ts';
import type { LoadedConfig } from './load.ts';
import { configInvalid, readConfigFile } from './read-file.ts';
import { allKeys, type GatewayConfig } from './sections.ts';

export type ConfigChange =
  | {
      readonly kind: 'changed';
      /** As the file now says; only the keys of `live` may be taken from it. */
      readonly config: GatewayConfig;
      /** Dotted keys that changed since the last report and take effect now. */
      readonly live: readonly string[];
      /** Dotted keys that differ from what the program runs with; they take effect at a restart. */
      readonly atRestart: readonly string[];
    }
  /** The file is unreadable or wrong, or cannot be watched; the settings in force stay. */
  | { readonly kind: 'failed'; readonly error: GatewayError };

export interface WatchConfigOptions {
  readonly path: string;
  readonly environment: Environment;
  /** What the program was started with. */
  readonly running: LoadedConfig;
  readonly onChange: (change: ConfigChange) => void;
}

export interface ConfigWatcher {
  /** Resolves once changes are seen. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

// Editors and the kubelet replace a file in several steps; a shorter wait reports its half-written state as broken.
const settleMs = 100;

/**
 * Watches the config file, also where it is a symlink whose target is swapped (as in a mounted ConfigMap). Each edit
 * that changes a setting, or breaks the file, or repairs it, is reported once.
 */
export function watchConfig(options: WatchConfigOptions): ConfigWatcher {
  const { path, onChange } = options;
  const watcher = watch(path, { ignoreInitial: true });
  const state: WatchState = {
    options,
    inForce: options.running.values,
    reported: options.running.values,
    failure: null,
  };
  let timer: NodeJS.Timeout | null = null;
  let reading: Promise<void> = Promise.resolve();
  let closed = false;

  function schedule(): void {
    if (timer !== null) {
      clearTimeout(timer);
    }
    timer = setTimeout(() => {
      timer = null;
      reading = reading.then(() => (closed ? undefined : reread(state)));
    }, settleMs);
  }

  watcher.on('all', schedule);
  watcher.on('error', (cause) => {
    onChange({
      kind: 'failed',
      error: gatewayError('CNG_CONFIG_WATCH_FAILED', { path, reason: reasonOf(cause) }, { cause }),
    });
  });

  return {
    ready: new Promise((resolve) => {
      watcher.once('ready', () => {
        // What changed between the first reading and now has caused no event.
        schedule();
        resolve();
      });
    }),
    async close() {
      closed = true;
      if (timer !== null) {
        clearTimeout(timer);
      }
      await watcher.close();
      await reading;
    },
  };
}

interface WatchState {
  readonly options: WatchConfigOptions;
  /** Live keys follow the file, the others stay what they were at start. */
  inForce: ReadonlyMap<string, unknown>;
  /** The last good reading. */
  reported: ReadonlyMap<string, unknown>;
  /** The message of the failure reported last; null while the file is good. */
  failure: string | null;
}

async function reread(state: WatchState): Promise<void> {
  const loaded = await readGood(state.options);
  if (isGatewayError(loaded)) {
    // Several events may belong to one edit.
    const words = [
      loaded.message,
      ...((loaded.fields['errors'] as readonly string[] | undefined) ?? []),
    ].join('\n');
    if (words !== state.failure) {
      state.failure = words;
      state.options.onChange({ kind: 'failed', error: loaded });
    }
    return;
  }
  const repaired = state.failure !== null;
  const changed = differing(state.reported, loaded.values);
  state.failure = null;
  state.reported = loaded.values;
  if (changed.length === 0 && !repaired) {
    return;
  }
  const live = differing(state.inForce, loaded.values).filter((key) => liveKeys.has(key));
  state.inForce = new Map([
    ...state.inForce,
    ...live.map((key): [string, unknown] => [key, loaded.values.get(key)]),
  ]);
  const atRestart = differing(state.inForce, loaded.values);
  state.options.onChange({ kind: 'changed', config: loaded.config, live, atRestart });
}

async function readGood(options: WatchConfigOptions): Promise<LoadedConfig | GatewayError> {
  try {
    const result = await readConfigFile(options.path, options.environment);
    return 'errors' in result ? configInvalid(options.path, result.errors) : result;
  } catch (cause) {
    // Nothing that a file holds may end the program, not even where it finds a bug of ours.
    return isGatewayError(cause)
      ? cause
      : gatewayError('CNG_INTERNAL', { reason: reasonOf(cause) }, { cause });
  }
}

const liveKeys: ReadonlySet<string> = new Set(
  allKeys.filter(({ definition }) => definition.live).map(({ dotted }) => dotted),
);

function differing(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): string[] {
  return [...other.keys()].filter((key) => !isDeepStrictEqual(one.get(key), other.get(key)));
}
