import path from 'node:path';
import { type StatePaths, statePaths } from './state-directory.ts';

/**
 * What a configuration may name. Everything is empty unless given: nothing is allowed by default. An entry that
 * ends in `/` allows everything below that folder, any other exactly that path.
 */
export interface LintOptions {
  /** Shared objects that `load_module` may load. */
  readonly allowedModules?: readonly string[];
  /** Files that `include` may read. What they hold is not linted, so name files of nginx's own only. */
  readonly allowedIncludes?: readonly string[];
  /** Files with rules of ModSecurity. */
  readonly allowedRules?: readonly string[];
  /** Certificates, keys and password files. */
  readonly allowedReads?: readonly string[];
  /** Pid file, lock file, temporary files and caches. */
  readonly allowedWrites?: readonly string[];
  /** Access and error logs. `stderr` and `off` are always allowed. */
  readonly allowedLogs?: readonly string[];
  /** Documents to serve (`root`, `alias`). */
  readonly allowedRoots?: readonly string[];
  /** Unix sockets to listen on and to send to. */
  readonly allowedSockets?: readonly string[];
  /** `host:port` of log collectors (`syslog:server=`), as written. */
  readonly allowedSyslogServers?: readonly string[];
  /** Directives that are refused by name otherwise, and that the operator's own skeleton needs. */
  readonly allowedDirectives?: readonly string[];
  /** Version of the nginx that will read the text; without it, every known flaw counts as present. */
  readonly nginxVersion?: string;
}

/** What the gateway's own installation allows. Later fields win over what the state directory gives. */
export interface StateLintInput extends LintOptions {
  /** Absolute. */
  readonly stateDir: string;
  /** `Capabilities.mimeTypesPath`. */
  readonly mimeTypesPath?: string | null;
}

/** The options for a gateway with this state directory: its own folders, standard output, and nothing else. */
export function lintOptionsForState(input: StateLintInput): LintOptions {
  const { stateDir, mimeTypesPath, ...given } = input;
  const paths: StatePaths = statePaths(stateDir);
  return {
    allowedIncludes: mimeTypesPath ? [mimeTypesPath] : [],
    allowedReads: [`${paths.certificates}/`, `${paths.auth}/`],
    allowedWrites: [`${paths.run}/`, `${paths.temp}/`],
    allowedLogs: [`${paths.logs}/`, `${paths.traffic}/`, '/dev/stdout', '/dev/stderr', '/dev/null'],
    allowedSockets: [`${paths.run}/`],
    ...given,
  };
}

/** Folders that no allowed folder opens: only a file that is itself in the list. Tokens and the kernel live there. */
const sealedFolders = ['/proc/', '/sys/', '/dev/', '/run/secrets/', '/var/run/secrets/'] as const;

/**
 * Why a path may not be named, as the end of a sentence that began with the path; null if it may. Relative paths
 * never may: what they are relative to differs between directives, and between a test and the real run.
 */
export function pathProblem(value: string, allowed: readonly string[]): string | null {
  if (allowed.includes(value)) {
    return null;
  }
  if (value.includes('$')) {
    return 'has a variable, so that a request could choose the file';
  }
  if (!value.startsWith('/')) {
    return 'is not an absolute path';
  }
  if (value.split('/').includes('..')) {
    return 'climbs with ".."';
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\0-\x1f\x7f]/.test(value)) {
    return 'has a control character';
  }
  const plain = path.posix.normalize(value);
  const sealed = sealedFolders.find((folder) => `${plain}/`.startsWith(folder));
  if (sealed !== undefined && !allowed.includes(plain)) {
    return `is below ${sealed}, which is never allowed`;
  }
  const isAllowed = allowed.some(
    (entry) => plain === entry || (entry.endsWith('/') && plain.startsWith(entry)),
  );
  return isAllowed ? null : listAllowed(allowed);
}

function listAllowed(allowed: readonly string[]): string {
  return allowed.length === 0 ? 'is not allowed here' : `is not among the allowed: ${allowed.join(', ')}`;
}

/**
 * Every unix socket that a value names (`unix:/run/a.sock`, `http://unix:/run/a.sock:/uri`), without those
 * that are allowed, each with the reason.
 */
export function socketProblems(value: string, allowed: readonly string[]): string[] {
  const problems: string[] = [];
  for (const [, socket = ''] of value.matchAll(/unix:([^:\s]*)/gi)) {
    const problem = pathProblem(socket, allowed);
    if (problem !== null) {
      problems.push(`"unix:${socket}", which ${problem}`);
    }
  }
  return problems;
}
