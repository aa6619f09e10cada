import { inspect } from 'node:util';

/** One kind of failure. `message` is a template; its `{names}` are fields that the error must be given. */
export interface ErrorDefinition {
  readonly message: string;
  /** After sysexits: 1 not fully served, 2 usage, 70 our bug, 74 input/output, 75 temporary, 78 configuration. */
  readonly exitCode: 1 | 2 | 70 | 74 | 75 | 78;
  /** When it happens; for docs/errors.md. */
  readonly when: string;
  /** What the reader does about it; printed with the message and in docs/errors.md. */
  readonly remedy: string;
}

/**
 * Every error that the gateway makes itself. To add one, add a row here (families stand together) and run
 * `node scripts/docs.ts`. A code is public: it is never renamed and never means something else later.
 */
export const errorTable = {
  // The command line and the program itself.
  CNG_USAGE: {
    message: 'Wrong use of the command line: {reason}',
    exitCode: 2,
    when: 'An unknown command or option, or one without its value.',
    remedy: 'Run the command with --help.',
  },
  CNG_NOT_FULLY_SERVED: {
    message: '{count} of {total} objects are not fully served',
    exitCode: 1,
    when: '`check` found objects whose verdict is not `served`.',
    remedy: 'Read the verdicts that were printed: each names the object, the field and what to change.',
  },
  CNG_DEBUG_NOT_ANSWERING: {
    message: '{url} does not explain anything: {reason}',
    exitCode: 75,
    when: '`explain --debug-url` reaches no running program, or one that serves nothing yet or lets nobody in.',
    remedy:
      'Check the address (kubectl port-forward to the debug port), wait until it is ready, or give a token with --token-file.',
  },
  CNG_NODE_TOO_OLD: {
    message: 'Node {version} is too old; {minimum} or newer is needed',
    exitCode: 78,
    when: 'The program was started with an old Node.',
    remedy: 'Start it with a newer Node; scripts/quickstart.sh brings one of its own.',
  },
  CNG_OUTPUT_FAILED: {
    message: 'Standard output cannot be written: {reason}',
    exitCode: 74,
    when: 'What `render` or `check` prints goes to a full disk or to a device that takes nothing.',
    remedy: 'Send it elsewhere, or make room.',
  },
  CNG_INTERNAL: {
    message: 'Internal error: {reason}',
    exitCode: 70,
    when: 'Something happened that the program holds to be impossible.',
    remedy:
      'This is a bug: report it with the log line. Traffic goes on with the last verified configuration.',
  },

  // The configuration file and the log.
  CNG_CONFIG_UNREADABLE: {
    message: 'Config file {path} cannot be read: {reason}',
    exitCode: 78,
    when: 'The file named by --config is missing, is a directory, may not be read, or is not UTF-8 text.',
    remedy: 'Correct the path given with --config, or the rights of the file.',
  },
  CNG_CONFIG_INVALID: {
    message: 'Config file {path} has {errorCount}: {first}',
    exitCode: 78,
    when: 'The YAML does not parse, a key is unknown, a value is not allowed, or two keys contradict each other.',
    remedy: 'Correct every error listed; docs/configuration.md has all keys with what they allow.',
  },
  CNG_CONFIG_WATCH_FAILED: {
    message: 'Config file {path} cannot be watched for changes: {reason}',
    exitCode: 74,
    when: 'The operating system refuses to watch the file, most often because too many files are watched.',
    remedy:
      'Raise fs.inotify.max_user_watches, or restart after editing the file: the running settings stay in force.',
  },
  CNG_LOG_FILE_FAILED: {
    message: 'Log file {path} cannot be written: {reason}',
    exitCode: 74,
    when: 'The disk is full, the folder is missing or may not be written, or the file cannot be rotated.',
    remedy:
      'Make room or correct the rights of the folder. Writing is tried again; the console log is complete.',
  },

  // Manifests.
  CNG_MANIFESTS_UNREADABLE: {
    message: 'Manifests at {path} cannot be read: {reason}',
    exitCode: 74,
    when: 'A path given with --manifests or `kubernetes.manifests` is missing or may not be read.',
    remedy: 'Correct the path or its rights.',
  },
  CNG_MANIFESTS_WATCH_FAILED: {
    message: 'Manifests at {path} cannot be watched for changes: {reason}',
    exitCode: 74,
    when: 'The operating system refuses to watch the folder, most often because too many files are watched.',
    remedy: 'Raise fs.inotify.max_user_watches and restart.',
  },

  // The cluster.
  CNG_CLUSTER_ACCESS: {
    message: 'The Kubernetes API cannot be used: {reason}',
    exitCode: 78,
    when: 'Neither manifests nor a usable kubeconfig nor the credentials of a pod are there.',
    remedy: 'Give --manifests, set kubernetes.kubeconfig, or run in a pod with a service account.',
  },

  // nginx: the binary.
  CNG_NGINX_NOT_FOUND: {
    message: 'nginx binary {binary} was not found',
    exitCode: 78,
    when: '`nginx.binary_path` names no file, or a name that is not on PATH.',
    remedy: 'Install nginx, or set nginx.binary_path to it.',
  },
  CNG_NGINX_NOT_RUNNABLE: {
    message: 'nginx binary {binary} cannot be run: {reason}',
    exitCode: 78,
    when: 'The file is not executable, is for another machine, lacks a library, or does not answer to `nginx -V`.',
    remedy: 'Run it with -V by hand and correct what it says.',
  },
  CNG_NGINX_TOO_OLD: {
    message: 'nginx {version} is too old; {minimum} or newer is needed',
    exitCode: 78,
    when: 'The binary is older than the oldest version that the gateway renders for.',
    remedy: 'Install a newer nginx, or set nginx.binary_path to one.',
  },

  // nginx: applying a configuration.
  CNG_LINT_FAILED: {
    message: 'The rendered configuration was refused before nginx saw it: line {line}: {reason}',
    exitCode: 1,
    when: 'A directive that loads code, a path outside the folders of the gateway, or an unbalanced brace.',
    remedy: 'Correct the object or template that the line came from (/debug/config/failed).',
  },
  CNG_NGINX_TEST_FAILED: {
    message: 'nginx refuses the configuration: {reason}',
    exitCode: 1,
    when: '`nginx -t` said no. The objects at fault are quarantined; the rest goes live.',
    remedy: 'Correct the object that the line came from (/debug/config/failed).',
  },
  CNG_NGINX_TEST_DEADLINE: {
    message: '`nginx -t` gave no verdict within {seconds} seconds',
    exitCode: 75,
    when: 'The machine is overloaded, the disk hangs, or nginx waits for something.',
    remedy: 'Look at CPU, memory and disk of the pod. It is tried again; traffic goes on as before.',
  },
  CNG_NGINX_TEST_NO_VERDICT: {
    message: '`nginx -t` gave no verdict: {reason}',
    exitCode: 75,
    when: 'nginx could not be started, was killed, or could not write its files.',
    remedy:
      'Look at memory, disk and rights of the state directory. It is tried again; traffic goes on as before.',
  },
  CNG_RELOAD_FAILED: {
    message: 'The reload script failed: {reason}',
    exitCode: 75,
    when: 'The reload script exited with an error, or nginx said no after its test had passed.',
    remedy: 'Run nginx.reload_script by hand, and read the error log of nginx.',
  },
  CNG_RELOAD_DEADLINE: {
    message: 'The reload script did not end within {seconds} seconds and was stopped',
    exitCode: 75,
    when: 'The script hangs or the machine is overloaded.',
    remedy: 'Run nginx.reload_script by hand. It is tried again; traffic goes on as before.',
  },
  CNG_VERIFY_TIMEOUT: {
    message: 'nginx did not serve generation {generation} within {seconds} seconds',
    exitCode: 75,
    when: 'The master is stopped, a reload failed inside nginx, or old workers still accept connections.',
    remedy: 'Read the error log of nginx. It is tried again; the last verified configuration stays.',
  },
  CNG_NGINX_NOT_RUNNING: {
    message: 'nginx is not running: {reason}',
    exitCode: 75,
    when: 'nginx ended or was killed, and could not be started again.',
    remedy: 'Read the error log of nginx. It is started again from the last verified configuration.',
  },

  // The state directory.
  CNG_STATE_DIR_NOT_WRITABLE: {
    message: 'State directory {path} cannot be written: {reason}',
    exitCode: 74,
    when: 'The folder cannot be made, belongs to another user, or is on a read-only file system.',
    remedy: 'Set nginx.state_dir to a folder that the gateway may write to.',
  },
  CNG_STATE_DIR_FULL: {
    message: 'State directory {path} cannot be written, since its disk is full: {reason}',
    exitCode: 74,
    when: 'The file system of nginx.state_dir, its inodes or the quota are used up, and no nginx serves a complete configuration. Where one does, the gateway waits until there is room.',
    remedy:
      'Make room on the file system of nginx.state_dir, or give it more; the gateway then goes on by itself.',
  },
  CNG_STATE_DIR_IN_USE: {
    message: 'State directory {path} belongs to another gateway that runs',
    exitCode: 75,
    when: 'A second gateway was started with the same nginx.state_dir.',
    remedy: 'Stop the other one, or give each its own nginx.state_dir and ports.',
  },
  CNG_STATE_DIR_PATH_TOO_LONG: {
    message: 'State directory {path} is too long: a socket path below it has {bytes} of {maximum} bytes',
    exitCode: 78,
    when: 'Linux allows 107 bytes for the path of a unix socket, and sockets stand in the state directory.',
    remedy: 'Set nginx.state_dir to a shorter path.',
  },

  // Rendering.
  CNG_WORKER_CRASHED: {
    message: 'The rendering worker ended: {reason}',
    exitCode: 70,
    when: 'A plugin or template threw outside its own handling, or ran out of memory.',
    remedy: 'Remove the plugin or template changed last. A new worker is started; traffic goes on as before.',
  },
  CNG_WORKER_DEADLINE: {
    message: 'Rendering did not end within {seconds} seconds and was stopped',
    exitCode: 75,
    when: 'A plugin or template loops without end, or the machine is overloaded.',
    remedy: 'Remove the plugin or template changed last. A new worker is started; traffic goes on as before.',
  },
  CNG_PLUGIN_BROKEN: {
    message: 'Plugin {plugin} is broken ({file}:{line}): {reason}',
    exitCode: 78,
    when: "A user's plugin does not parse, throws while it is loaded, returns what the API does not have, or loops.",
    remedy:
      'Correct the plugin. Its last good form stays in force; routes that name a plugin without one answer 503.',
  },
  CNG_TEMPLATE_BROKEN: {
    message: 'Template {template} is broken at line {line}: {reason}',
    exitCode: 78,
    when: 'A template does not compile, or names a helper, partial or field that does not exist.',
    remedy: 'Correct the template at that line. A running gateway keeps the previous one in force.',
  },
  CNG_TEMPLATE_UNREADABLE: {
    message: 'Templates or plugins at {path} cannot be used: {reason}',
    exitCode: 78,
    when: '`nginx.template_path`, `plugins.directory` or `kubernetes.template_config_map` leads to nothing that can be read.',
    remedy:
      'Correct the key or the rights of the files, or leave the key empty for the built-in templates alone.',
  },
  CNG_RENDER_UNENCODED_VALUE: {
    message: 'Template {template} prints {field} without an encoder',
    exitCode: 70,
    when: 'A template prints a value that is not a token. It would let cluster text become configuration.',
    remedy: 'Print the token through a helper of the contract.',
  },

  // Sockets of our own.
  CNG_PORT_IN_USE: {
    message: 'Address {address} of {key} is already in use',
    exitCode: 74,
    when: 'Another process, or another part of this one, listens there.',
    remedy: 'Stop the other process, or set the key to a free port.',
  },
  CNG_LISTEN_FAILED: {
    message: 'Cannot listen on {address} of {key}: {reason}',
    exitCode: 74,
    when: 'The address is not one of this machine, or the port needs a right that the process lacks.',
    remedy: 'Set the key to an address of this machine and a port above 1023.',
  },
  CNG_DEBUG_EXPOSED: {
    message:
      'debug.addr {address} can be reached from other machines, and nobody here can check their tokens',
    exitCode: 78,
    when: 'The debug pages are served beyond loopback, where readers need a bearer token, and there is no API server to ask about tokens (the objects are manifests), or the way to it is plain HTTP to another machine.',
    remedy:
      'Set debug.addr to a loopback address, as in 127.0.0.1:8081, or debug.enabled to false, or follow an API server over HTTPS.',
  },
} as const satisfies Readonly<Record<string, ErrorDefinition>>;

export type ErrorCode = keyof typeof errorTable;

/** What may stand in an error: it is printed on one line, so keep it short. */
export type ErrorFields = Readonly<Record<string, unknown>>;

/** The names in braces of a message template. */
type Placeholders<Template extends string> = Template extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** The fields that an error of this code cannot be made without. */
type RequiredFields<Code extends ErrorCode> = Readonly<
  Record<Placeholders<(typeof errorTable)[Code]['message']>, unknown>
>;

/** An error of the table: the message says what happened, `remedy` what to do, `fields` holds the data. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;
  /** What the program exits with when this error ends it. */
  readonly exitCode: number;
  readonly remedy: string;

  constructor(code: ErrorCode, fields: ErrorFields, options?: ErrorOptions) {
    const definition = errorTable[code];
    super(fillTemplate(definition.message, fields), options);
    this.name = 'GatewayError';
    this.code = code;
    this.fields = fields;
    this.exitCode = definition.exitCode;
    this.remedy = definition.remedy;
  }
}

/**
 * Makes an error of the table. The compiler demands every field that the message template names; more fields may
 * be given and are logged with it.
 */
export function gatewayError<Code extends ErrorCode>(
  code: Code,
  fields: RequiredFields<Code> & ErrorFields,
  options?: ErrorOptions,
): GatewayError {
  return new GatewayError(code, fields, options);
}

/** Whether this is an error of the table, and, where a code is given, of that code. */
export function isGatewayError(error: unknown, code?: ErrorCode): error is GatewayError {
  return error instanceof GatewayError && (code === undefined || error.code === code);
}

/** What the program exits with when this error ends it: 70 for anything that is not of the table. */
export function exitCodeOf(error: unknown): number {
  return isGatewayError(error) ? error.exitCode : errorTable.CNG_INTERNAL.exitCode;
}

/** The message of anything thrown, on one line; for the `reason` field of an error that wraps another. */
export function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message || error.name : String(error));
}

const longestField = 500;

function fillTemplate(template: string, fields: ErrorFields): string {
  return template.replaceAll(/\{(\w+)\}/gu, (_, name: string) => oneLine(textOf(fields[name])));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  if (value instanceof Error) {
    return value.message;
  }
  // Secrets inside print themselves as [redacted] here, and a circle does not throw.
  return value === undefined ? 'unknown' : inspect(value, { depth: 2, breakLength: Infinity });
}

// The text may be a file's or nginx's: a line break in it would let it forge lines of its own on a terminal.
function oneLine(text: string): string {
  const escaped = text
    .trim()
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  return escaped.length > longestField ? `${escaped.slice(0, longestField)}…` : escaped;
}
