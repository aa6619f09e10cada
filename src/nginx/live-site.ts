import type { Stage } from './apply-result.ts';
import type { NginxIdentity } from './process-table.ts';
import type { StatePaths } from './state-directory.ts';

/** Where an nginx lives, and how it is told of a new configuration. */
export interface LiveSite {
  readonly binary: string;
  readonly paths: StatePaths;
  /** The live nginx.conf as nginx is given it; it may be a symlink. */
  readonly configPath: string;
  readonly reloadScript: string;
  /** Deadline of the reload script, in milliseconds. */
  readonly reloadMs: number;
  /** How long no old generation may have answered, in milliseconds. */
  readonly quietMs: number;
  readonly logger: ApplyLogger;
}

/** The part of the program's logger that is used here. */
export interface ApplyLogger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Runs a step and records its seconds under its stage; `failed` tells from the result how it went. */
export type Timed = <T>(stage: Stage, step: () => Promise<T>, failed: (result: T) => boolean) => Promise<T>;

/** How the processes of a site are recognised. */
export function identityOf(site: Pick<LiveSite, 'paths' | 'configPath'>): NginxIdentity {
  const { pidFile, privateSocket } = site.paths;
  return { pidFile, configPath: site.configPath, privateSocket };
}
