import type { Writable } from 'node:stream';
import { createLogger as createWinston, format, transports, type Logger as Winston } from 'winston';
import { openLogFile, type LogFile } from './log-file.ts';
import { formatLine, type LogFields, type LogFormat, type LogLevel } from './log-line.ts';

export type { LogFields, LogFormat, LogLevel } from './log-line.ts';

/**
 * The one way to log. The message is static, so that lines can be grouped; what varies goes into the fields.
 * An object of the cluster is the field `object` with its `Kind/namespace/name`, an error the field `error`.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each of its lines; fields given with a line win. */
  child(fields: LogFields): Logger;
  /** For this logger and all its children, from the next line on. */
  setLevel(level: LogLevel): void;
  /** Ends when every line is written. Lines logged after that are lost. Safe to call twice. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format?: LogFormat;
  /** `stderr` where the program's own output goes to stdout, as with `render`. Default `stdout`. */
  readonly destination?: 'stdout' | 'stderr' | Writable;
  /** A file that gets the same lines as well; none where absent or empty. */
  readonly filePath?: string;
  /** Size at which the file rotates, in MB of 1,048,576 bytes. Default 100. */
  readonly maxSizeMb?: number;
  /** Old files kept. Default 3. */
  readonly maxBackups?: number;
  /** Days that an old file is kept. Default 7. */
  readonly maxAgeDays?: number;
}

const levels: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };
const dayMs = 86_400_000;
// `Symbol.for('message')` is where winston's transports look for the finished line (package triple-beam).
const finishedLine = Symbol.for('message');

interface Sink {
  readonly winston: Winston;
  readonly file: LogFile | null;
  readonly destination: Writable;
  readonly ignoreFailure: () => void;
  closed: Promise<void> | null;
}

/** Makes the program's logger. A console whose reader is gone and a file that cannot be written never throw. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = streamOf(options.destination ?? 'stdout');
  const console = new transports.Stream({ stream: destination, eol: '\n' });
  const winston = createWinston({
    levels,
    level: options.level,
    format: lineFormat(options.format ?? 'json'),
    transports: [console],
  });
  const file = options.filePath ? openFile(options, options.filePath, console) : null;
  if (file !== null) {
    winston.add(new transports.Stream({ stream: file.stream, eol: '\n' }));
  }
  const sink: Sink = { winston, file, destination, ignoreFailure: () => undefined, closed: null };
  // EPIPE when whoever reads our output is gone: without a listener that would end the gateway.
  destination.on('error', sink.ignoreFailure);
  return loggerOf(sink, {});
}

function loggerOf(sink: Sink, own: LogFields): Logger {
  function write(level: LogLevel, message: string, fields: LogFields = {}): void {
    const threshold = levels[sink.winston.level as LogLevel];
    if (sink.closed === null && levels[level] <= threshold) {
      // One property for all the fields: winston gives meanings of its own to some names beside `message`.
      sink.winston.log({ level, message, time: new Date(), fields: { ...own, ...fields } });
    }
  }

  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    child: (fields) => loggerOf(sink, { ...own, ...fields }),
    setLevel: (level) => {
      sink.winston.level = level;
    },
    close: () => (sink.closed ??= closeSink(sink)),
  };
}

function streamOf(destination: 'stdout' | 'stderr' | Writable): Writable {
  if (typeof destination !== 'string') {
    return destination;
  }
  return destination === 'stdout' ? process.stdout : process.stderr;
}

interface LineInfo {
  readonly level: string;
  readonly message: unknown;
  readonly time?: Date;
  readonly fields?: LogFields;
}

function lineFormat(lines: LogFormat): ReturnType<ReturnType<typeof format>> {
  return format((info) => {
    const { level, message, time, fields } = info as LineInfo;
    const record = {
      time: time ?? new Date(),
      level: level as LogLevel,
      message: String(message),
      fields: fields ?? {},
    };
    return { ...info, [finishedLine]: formatLine(record, lines) };
  })();
}

/** The file's own troubles go to the console alone: in the file they would only join the queue. */
function openFile(
  options: LoggerOptions,
  path: string,
  console: InstanceType<typeof transports.Stream>,
): LogFile {
  function report(level: LogLevel, message: string, fields: LogFields): void {
    const line = formatLine({ time: new Date(), level, message, fields }, options.format ?? 'json');
    console.log?.({ level, message, [finishedLine]: line }, () => undefined);
  }

  return openLogFile({
    path,
    maxBytes: Math.round((options.maxSizeMb ?? 100) * 1024 * 1024),
    maxBackups: options.maxBackups ?? 3,
    maxAgeMs: (options.maxAgeDays ?? 7) * dayMs,
    onProblem: (error) => report('error', 'Log file cannot be written', { error, remedy: error.remedy }),
    onRecovery: (dropped) => report('info', 'Log file is written again', { path, droppedLines: dropped }),
  });
}

async function closeSink(sink: Sink): Promise<void> {
  const { winston, file, destination } = sink;
  // The logger's own `finish` comes before its transports have the last lines; theirs is the one to wait for.
  const finished = winston.transports.map(
    (transport) =>
      new Promise<void>((resolve) => {
        transport.once('finish', () => resolve());
      }),
  );
  winston.end();
  await Promise.all(finished);
  await file?.close();
  await new Promise<void>((resolve) => {
    destination.write('', () => resolve());
  });
  if (destination !== process.stdout && destination !== process.stderr) {
    destination.off('error', sink.ignoreFailure);
  }
}
