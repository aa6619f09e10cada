import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { gatewayError, reasonOf } from '../errors.ts';
import { version } from '../version.ts';
import { writeDurably } from './durable-file.ts';

/** What a kept file holds; `absent`, or why it is not believed. */
export type Kept =
  | { readonly kind: 'kept'; readonly body: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unusable'; readonly reason: string };

interface Header {
  readonly format: string;
  readonly by: string;
  readonly sha256: string;
}

/** More than the last good forms of 10,000 routes take several times over. */
export const mostKeptBytes = 64 * 1024 * 1024;

/**
 * Keeps a text over restarts, for this program alone: mode 0600, replaced as a whole. `format` names what it is and
 * in which version.
 * @throws the file system's errors, and a plain one for a text that is too long to be read again
 */
export async function writeKept(file: string, format: string, body: string): Promise<void> {
  const header: Header = { format, by: version, sha256: sha256(body) };
  const text = `${JSON.stringify(header)}\n${body}`;
  const bytes = Buffer.byteLength(text);
  if (bytes > mostKeptBytes) {
    throw gatewayError('CNG_INTERNAL', {
      reason: `${bytes} bytes to keep; at most ${mostKeptBytes} are allowed`,
    });
  }
  await writeDurably(file, text, 0o600);
}

/**
 * Reads what `writeKept` wrote. Not believed is what another user wrote or may have changed (nginx can write to the
 * same folder, and a plugin's code runs beside our token), what is cut off or changed, and what another version of the
 * program left.
 */
export async function readKept(file: string, format: string): Promise<Kept> {
  try {
    // A link could lead to a file of ours that is something else, and opening a FIFO waits for ever.
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { uid, mode, size, nlink } = await handle.stat();
      const isOwn = uid === process.getuid?.() && (mode & 0o170077) === constants.S_IFREG && nlink === 1;
      if (!isOwn) {
        return { kind: 'unusable', reason: 'it is not a file that this user alone can write' };
      }
      return size > mostKeptBytes
        ? { kind: 'unusable', reason: `it has ${size} bytes; at most ${mostKeptBytes} are read` }
        : opened(await handle.readFile('utf8'), format);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isAbsent ? { kind: 'absent' } : { kind: 'unusable', reason: reasonOf(error) };
  }
}

function opened(text: string, format: string): Kept {
  const end = text.indexOf('\n');
  const header = parseHeader(text.slice(0, Math.max(end, 0)));
  const body = text.slice(end + 1);
  if (header === null) {
    return { kind: 'unusable', reason: 'it does not begin as it should' };
  }
  if (header.format !== format || header.by !== version) {
    return { kind: 'unusable', reason: `it is ${header.format} of version ${header.by}` };
  }
  return header.sha256 === sha256(body)
    ? { kind: 'kept', body }
    : { kind: 'unusable', reason: 'it has been changed or cut off' };
}

function parseHeader(line: string): Header | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Something else, or nothing: as the caller says.
    return null;
  }
  const { format, by, sha256: digest } = (value ?? {}) as Partial<Record<keyof Header, unknown>>;
  return typeof format === 'string' && typeof by === 'string' && typeof digest === 'string'
    ? { format, by, sha256: digest }
    : null;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
