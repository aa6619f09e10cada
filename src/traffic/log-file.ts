import type { FileHandle } from 'node:fs/promises';
import { openPlainFile } from '../plain-file.ts';
import type { Position } from './saved.ts';

const chunkBytes = 64 * 1024;
/** A line of nginx is a few hundred bytes; what is longer is none. */
const mostCarried = 16 * 1024;
const headBytes = 64;
const lineEnd = 10;

/** One file of the log while it is read, from where it was left. */
export class LogFile {
  readonly inode: string;
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(mostCarried + chunkBytes);
  /** Bytes of a line that has not ended, at the front of the buffer. */
  #carried = 0;
  /** What follows is the rest of a line that was too long. */
  #skips = false;
  #offset = 0;
  #head = '';
  path: string;
  /** `performance.now()` of the last time that there was something to read. */
  grownAt = performance.now();

  private constructor(path: string, handle: FileHandle, inode: string) {
    this.path = path;
    this.#handle = handle;
    this.inode = inode;
  }

  /** Null where there is no file of this name. */
  static async open(path: string): Promise<LogFile | null> {
    try {
      const handle = await openPlainFile(path, 'read');
      const file = new LogFile(path, handle, String((await handle.stat({ bigint: true })).ino));
      await file.#readHead();
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return null;
      }
      throw error;
    }
  }

  /** Goes on where an earlier reader was, if this is the file that it read. */
  async resume({ inode, head, offset }: Omit<Position, 'done'>): Promise<boolean> {
    const { size } = await this.#handle.stat();
    if (inode !== this.inode || size < offset || !this.#head.startsWith(head)) {
      return false;
    }
    this.#offset = offset;
    return true;
  }

  /** Where the next one goes on: behind the last whole line. */
  position(): Omit<Position, 'done'> {
    return { inode: this.inode, head: this.#head, offset: this.#offset - this.#carried };
  }

  async #readHead(): Promise<void> {
    if (this.#head.length < headBytes) {
      const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      this.#head = buffer.toString('latin1', 0, bytesRead);
    }
  }

  /**
   * Gives each line that has come since, as bytes from `start` up to its end, and says whether somebody has cut the
   * file meanwhile.
   */
  async readOn(
    onLine: (buffer: Buffer, start: number, end: number) => void,
  ): Promise<{ readonly cut: boolean }> {
    const { size } = await this.#handle.stat();
    const cut = size < this.#offset;
    if (cut) {
      this.#offset = 0;
      this.#carried = 0;
      this.#head = '';
    }
    if (size > this.#offset) {
      await this.#readHead();
      this.grownAt = performance.now();
    }
    for (;;) {
      const room = Math.min(chunkBytes, this.#buffer.length - this.#carried);
      const { bytesRead } = await this.#handle.read(this.#buffer, this.#carried, room, this.#offset);
      if (bytesRead === 0) {
        return { cut };
      }
      this.#offset += bytesRead;
      this.#giveLines(this.#carried + bytesRead, onLine);
    }
  }

  #giveLines(filled: number, onLine: (buffer: Buffer, start: number, end: number) => void): void {
    const buffer = this.#buffer;
    let start = 0;
    for (;;) {
      const end = buffer.indexOf(lineEnd, start);
      if (end < 0 || end >= filled) {
        break;
      }
      if (this.#skips) {
        this.#skips = false;
      } else {
        onLine(buffer, start, end);
      }
      start = end + 1;
    }
    this.#carried = filled - start;
    if (this.#carried > mostCarried || this.#skips) {
      if (!this.#skips) {
        // Told as one line that is none of ours.
        onLine(buffer, start, start);
      }
      this.#skips = true;
      this.#carried = 0;
    } else {
      buffer.copyWithin(0, start, filled);
    }
  }

  /** Bytes that have not been read. */
  async behind(): Promise<number> {
    return Math.max(0, (await this.#handle.stat()).size - this.#offset);
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#offset;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
