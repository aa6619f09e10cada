import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { emptyLine, readLine } from './line.ts';
import type { TrafficBook } from './book.ts';
import { LogFile } from './log-file.ts';
import type { Position } from './saved.ts';

/** The name that nginx writes under. */
export const logName = 'requests.log';
const rotatedName = /^requests\.(\d{1,15})\.log$/u;

export interface ReaderOptions {
  /** The folder of the traffic log. */
  readonly folder: string;
  /** Bytes at which the file is put aside. */
  readonly rotateBytes: number;
  /** Has nginx open its logs anew; false where it could not be asked. */
  readonly reopen: () => Promise<boolean>;
  /** Writes counts and positions down; what was read before may be removed after it, unless it throws. */
  readonly persist: () => Promise<void>;
}

/** Nobody writes to a file any more that has not grown for as long: nginx writes what it has once a second. */
export const quietMs = 5_000;
/** Where nginx could not be told to open its logs anew, and has done so by itself. */
const longQuietMs = 60_000;
/** How long a file that was removed is kept open, for a worker that was stopped when it should have let it go. */
const lingerMs = 60_000;
const reopenAgainMs = 5_000;
/** After counts could not be written down, or a file not be removed. */
export const settleAgainMs = 5_000;

/** A file that was put aside. */
interface Retired {
  readonly file: LogFile;
  /** nginx has opened its logs anew since. */
  reopened: boolean;
  /** When it was removed, as `performance.now()`; null while it is there. */
  removedAt: number | null;
}

/**
 * Reads the log and keeps it small without losing a line: a large file gets another name, nginx is told to open its
 * logs anew, and what still comes is read before the file is removed.
 */
export class LogReader {
  readonly #options: ReaderOptions;
  readonly #book: TrafficBook;
  readonly #line = emptyLine();
  #active: LogFile | null = null;
  #retired: Retired[] = [];
  #sequence = 0;
  #reopening: Promise<void> | null = null;
  #nextReopenAt = 0;
  #nextSettleAt = 0;
  rotations = 0;
  /** Times that lines were lost because somebody else cut or removed the file. */
  gaps = 0;

  constructor(book: TrafficBook, options: ReaderOptions) {
    this.#book = book;
    this.#options = options;
  }

  /** Finds what there is to read, `positions` being how far an earlier reader was. */
  async open(positions: readonly Position[], gaps: number): Promise<void> {
    this.gaps = gaps;
    const names = await readdir(this.#options.folder);
    const rotated = names
      .flatMap((name) => {
        const number = rotatedName.exec(name)?.[1];
        return number === undefined ? [] : [{ name, number: Number(number) }];
      })
      .sort((a, b) => a.number - b.number);
    this.#sequence = rotated.at(-1)?.number ?? 0;
    const open: Position[] = [];
    for (const { name } of rotated) {
      const file = await this.#openAt(name, positions, open);
      if (file !== null) {
        this.#retired.push({ file, reopened: false, removedAt: null });
      }
    }
    this.#active = await this.#openAt(logName, positions, open);
    if (positions.some((position) => !position.done && !open.includes(position))) {
      // Somebody has taken away what was not read to its end, as the agent does beside a gateway that is away.
      this.gaps += 1;
    }
  }

  async #openAt(name: string, positions: readonly Position[], found: Position[]): Promise<LogFile | null> {
    const file = await LogFile.open(path.join(this.#options.folder, name));
    for (const position of positions) {
      if (file !== null && (await file.resume(position))) {
        found.push(position);
        break;
      }
    }
    return file;
  }

  positions(): Position[] {
    return [
      ...this.#retired.map(({ file, removedAt }) => ({ ...file.position(), done: removedAt !== null })),
      ...(this.#active === null ? [] : [{ ...this.#active.position(), done: false }]),
    ];
  }

  /** Bytes that are written and not yet read. */
  async behind(): Promise<number> {
    const files = [
      ...this.#retired.map(({ file }) => file),
      ...(this.#active === null ? [] : [this.#active]),
    ];
    const sizes = await Promise.all(files.map(async (file) => await file.behind()));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Reads all that has come since the last pass, and does what is due. One at a time. */
  async pass(): Promise<void> {
    for (const { file } of this.#retired) {
      await this.#read(file);
    }
    if (this.#active !== null) {
      await this.#read(this.#active);
    }
    await this.#followActive();
    await this.#rotate();
    await this.#settleRetired();
  }

  async #read(file: LogFile): Promise<void> {
    const { cut } = await file.readOn((buffer, start, end) => {
      if (readLine(buffer, start, end, this.#line)) {
        this.#book.record(this.#line);
      } else {
        this.#book.malformed += 1;
      }
    });
    this.gaps += Number(cut);
  }

  /** nginx may have been given another file: by our rotation, by the agent, by whoever removed it. */
  async #followActive(): Promise<void> {
    const file = path.join(this.#options.folder, logName);
    const found = await stat(file, { bigint: true }).catch(() => null);
    if (found === null || String(found.ino) === this.#active?.inode) {
      return;
    }
    const next = await LogFile.open(file);
    if (next === null) {
      return;
    }
    if (this.#active !== null) {
      // Removed by somebody else; read on for what comes late.
      this.#retired.push({ file: this.#active, reopened: true, removedAt: performance.now() });
    }
    this.#active = next;
    await this.#read(next);
  }

  async #rotate(): Promise<void> {
    const active = this.#active;
    if (active !== null && active.offset >= this.#options.rotateBytes) {
      this.#sequence += 1;
      const aside = path.join(this.#options.folder, `requests.${this.#sequence}.log`);
      await rename(active.path, aside);
      const moved = await LogFile.open(aside);
      if (moved !== null && moved.inode !== active.inode) {
        // Somebody else was faster: this is a newer one, and ours is gone.
        this.#retired.push({ file: moved, reopened: false, removedAt: null });
        this.#retired.push({ file: active, reopened: true, removedAt: performance.now() });
      } else {
        await moved?.close();
        active.path = aside;
        this.#retired.push({ file: active, reopened: false, removedAt: null });
      }
      this.#active = null;
      this.rotations += 1;
      this.#nextReopenAt = 0;
    }
    const now = performance.now();
    if (
      this.#retired.some(({ reopened }) => !reopened) &&
      this.#reopening === null &&
      now >= this.#nextReopenAt
    ) {
      this.#nextReopenAt = now + reopenAgainMs;
      const asked = this.#retired.filter(({ reopened }) => !reopened);
      // Not awaited: reading goes on.
      this.#reopening = this.#options
        .reopen()
        .then((done) => {
          for (const one of asked) {
            one.reopened = done;
            one.file.grownAt = performance.now();
          }
        })
        .finally(() => {
          this.#reopening = null;
        });
    }
  }

  async #settleRetired(): Promise<void> {
    const now = performance.now();
    const quiet = this.#retired.filter(
      ({ file, reopened, removedAt }) =>
        removedAt === null &&
        now >= this.#nextSettleAt &&
        now - file.grownAt >= (reopened ? quietMs : longQuietMs) &&
        (reopened || this.#active !== null),
    );
    if (quiet.length > 0) {
      await this.#remove(quiet, now);
    }
    const over = this.#retired.filter(({ removedAt }) => removedAt !== null && now - removedAt >= lingerMs);
    this.#retired = this.#retired.filter((one) => !over.includes(one));
    for (const { file } of over) {
      await file.close();
    }
  }

  async #remove(quiet: readonly Retired[], now: number): Promise<void> {
    for (const one of quiet) {
      one.removedAt = now;
    }
    const left = new Set(quiet);
    try {
      // First of all: should this one end before they are removed, the next one must not count them again.
      await this.#options.persist();
      for (const one of quiet) {
        await rm(one.file.path, { force: true });
        left.delete(one);
      }
    } finally {
      // Those that are still there keep their position, or the next one would read them from their beginning.
      for (const one of left) {
        one.removedAt = null;
        this.#nextSettleAt = now + settleAgainMs;
      }
    }
  }

  async close(): Promise<void> {
    await this.#reopening;
    for (const { file } of this.#retired) {
      await file.close();
    }
    await this.#active?.close();
    this.#retired = [];
    this.#active = null;
  }
}
