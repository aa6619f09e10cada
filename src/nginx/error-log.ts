import { open, type FileHandle } from 'node:fs/promises';
import { parseMessages, type NginxMessage } from './message.ts';

/** Reads what was added to an error log since a moment, across rotation and truncation. */
export interface ErrorLogMark {
  /** What nginx said since the mark or the last call. Complete lines only. */
  read(): Promise<NginxMessage[]>;
  close(): Promise<void>;
}

/** More in one go is skipped: a flood of request errors must not hold up the verdict on a reload. */
const maxBytes = 4 * 1024 * 1024;

interface Position {
  readonly handle: FileHandle;
  readonly inode: number;
  offset: number;
  /** The unfinished last line. */
  rest: string;
}

/** Remembers where the log ends now. A log that does not exist yet, or is no plain file, reads as empty so far. */
export async function markErrorLog(file: string): Promise<ErrorLogMark> {
  let position = await openAt(file, 'end');
  return {
    async read() {
      let text = '';
      if (position !== null) {
        text += await readOn(position);
      }
      const current = await openAt(file, 'start');
      // Another file under the name: the log was rotated, and what came last may stand in either.
      if (current !== null && current.inode !== position?.inode) {
        text += await readOn(current);
        await position?.handle.close();
        position = current;
      } else {
        await current?.handle.close();
      }
      return parseMessages(text);
    },
    async close() {
      await position?.handle.close();
      position = null;
    },
  };
}

async function openAt(file: string, where: 'start' | 'end'): Promise<Position | null> {
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) {
    return null;
  }
  const { ino, size } = await handle.stat();
  return { handle, inode: ino, offset: where === 'end' ? size : 0, rest: '' };
}

async function readOn(position: Position): Promise<string> {
  const { size } = await position.handle.stat();
  if (size < position.offset) {
    position.offset = 0;
    position.rest = '';
  }
  if (size - position.offset > maxBytes) {
    position.offset = size - maxBytes;
  }
  const { buffer, bytesRead } = await position.handle.read(
    Buffer.alloc(size - position.offset),
    0,
    size - position.offset,
    position.offset,
  );
  position.offset += bytesRead;
  const text = position.rest + buffer.toString('utf8', 0, bytesRead);
  const end = text.lastIndexOf('\n') + 1;
  position.rest = text.slice(end);
  return text.slice(0, end);
}
