/** One thing wrong with the settings. */
export interface ConfigError {
  /** The dotted key (`nginx.http_port`), or empty where the file as a whole is meant. */
  readonly key: string;
  /** As read; undefined where no value is meant. */
  readonly value: unknown;
  /** What is wrong with it, what is allowed, and what to do. */
  readonly message: string;
  /** The file, the environment variable or the default that the value comes from, in words. */
  readonly source: string;
  /** Counted from 1; null where the value does not come from a place in the file. */
  readonly line: number | null;
  readonly column: number | null;
}

/** For example `gateway.yaml:3:14: nginx.http_port: 70000 is not allowed: give a port number from 1 to 65535`. */
export function formatConfigError(error: ConfigError): string {
  const place = error.line === null ? error.source : `${error.source}:${error.line}:${error.column ?? 1}`;
  return `${place}: ${error.key === '' ? '' : `${error.key}: `}${error.message}`;
}

const longestShown = 80;

/** A value as errors show it: JSON, on one line, cut where it is long. */
export function showValue(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing';
  return json.length > longestShown ? `${json.slice(0, longestShown)}…` : json;
}
