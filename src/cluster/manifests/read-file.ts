import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { errorCode, type FoundFile } from './file-tree.ts';
import { fileProblem, type ManifestProblem } from './problem.ts';

/** Bytes. A thousand Ingresses are about 1 MB. */
export const maxFileSize = 32 * 1024 * 1024;

/** What came of reading a file: its text, a problem, or nothing because it is gone since it was found. */
export type ReadFile =
  | { readonly outcome: 'text'; readonly text: string }
  | { readonly outcome: 'problem'; readonly problem: ManifestProblem }
  | { readonly outcome: 'gone' };

/** The text of a file. */
export async function readText({ file, path, size }: FoundFile): Promise<ReadFile> {
  if (size > maxFileSize) {
    return tooLarge(file, size);
  }
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? { outcome: 'gone' }
      : failed(file, `cannot be read (${code}); allow this user to read it; what was read before stays`);
  }
  if (bytes.length > maxFileSize) {
    return tooLarge(file, bytes.length);
  }
  const text = bytes.toString('utf8');
  return isUtf8(bytes) ? { outcome: 'text', text } : notUtf8(file, text);
}

function tooLarge(file: string, size: number): ReadFile {
  return failed(file, `has ${size} bytes; at most ${maxFileSize} are read: spread it over several files`);
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
