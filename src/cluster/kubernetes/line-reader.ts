import { Buffer } from 'node:buffer';

/** Bytes of one line. etcd keeps objects of at most 1.5 MiB, and JSON makes them a few times larger at worst. */
export const maxLineBytes = 8 * 1024 * 1024;

/** Cuts a stream of bytes into lines. */
export interface LineReader {
  /** The lines that this chunk completes, or null once a line is longer than allowed. */
  push(chunk: Buffer): string[] | null;
  /** Whether bytes of an unfinished line are left. */
  hasRest(): boolean;
}

/**
 * Lines end with LF; a CR before it stays, which JSON takes for white space. Cutting is done on bytes, so that a
 * character split over two chunks comes out whole.
 */
export function createLineReader(limit = maxLineBytes): LineReader {
  let parts: Buffer[] = [];
  let size = 0;

  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        size += end - start;
        if (size > limit) {
          return null;
        }
        parts.push(chunk.subarray(start, end));
        lines.push((parts.length === 1 ? (parts[0] ?? chunk) : Buffer.concat(parts)).toString('utf8'));
        parts = [];
        size = 0;
        start = end + 1;
      }
      if (start < chunk.length) {
        parts.push(chunk.subarray(start));
        size += chunk.length - start;
      }
      return size > limit ? null : lines;
    },
    hasRest: () => size > 0,
  };
}
