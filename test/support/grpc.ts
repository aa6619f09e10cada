import { once } from 'node:events';
import {
  createSecureServer,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

const timeoutMs = 10_000;
const prefixBytes = 5;

export interface GrpcBackend {
  readonly port: number;
  /** The headers of the calls that arrived. */
  readonly calls: IncomingHttpHeaders[];
  /** Connections that were opened. */
  readonly sessions: number;
}

/**
 * A server that speaks gRPC over HTTP/2, without TLS unless `tls` is given:
 * `/test.Echo/Unary` answers one message behind `echo:`, `/test.Echo/Many` three, `/test.Echo/Chat` each message as
 * it comes, `/test.Echo/Fail` with status 5 and no message; all else with status 12.
 */
export async function startGrpcBackend(
  t: Pick<TestContext, 'after'>,
  tls?: { readonly cert: string; readonly key: string },
): Promise<GrpcBackend> {
  const calls: IncomingHttpHeaders[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = tls === undefined ? createServer() : createSecureServer(tls);
  server.on('session', (session) => {
    sessions.add(session);
  });
  server.on('stream', (stream, headers) => {
    calls.push(headers);
    stream.on('error', () => stream.close());
    serve(stream, headers[':path'] ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    for (const session of sessions) {
      session.destroy();
    }
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    get sessions() {
      return sessions.size;
    },
  };
}

function serve(stream: ServerHttp2Stream, path: string): void {
  const known = ['/test.Echo/Unary', '/test.Echo/Many', '/test.Echo/Chat'];
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  if (!known.includes(path)) {
    stream.respond(
      { ...head, 'grpc-status': path === '/test.Echo/Fail' ? '5' : '12', 'grpc-message': 'no' },
      { endStream: true },
    );
    return;
  }
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': '0', 'x-trailer': 'at the end' });
  });
  const received: string[] = [];
  readMessages(stream, (text) => {
    received.push(text);
    if (path === '/test.Echo/Chat') {
      stream.write(encodeMessage(`echo:${text}`));
    }
  });
  stream.on('end', () => {
    const copies = path === '/test.Echo/Many' ? [1, 2, 3] : [1];
    for (const copy of path === '/test.Echo/Chat' ? [] : copies) {
      stream.write(encodeMessage(`echo:${received.join()}:${copy}`));
    }
    stream.end();
  });
}

/** A call that is under way. */
export interface GrpcCall {
  send(text: string): void;
  /** The next message; rejects after ten seconds. */
  next(): Promise<string>;
  /** Sends no more, and resolves with how it ended. */
  end(): Promise<GrpcResult>;
}

export interface GrpcResult {
  readonly httpStatus: number;
  /** Null where nobody said it. */
  readonly status: string | null;
  readonly messages: readonly string[];
  readonly trailers: IncomingHttpHeaders;
}

/** Begins a call on an HTTP/2 connection. */
export function startCall(
  session: ClientHttp2Session,
  authority: string,
  path: string,
  metadata: Readonly<Record<string, string | string[]>> = {},
): GrpcCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    ':scheme': 'https',
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...metadata,
  });
  const messages: string[] = [];
  let head: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
  let trailers: IncomingHttpHeaders = {};
  let taken = 0;
  stream.on('response', (headers) => {
    head = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  const closed = once(stream, 'close');
  // A call that nobody ends may fail unseen.
  closed.catch(() => stream.close());
  readMessages(stream, (text) => {
    messages.push(text);
    stream.emit('message');
  });
  return {
    send: (text) => {
      stream.write(encodeMessage(text));
    },
    next: async () => {
      while (messages.length <= taken) {
        await once(stream, 'message', { signal: AbortSignal.timeout(timeoutMs) });
      }
      taken += 1;
      return messages[taken - 1] ?? '';
    },
    end: async () => {
      stream.setTimeout(timeoutMs, () => stream.destroy(new Error('the call does not end')));
      stream.end();
      await closed;
      const status = trailers['grpc-status'] ?? head['grpc-status'];
      return {
        httpStatus: head[':status'] ?? 0,
        status: typeof status === 'string' ? status : null,
        messages,
        trailers,
      };
    },
  };
}

/** A call with one message. */
export async function call(
  session: ClientHttp2Session,
  authority: string,
  path: string,
  text: string,
  metadata: Readonly<Record<string, string | string[]>> = {},
): Promise<GrpcResult> {
  const begun = startCall(session, authority, path, metadata);
  begun.send(text);
  return await begun.end();
}

/** A byte that says that the message is not compressed, its length in four, and the message. */
function encodeMessage(text: string): Buffer {
  const content = Buffer.from(text);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

function readMessages(stream: NodeJS.ReadableStream, take: (text: string) => void): void {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= prefixBytes && rest.length >= prefixBytes + rest.readUInt32BE(1)) {
      const end = prefixBytes + rest.readUInt32BE(1);
      take(rest.toString('utf8', prefixBytes, end));
      rest = rest.subarray(end);
    }
  });
}
