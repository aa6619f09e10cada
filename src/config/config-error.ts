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

/** A value as errors show it: JSON, on one line, cut where it is long. Also of one that contains itself. */
export function showValue(value: unknown): string {
  if (value === undefined) {
    return 'nothing';
  }
  const json = jsonUpTo(value, longestShown);
  return json.length > longestShown ? `${json.slice(0, longestShown)}…` : json;
}

/**
 * The JSON of a value, or more than `room` characters of its beginning: a few aliases make a value that is endless,
 * or longer than memory.
 */
function jsonUpTo(value: unknown, room: number): string {
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value) ?? 'null';
  }
  const [first, last] = Array.isArray(value) ? '[]' : '{}';
  let text = first ?? '';
  for (const [name, inner] of Object.entries(value)) {
    if (text.length > room) {
      return text;
    }
    const comma = text.length === 1 ? '' : ',';
    text += Array.isArray(value) ? comma : `${comma}${JSON.stringify(name)}:`;
    text += jsonUpTo(inner, room - text.length);
  }
  return text + (last ?? '');
}
