import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errorCode, type FoundFile } from './file-tree.ts';
import { fileProblem, type ManifestProblem } from './problem.ts';

/** Bytes. A thousand Ingresses are about 1 MB. */
export const maxFileSize = 32 * 1024 * 1024;

/** What came of reading a file: its text, a problem, or nothing because it is gone since it was found. */
export type ReadFile =
  | { readonly outcome: 'text'; readonly text: string }
  | { readonly outcome: 'problem'; readonly problem: ManifestProblem }
  | { readonly outcome: 'gone' };

/** The text of a file. Never holds more than `maxFileSize` of it, whatever it turns out to be. */
export async function readText(found: FoundFile): Promise<ReadFile> {
  const { file, size } = found;
  if (size > maxFileSize) {
    return tooLarge(file, `${size} bytes`);
  }
  try {
    return await readAsUtf8(found);
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? { outcome: 'gone' }
      : failed(file, `cannot be read (${code}); allow this user to read it; what was read before stays`);
  }
}

/** Rejects with the system's error. */
async function readAsUtf8({ file, path, regular }: FoundFile): Promise<ReadFile> {
  // A pipe that has taken a file's place since it was found would block without O_NONBLOCK; files do not mind it.
  const handle = await open(path, constants.O_RDONLY | (regular ? constants.O_NONBLOCK : 0));
  try {
    const stats = await handle.stat();
    if (regular && !stats.isFile() && !stats.isDirectory()) {
      return { outcome: 'gone' };
    }
    if (stats.isFile() && stats.size > maxFileSize) {
      return tooLarge(file, `${stats.size} bytes`);
    }
    const bytes = await readAtMost(handle, maxFileSize);
    if (bytes === null) {
      return tooLarge(file, `more than ${maxFileSize} bytes`);
    }
    const text = bytes.toString('utf8');
    return isUtf8(bytes) ? { outcome: 'text', text } : notUtf8(file, text);
  } finally {
    await handle.close();
  }
}

const chunkSize = 256 * 1024;

/** Everything up to the end; null as soon as it is more than `limit` bytes: a device need not end. */
async function readAtMost(handle: FileHandle, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(chunkSize), 0, chunkSize, null);
    if (bytesRead === 0) {
      return Buffer.concat(chunks);
    }
    total += bytesRead;
    if (total > limit) {
      return null;
    }
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

function tooLarge(file: string, size: string): ReadFile {
  return failed(file, `has ${size}; at most ${maxFileSize} are read: spread it over several files`);
}

function failed(file: string, message: string): ReadFile {
  return { outcome: 'problem', problem: fileProblem(file, message) };
}

function notUtf8(file: string, text: string): ReadFile {
  const before = text.slice(0, text.indexOf('\ufffd')).split('\n');
  const problem = {
    file,
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    message: 'is no UTF-8 text from here on; save it as UTF-8',
  };
  return { outcome: 'problem', problem };
}

/** Reads many files, a few at a time, and hands each on in order, so that the texts are not all held at once. */
export async function readEach(
  files: readonly FoundFile[],
  handle: (found: FoundFile, read: ReadFile) => void,
): Promise<void> {
  const atOnce = 16;
  for (let start = 0; start < files.length; start += atOnce) {
    const batch = files.slice(start, start + atOnce);
    const reads = await Promise.all(batch.map(async (found) => ({ found, read: await readText(found) })));
    for (const { found, read } of reads) {
      handle(found, read);
    }
  }
}
