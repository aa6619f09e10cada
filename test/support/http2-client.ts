import { once } from 'node:events';
import {
  connect,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';

const timeoutMs = 10_000;

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Null where the answer had none. */
  readonly trailers: IncomingHttpHeaders | null;
}

export interface Http2Request {
  readonly authority: string;
  readonly path?: string;
  readonly method?: string;
  /** Names may come more than once as a list of values. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Buffer;
}

/** An HTTP/2 connection over TLS to 127.0.0.1, asking for `servername`; the certificate is not checked. */
export async function openHttp2(port: number, servername: string): Promise<ClientHttp2Session> {
  const session = connect(`https://127.0.0.1:${port}`, { servername, rejectUnauthorized: false });
  await once(session, 'connect', { signal: AbortSignal.timeout(timeoutMs) });
  return session;
}

/** One request and its whole answer; rejects after ten seconds without one. */
export async function askHttp2(session: ClientHttp2Session, options: Http2Request): Promise<Http2Answer> {
  const headers = Object.entries(options.headers ?? {}).map(([name, value]): [string, string | string[]] => [
    name,
    typeof value === 'string' ? value : [...value],
  ]);
  const stream = session.request({
    ':method': options.method ?? 'GET',
    ':path': options.path ?? '/',
    ':scheme': 'https',
    ':authority': options.authority,
    ...Object.fromEntries(headers),
  });
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    let trailers: IncomingHttpHeaders | null = null;
    stream.setTimeout(timeoutMs, () => {
      stream.close();
      reject(new Error('no answer within ten seconds'));
    });
    stream.on('response', (received) => {
      head = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      resolve({ status: head[':status'] ?? 0, headers: head, body: Buffer.concat(chunks), trailers });
    });
    stream.end(options.body);
  });
}

/** One request on a connection of its own. */
export async function http2(
  port: number,
  options: Http2Request & { readonly servername?: string },
): Promise<Http2Answer> {
  const session = await openHttp2(port, options.servername ?? options.authority.replace(/:\d+$/u, ''));
  try {
    return await askHttp2(session, options);
  } finally {
    session.destroy();
  }
}
