import { type LogValue, logValue } from './log-value.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFormat = 'json' | 'text';
export type LogFields = Readonly<Record<string, unknown>>;

export interface LogRecord {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** No line is longer, so that a log file can stay below its size to the byte. In bytes, line break included. */
export const longestLine = 32 * 1024;

/** One line without its line break, whatever message and fields hold. */
export function formatLine(record: LogRecord, format: LogFormat): string {
  const line = lineOf(record, record.fields, format);
  if (Buffer.byteLength(line) < longestLine) {
    return line;
  }
  const shortened = {
    truncated: `fields of ${Buffer.byteLength(line)} bytes left out`,
    ...shortFields(record),
  };
  return lineOf({ ...record, message: record.message.slice(0, 1000) }, shortened, format);
}

function lineOf(record: LogRecord, fields: LogFields, format: LogFormat): string {
  return printable(format === 'json' ? jsonLine(record, fields) : textLine(record, fields));
}

/** Of a line that is too long, what still tells where it is from. */
function shortFields(record: LogRecord): LogFields {
  const entries = Object.entries(record.fields)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([key, value]): [string, unknown] => [
      key.slice(0, 100),
      typeof value === 'string' ? value.slice(0, 200) : value,
    ]);
  return Object.fromEntries(entries.slice(0, 10));
}

function jsonLine(record: LogRecord, fields: LogFields): string {
  const head = { time: record.time.toISOString(), level: record.level, message: record.message };
  const rest = namedFields(fields).map(([name, value]): [string, LogValue] => [
    // A field must not pass for the time, level or message of the line.
    Object.hasOwn(head, name) ? `field_${name}` : name,
    value,
  ]);
  return JSON.stringify({ ...head, ...Object.fromEntries(rest) });
}

function textLine(record: LogRecord, fields: LogFields): string {
  const rest = namedFields(fields).map(([name, value]) => ` ${textValue(name)}=${textValue(value)}`);
  const head = `${record.time.toISOString()} ${record.level.toUpperCase().padEnd(5)} `;
  return head + JSON.stringify(record.message).slice(1, -1).replaceAll('\\"', '"') + rest.join('');
}

function namedFields(fields: LogFields): [string, LogValue][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, logValue(value)]);
}

function textValue(value: LogValue): string {
  if (typeof value === 'string') {
    return /^[\w./:@%+,*-]+$/u.test(value) ? value : JSON.stringify(value);
  }
  const error = errorText(value);
  return error ?? JSON.stringify(value);
}

/** An error and its causes as one readable value; null for any other value. */
function errorText(value: LogValue): string | null {
  if (typeof value !== 'object' || value === null || !('message' in value)) {
    return null;
  }
  const { code, name, message, cause } = value;
  const kind = code ?? name;
  if (typeof kind !== 'string' || typeof message !== 'string') {
    return null;
  }
  const because = cause === undefined ? '' : ` cause=${textValue(cause)}`;
  return JSON.stringify(`${kind}: ${message}`) + because;
}

/**
 * JSON leaves DEL, the C1 controls, U+2028/9 and the invisible format characters as they are: some viewers break
 * the line there, and the bidirectional ones make a value read as something else.
 */
function printable(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
