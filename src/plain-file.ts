import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Bytes; the largest file that is read whole is the text of 10,000 servers, 25 MB. */
const mostBytes = 256 * 1024 * 1024;

/**
 * Opens a file in a folder in which somebody else may write, as nginx may in the shared one. Opening a FIFO would wait
 * for ever, and four of those are all the threads that Node has for files; a link would lead to a file of ours.
 * @throws the file system's own errors, and an Error where the name is no plain file
 */
export async function openPlainFile(file: string, access: 'read' | 'read and write'): Promise<FileHandle> {
  const mode = access === 'read' ? constants.O_RDONLY : constants.O_RDWR;
  const handle = await open(file, mode | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    if (!(await handle.stat()).isFile()) {
      throw new Error(`${file} is no plain file`);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The text of such a file.
 * @throws the file system's own errors, and an Error where the name is no plain file or the file has more than 256 MB
 */
export async function readPlainFile(file: string): Promise<string> {
  const handle = await openPlainFile(file, 'read');
  try {
    const { size } = await handle.stat();
    if (size > mostBytes) {
      throw new Error(`${file} has ${size} bytes; at most ${mostBytes} are read`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
