import { lstat, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { boundSockets } from './process-table.ts';
import { parseMessages, refusalsOf, type NginxMessage } from './message.ts';
import { runBounded } from './process-run.ts';
import { scrub } from './scrub.ts';
import type { StatePaths } from './state-directory.ts';

/** What the reload script made of the live nginx.conf. `done` means signalled or started, not yet serving. */
export type ReloadVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'no'; readonly messages: readonly NginxMessage[]; readonly reason: string }
  | { readonly kind: 'no-verdict'; readonly reason: string; readonly timedOut: boolean };

export interface ReloadOptions {
  readonly script: string;
  readonly binary: string;
  readonly configPath: string;
  readonly paths: StatePaths;
  readonly deadlineMs: number;
}

/**
 * Runs the reload script: it starts nginx when none of ours runs and signals its master when one does. Exit code 0
 * is done, 1 means nginx said no, anything else is no verdict. A script that hangs is killed with its group.
 */
export async function runReloadScript(options: ReloadOptions): Promise<ReloadVerdict> {
  const { paths } = options;
  const result = await runBounded({
    file: options.script,
    args: [],
    env: {
      NGINX_BINARY: options.binary,
      NGINX_CONFIG: options.configPath,
      NGINX_PREFIX: paths.root,
      NGINX_PID: paths.pidFile,
      NGINX_ERROR_LOG: paths.errorLog,
    },
    deadlineMs: options.deadlineMs,
  });
  if (result.noVerdict !== null) {
    return { kind: 'no-verdict', reason: result.noVerdict, timedOut: result.timedOut };
  }
  if (result.exitCode === 0) {
    return { kind: 'done' };
  }
  const said = scrub(result.output.trim().split('\n').at(-1) ?? '', paths.root) || 'no word';
  if (result.exitCode === 1) {
    return { kind: 'no', messages: refusalsOf(parseMessages(result.output)), reason: said };
  }
  const how = result.signal === null ? `exit code ${result.exitCode}` : `killed by ${result.signal}`;
  return { kind: 'no-verdict', reason: `${how}: ${said}`, timedOut: false };
}

/**
 * Removes unix sockets that nobody listens on: nginx does not bind over a file that exists, and leaves its sockets
 * behind when it is killed or when a reload fails halfway. Returns the paths removed.
 */
export async function removeStaleSockets(paths: StatePaths): Promise<string[]> {
  const bound = await boundSockets();
  const removed: string[] = [];
  for (const entry of await readdir(paths.run)) {
    const file = path.join(paths.run, entry);
    const found = await lstat(file).catch(() => null);
    // The list spares those in use a connection without a request; where it cannot be had, asking decides alone.
    if (found?.isSocket() === true && !bound.has(file) && (await refusesConnections(file))) {
      await rm(file, { force: true });
      removed.push(file);
    }
  }
  return removed;
}

async function refusesConnections(file: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(file);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    // Only this one says that nobody listens; a datagram socket or a full queue says otherwise.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
