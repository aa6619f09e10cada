import { connect } from 'node:net';

/** Longer than anything takes; shorter than a person's patience. */
const timeoutMs = 10_000;

/** An answer as it came over the wire. */
export interface RawAnswer {
  /** For example `HTTP/1.1 200 OK`; empty where the connection was closed without an answer. */
  readonly statusLine: string;
  /** 0 where there was no answer. */
  readonly status: number;
  /** Names in lower case, in the order they came. */
  readonly headers: readonly (readonly [string, string])[];
  /** Everything after the head, as it came: a chunked body keeps its chunk sizes. */
  readonly body: string;
}

/**
 * Sends the bytes of `text` (one per character) to 127.0.0.1 and reads until the gateway closes the connection, so
 * requests say `Connection: close`. Rejects when that takes longer than ten seconds.
 */
export async function sendRaw(port: number, text: string): Promise<RawAnswer> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(timeoutMs, () => {
      const soFar = Buffer.concat(chunks).toString('latin1').slice(0, 500);
      socket.destroy(new Error(`the connection stays open after ${timeoutMs / 1000} s; it said: ${soFar}`));
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server that refuses a request may reset the connection while the rest of it is still being sent.
    socket.on('error', (error) => {
      if (chunks.length === 0) {
        reject(error);
      }
    });
    socket.on('close', () => resolve(parseAnswer(Buffer.concat(chunks).toString('latin1'))));
    socket.write(Buffer.from(text, 'latin1'));
  });
}

/** A GET with these header lines, `Connection: close` among them; the Host header is one of the lines. */
export function getText(target: string, headerLines: readonly string[]): string {
  return [`GET ${target} HTTP/1.1`, ...headerLines, 'Connection: close', '', ''].join('\r\n');
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\r\n');
  return {
    statusLine,
    status: Number(/^HTTP\/\d\.\d (\d{3})/u.exec(statusLine)?.[1] ?? 0),
    headers: lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
    body: end < 0 ? '' : text.slice(end + 4),
  };
}
