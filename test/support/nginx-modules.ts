import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import type { NginxBinary } from './nginx-binaries.ts';

const binary = resolve(import.meta.dirname, '../../.cache/nginx-modules/nginx');

/**
 * The system's nginx with modules of packages (ModSecurity, brotli), which `scripts/setup-nginx.sh modules` unpacks;
 * null where that was not done or the system has no such packages.
 */
export function nginxWithModules(): NginxBinary | null {
  try {
    accessSync(binary, constants.X_OK);
  } catch {
    return null;
  }
  const { stderr } = spawnSync(binary, ['-v'], { encoding: 'utf8', timeout: 10_000 });
  const version = /^nginx version: [^/]+\/([0-9.]+)/m.exec(stderr ?? '')?.[1];
  return version === undefined ? null : { label: 'with modules', path: binary, version };
}
