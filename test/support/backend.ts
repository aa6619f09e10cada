import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TestContext } from 'node:test';

/** What the echoing backend answers with, as JSON. */
export interface Echo {
  readonly backend: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Backend {
  readonly port: number;
  readonly server: Server;
  /** Requests that arrived. */
  readonly seen: Echo[];
  close(): Promise<void>;
}

export interface BackendOptions {
  /** Instead of 127.0.0.1. */
  readonly address?: string;
  /** Instead of a free one. */
  readonly port?: number;
  /** Speaks HTTPS with this certificate. */
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    /** Asks clients for a certificate. */
    readonly requestCert?: boolean;
    readonly rejectUnauthorized?: boolean;
  };
}

/** An HTTP server on a free port of 127.0.0.1 that answers with what it was asked. It ends with the test. */
export async function startBackend(
  t: Pick<TestContext, 'after'>,
  name: string,
  handler?: RequestListener,
  options: BackendOptions = {},
): Promise<Backend> {
  const seen: Echo[] = [];
  function listener(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const echo: Echo = {
        backend: name,
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        rawHeaders: request.rawHeaders,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      seen.push(echo);
      if (handler !== undefined) {
        handler(request, response);
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json', 'x-powered-by': 'test' });
      response.end(JSON.stringify(echo));
    });
  }

  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  server.listen(options.port ?? 0, options.address ?? '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new TypeError('a TCP server has an address with a port');
  }

  async function close(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }

  t.after(close);
  return { port: address.port, server, seen, close };
}
