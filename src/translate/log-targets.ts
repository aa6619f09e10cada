import type { Allowances } from '../model/candidate.ts';
import type { LogTarget } from '../model/model.ts';
import { token, type Token } from '../model/token.ts';
import { keyword } from '../model/words.ts';
import type { Options } from '../options/options.ts';

/** Logs beside those that the gateway reads. */
export interface LogTargets {
  readonly http: readonly LogTarget[];
  readonly stream: readonly LogTarget[];
  readonly error: readonly Token[];
}

/** Where the operator wants logs as well. */
export function logTargetsOf(options: Options): LogTargets {
  const server = syslogServer(options);
  const syslog = server === null ? [] : [token('text', `syslog:server=${server}`)];
  const common = options['access-log-path'];
  return {
    http: [
      ...fileTarget(options['http-access-log-path'] ?? common, options),
      ...syslog.map((target) => ({ target, parameters: [] })),
    ],
    stream: fileTarget(options['stream-access-log-path'] ?? common, options),
    error: [...present(options['error-log-path']).map(errorTarget), ...syslog],
  };
}

/** What the lint lets the text name for that. */
export function logAllowances(options: Options): Pick<Allowances, 'logs' | 'syslogServers'> {
  const server = syslogServer(options);
  const paths = [
    options['access-log-path'],
    options['http-access-log-path'],
    options['stream-access-log-path'],
    options['error-log-path'],
  ];
  return {
    logs: paths.flatMap((path) => path?.text ?? []),
    syslogServers: server === null ? [] : [server],
  };
}

function syslogServer(options: Options): string | null {
  const host = options['syslog-host'];
  return options['enable-syslog'] && host !== null ? `${host.text}:${options['syslog-port']}` : null;
}

/** nginx has its own name for the output of its container: it need not open it, which it may not where that is a socket. */
function errorTarget(path: Token<'file'>): Token {
  return path.text.startsWith('/dev/std') ? keyword('stderr') : path;
}

function fileTarget(target: Token | null, options: Options): LogTarget[] {
  return present(target).map((each) => ({ target: each, parameters: options['access-log-params'] }));
}

function present<T>(value: T | null): T[] {
  return value === null ? [] : [value];
}
