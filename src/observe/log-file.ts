import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import { type GatewayError, gatewayError, reasonOf } from '../errors.ts';
import { longestLine } from './log-line.ts';

export interface LogFileOptions {
  readonly path: string;
  /** Neither the file nor a backup grows beyond this. */
  readonly maxBytes: number;
  /** How many old files stay beside the current one, as `<path>.1` (the newest), `<path>.2`… */
  readonly maxBackups: number;
  /** An old file goes when its last line is older than this. */
  readonly maxAgeMs: number;
  /** Called once when writing begins to fail, and never with the same failure again until it has worked. */
  readonly onProblem: (error: GatewayError) => void;
  /** Called when writing works again, with the number of lines that had to be dropped meanwhile. */
  readonly onRecovery?: (droppedLines: number) => void;
  /** Milliseconds between two attempts while writing fails. */
  readonly retryMs?: number;
}

export interface LogFile {
  /** Takes whole lines. Never emits an error: failures go to `onProblem` and are tried again. */
  readonly stream: Writable;
  /** Ends when every line is in the file, or at once while the file cannot be written. */
  close(): Promise<void>;
}

/** What may wait in memory while the file cannot be written; beyond it lines are dropped and counted. */
const mostWaitingBytes = 8 * 1024 * 1024;
const pruneIntervalMs = 3_600_000;

/**
 * Opens a log file that rotates by size and keeps its old files within their number and age, at start, at each
 * rotation and every hour. A line stands in one file, whole and once. Never throws: a file that cannot be
 * written is reported, and tried again for as long as it takes.
 */
export function openLogFile(options: LogFileOptions): LogFile {
  const state: WriterState = {
    options,
    inner: null,
    failing: false,
    closing: false,
    dropped: 0,
    wake: null,
    turn: Promise.resolve(),
  };
  const stream = new Writable({
    decodeStrings: true,
    write: (chunk: Buffer, _encoding, done) => void deliver(state, [chunk], stream).then(() => done(), done),
    writev: (chunks, done) => {
      const lines = chunks.map(({ chunk }: { chunk: Buffer }) => chunk);
      void deliver(state, lines, stream).then(() => done(), done);
    },
  });
  const hourly = setInterval(() => prune(state), pruneIntervalMs);
  hourly.unref();
  // At start: the limits may have been lowered since the last run.
  prune(state);

  async function close(): Promise<void> {
    clearInterval(hourly);
    state.closing = true;
    state.wake?.();
    await new Promise<void>((resolve) => {
      stream.end(() => resolve());
    });
    await closeInner(state);
    await state.turn;
    if (state.dropped > 0) {
      report(state, new Error(`${state.dropped} lines were not written`));
      state.dropped = 0;
    }
  }

  return { stream, close };
}

interface WriterState {
  readonly options: LogFileOptions;
  inner: Inner | null;
  failing: boolean;
  closing: boolean;
  dropped: number;
  /** Ends the wait between two attempts. */
  wake: (() => void) | null;
  /** Ends when nobody writes or removes files. */
  turn: Promise<unknown>;
}

interface Inner {
  readonly file: RotatingFileStream;
  /** A rotation began: whatever fails from here on, the batch before it is in the file. */
  rotating: boolean;
  error: Error | null;
}

/** One after the other: an old file that is to go must not be renamed over by a rotation between look and removal. */
function inTurn<T>(state: WriterState, task: () => Promise<T>): Promise<T> {
  const result = state.turn.then(task);
  state.turn = result.catch(() => undefined);
  return result;
}

function prune(state: WriterState): void {
  void inTurn(state, () => pruneBackups(state.options));
}

function report(state: WriterState, cause: Error): void {
  const { path, onProblem } = state.options;
  onProblem(gatewayError('CNG_LOG_FILE_FAILED', { path, reason: reasonOf(cause) }, { cause }));
}

async function deliver(state: WriterState, lines: readonly Buffer[], stream: Writable): Promise<void> {
  for (const batch of batchesOf(lines)) {
    await deliverBatch(state, batch, stream);
  }
}

async function deliverBatch(state: WriterState, batch: Batch, stream: Writable): Promise<void> {
  for (;;) {
    const written = await inTurn(state, () => writeOnce(state, batch));
    if (written) {
      return;
    }
    if (state.closing || stream.writableLength > mostWaitingBytes) {
      state.dropped += batch.lines;
      return;
    }
    await pause(state);
  }
}

/** Whether the batch is in the file. */
async function writeOnce(state: WriterState, batch: Batch): Promise<boolean> {
  let written = false;
  let error: Error | null = null;
  if (state.inner === null) {
    state.inner = createInner(state);
    // It may rotate while it opens; only from here on does a rotation mean that our batch was written before it.
    error = await settled(state.inner, (done) => state.inner?.file.once('open', () => done(null)));
  }
  const inner = state.inner;
  if (error === null) {
    inner.rotating = false;
    error = await settled(inner, (done) => inner.file.write(batch.bytes, (failure) => done(failure ?? null)));
    written = error === null || inner.rotating;
  }
  if (error === null) {
    recovered(state);
    return true;
  }
  inner.file.destroy();
  state.inner = null;
  if (!state.failing) {
    state.failing = true;
    report(state, error);
  }
  return written;
}

/** The error that ends a step, or null. A stream that fails on its own closes, and then no callback comes. */
function settled(inner: Inner, start: (done: (error: Error | null) => void) => void): Promise<Error | null> {
  return new Promise((resolve) => {
    function closed(): void {
      resolve(inner.error ?? new Error('the file was closed'));
    }
    inner.file.once('close', closed);
    start((error) => {
      inner.file.off('close', closed);
      resolve(error);
    });
  });
}

function recovered(state: WriterState): void {
  if (state.failing) {
    state.failing = false;
    state.options.onRecovery?.(state.dropped);
    state.dropped = 0;
  }
}

function pause(state: WriterState): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, state.options.retryMs ?? 5_000);
    timer.unref();
    function done(): void {
      clearTimeout(timer);
      state.wake = null;
      resolve();
    }
    state.wake = done;
  });
}

function createInner(state: WriterState): Inner {
  const { path, maxBytes, maxBackups } = state.options;
  // It rotates after the write that reaches the size, so the size it is told leaves room for one more batch.
  const size = Math.max(maxBytes - longestLine, Math.ceil(maxBytes / 2));
  const file = createStream(basename(path), {
    path: dirname(path),
    size: `${size}B`,
    // It keeps at least one; `pruneBackups` removes that one too where none is wanted.
    rotate: Math.max(1, maxBackups),
    mode: 0o640,
  });
  const inner: Inner = { file, rotating: false, error: null };
  file.on('rotation', () => (inner.rotating = true));
  file.on('rotated', () => prune(state));
  file.on('error', (error) => (inner.error = error));
  return inner;
}

function closeInner(state: WriterState): Promise<void> {
  const inner = state.inner;
  state.inner = null;
  if (inner === null || inner.file.closed) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    inner.file.once('close', () => resolve());
    inner.file.end();
  });
}

interface Batch {
  readonly bytes: Buffer;
  readonly lines: number;
}

/** Whole lines together up to the length of the longest line: one write each would cost a system call a line. */
function* batchesOf(lines: readonly Buffer[]): Generator<Batch> {
  let waiting: Buffer[] = [];
  let length = 0;
  for (const line of lines) {
    if (length > 0 && length + line.length > longestLine) {
      yield { bytes: Buffer.concat(waiting), lines: waiting.length };
      waiting = [];
      length = 0;
    }
    waiting.push(line);
    length += line.length;
  }
  if (waiting.length > 0) {
    yield { bytes: Buffer.concat(waiting), lines: waiting.length };
  }
}

/** Removes the old files of this log that are beyond the number or the age. Other files are not touched. */
export async function pruneBackups(
  options: Pick<LogFileOptions, 'path' | 'maxBackups' | 'maxAgeMs'>,
): Promise<void> {
  const folder = dirname(options.path);
  const prefix = `${basename(options.path)}.`;
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => unreadable(error));
  for (const name of names) {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (!/^[1-9]\d{0,3}$/u.test(number)) {
      continue;
    }
    const path = join(folder, name);
    // Gone meanwhile (a rotation renames them) or not ours to look at: the next round sees it again.
    const seen = await stat(path).catch(() => null);
    // File times are the wall clock's, so this is one of the few ages that are measured by it.
    const tooOld = seen !== null && Date.now() - seen.mtimeMs > options.maxAgeMs;
    if (seen?.isFile() && (Number(number) > options.maxBackups || tooOld)) {
      await rm(path, { force: true }).catch(() => null);
    }
  }
}

/** A folder that cannot be read cannot be written either: writing the file reports that, with its reason. */
function unreadable(_error: NodeJS.ErrnoException): string[] {
  return [];
}
