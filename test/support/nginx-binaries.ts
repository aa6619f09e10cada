import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** An nginx that tests run on. */
export interface NginxBinary {
  /** `system`, `current`, or the version for one named in `TEST_NGINX_BINARIES`; for test names. */
  readonly label: string;
  /** Absolute path of what to execute. */
  readonly path: string;
  /** As nginx prints it, for example `1.30.6`. */
  readonly version: string;
}

/** `keepalive_min_timeout`, upstream `resolve` and the current listen forms are all there from here on. */
const CURRENT_MINIMUM = [1, 29, 0];

const CACHE = resolve(import.meta.dirname, '../../.cache');

/**
 * The nginx binaries to run real-nginx tests on, the system's first: what `scripts/setup-nginx.sh` sets up, or
 * the colon-separated paths in `TEST_NGINX_BINARIES`. Where the system's nginx is itself a current one, there
 * is only that.
 *
 * @throws when one is missing or does not run, so that half of the tests cannot vanish unnoticed; with
 *   `CNG_ALLOW_MISSING_NGINX=1` the rest is returned, possibly none.
 */
export function nginxBinaries(environment: NodeJS.ProcessEnv = process.env): NginxBinary[] {
  const named = environment['TEST_NGINX_BINARIES'];
  const found = named ? namedBinaries(named) : installedBinaries(environment['PATH'] ?? '');
  const missing = found.filter((entry) => typeof entry === 'string');
  if (missing.length > 0 && environment['CNG_ALLOW_MISSING_NGINX'] !== '1') {
    throw new Error(
      `${missing.join('; ')}. Run scripts/setup-nginx.sh, name the binaries in TEST_NGINX_BINARIES, ` +
        'or set CNG_ALLOW_MISSING_NGINX=1 to test on fewer',
    );
  }
  return found.filter((entry) => typeof entry !== 'string');
}

function namedBinaries(paths: string): (NginxBinary | string)[] {
  return paths
    .split(delimiter)
    .filter((path) => path !== '')
    .map((path) => {
      const absolute = resolve(path);
      const version = versionOf(absolute);
      return version === null
        ? `TEST_NGINX_BINARIES names ${path}, which does not run`
        : { label: version, path: absolute, version };
    });
}

function installedBinaries(searchPath: string): (NginxBinary | string)[] {
  const system = firstThatRuns([...onPath(searchPath), join(CACHE, 'nginx-system/nginx')]);
  if (system !== null && isCurrent(system.version)) return [{ label: 'system', ...system }];
  const current = firstThatRuns([join(CACHE, 'nginx-current/nginx')]);
  return [
    system === null ? 'no nginx of the system was found' : { label: 'system', ...system },
    current === null || !isCurrent(current.version)
      ? `no nginx >= ${CURRENT_MINIMUM.join('.')} was found in .cache/nginx-current`
      : { label: 'current', ...current },
  ];
}

/** The folder of nginx is not on PATH for everybody. */
function onPath(searchPath: string): string[] {
  return [...searchPath.split(delimiter), '/usr/sbin', '/sbin']
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, 'nginx'));
}

function firstThatRuns(paths: string[]): { path: string; version: string } | null {
  for (const path of paths) {
    const version = versionOf(path);
    if (version !== null) return { path, version };
  }
  return null;
}

function versionOf(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return null;
  }
  const { stderr } = spawnSync(path, ['-v'], { encoding: 'utf8', timeout: 10_000 });
  return /^nginx version: [^/]+\/([0-9.]+)/m.exec(stderr ?? '')?.[1] ?? null;
}

function isCurrent(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, minimum] of CURRENT_MINIMUM.entries()) {
    const part = parts[index] ?? 0;
    if (part !== minimum) return part > minimum;
  }
  return true;
}
