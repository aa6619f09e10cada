import { Writable } from 'node:stream';

export interface Collector {
  readonly stream: Writable;
  /** What was written so far, without the line break at the end. */
  lines(): string[];
  /** The same, read as JSON. */
  records(): Record<string, unknown>[];
}

/** A stream that keeps what a logger writes. */
export function collector(): Collector {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8');
      done();
    },
  });
  function lines(): string[] {
    return text.split('\n').slice(0, -1);
  }
  return { stream, lines, records: () => lines().map((line) => JSON.parse(line) as Record<string, unknown>) };
}
