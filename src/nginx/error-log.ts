import { lstat, type FileHandle } from 'node:fs/promises';
import { openPlainFile } from '../plain-file.ts';
import { cutCopyOf } from './log-limit.ts';
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
  readonly file: string;
  readonly handle: FileHandle;
  readonly inode: number;
  offset: number;
  /** The unfinished last line. */
  rest: string;
  /** Which copy of a cut log there was when this one was last seen to be whole; null for none. */
  copy: string | null;
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
  const handle = await openPlainFile(file, 'read').catch(() => null);
  if (handle === null) {
    return null;
  }
  const { ino, size } = await handle.stat();
  return {
    file,
    handle,
    inode: ino,
    offset: where === 'end' ? size : 0,
    rest: '',
    copy: await identityOfCopy(file),
  };
}

async function readOn(position: Position): Promise<string> {
  const { size } = await position.handle.stat();
  let before = '';
  if (size < position.offset) {
    before = await readCutOff(position);
    position.offset = 0;
    position.rest = '';
  }
  return before + (await readTo(size, position.handle, position));
}

/** What stood between here and the end of a log that has been cut, where the cut left a copy (log-limit.ts). */
async function readCutOff(position: Position): Promise<string> {
  const copy = await identityOfCopy(position.file);
  if (copy === null || copy === position.copy) {
    // Somebody else cut it; an older copy would bring back what was said long ago.
    return '';
  }
  position.copy = copy;
  const handle = await openPlainFile(cutCopyOf(position.file), 'read').catch(() => null);
  if (handle === null) {
    return '';
  }
  try {
    const { size } = await handle.stat();
    return size < position.offset ? '' : await readTo(size, handle, position);
  } finally {
    await handle.close();
  }
}

async function identityOfCopy(file: string): Promise<string | null> {
  const found = await lstat(cutCopyOf(file)).catch(() => null);
  return found === null ? null : `${found.ino}:${found.mtimeMs}`;
}

/** The complete lines from the offset on, which moves along. */
async function readTo(
  size: number,
  handle: FileHandle,
  position: Pick<Position, 'offset' | 'rest'>,
): Promise<string> {
  const from = Math.max(position.offset, size - maxBytes);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
  position.offset = from + bytesRead;
  const text = position.rest + buffer.toString('utf8', 0, bytesRead);
  const end = text.lastIndexOf('\n') + 1;
  position.rest = text.slice(end);
  return text.slice(0, end);
}
