import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { gatewayError, reasonOf } from '../errors.ts';
import type { GatewayError } from '../errors.ts';

/** Enough for every header that a scraper, a probe or a browser sends; more is answered with 431. */
const maxHeaderBytes = 16 * 1024;
/** Connections beyond these are dropped: strangers on the pod network must not use up the file descriptors. */
const maxConnections = 1024;
/** Node's default of 30 s between two looks at its deadlines would turn a timeout of 1 s into one of 31 s. */
const deadlineCheckMs = 1000;
/** How long `close` waits for answers that are under way. */
const closeGraceMs = 2000;

export interface ListenOptions {
  /** The key in the config file that `addr` comes from; errors name it. */
  readonly setting: string;
  /** An empty host is every address, IPv4 and IPv6. Port 0 is any free port. */
  readonly addr: { readonly host: string; readonly port: number };
  /** Seconds that a client may take to send a whole request, counted from the connection; 0 is no limit. */
  readonly readTimeout: number;
  /** Seconds from the last byte of a request's headers to the last byte of its answer; 0 is no limit. */
  readonly writeTimeout: number;
  /**
   * Seconds that a connection may be idle between two requests; 0 is no limit. Node waits one more than it tells the
   * client, so that a request sent at the last moment is not lost.
   */
  readonly idleTimeout: number;
  /** Told of errors of the listening socket after the start, which end nothing. */
  readonly onError: (error: Error) => void;
}

export interface ListeningServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Stops listening, lets answers under way finish for at most 2 s, then cuts what is left. Never rejects. */
  close(): Promise<void>;
}

/**
 * Serves `app` over HTTP/1.1. Rejects with `CNG_PORT_IN_USE` or `CNG_LISTEN_FAILED`.
 * Request bodies are never read: the connection of a request that has one is closed after the answer.
 */
export async function listen(options: ListenOptions, app: Pick<Hono, 'fetch'>): Promise<ListeningServer> {
  // Without `overrideGlobalObjects: false` the adapter replaces the global Request of the whole process.
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  let inFlight = 0;
  let whenIdle: (() => void) | null = null;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    inFlight += 1;
    const stopDeadline = writeDeadline(response, options.writeTimeout);
    response.once('close', () => {
      stopDeadline();
      inFlight -= 1;
      if (inFlight === 0) {
        whenIdle?.();
      }
    });
    if (whenIdle !== null || hasBody(request)) {
      response.shouldKeepAlive = false;
    }
    void handle(request, response);
  }

  const readTimeoutMs = options.readTimeout * 1000;
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: readTimeoutMs,
      requestTimeout: readTimeoutMs,
      keepAliveTimeout: options.idleTimeout * 1000,
      connectionsCheckingInterval: deadlineCheckMs,
    },
    onRequest,
  );
  server.maxConnections = maxConnections;
  const address = await bind(server, options);
  server.on('error', options.onError);

  let closed: Promise<void> | null = null;
  function close(): Promise<void> {
    closed ??= new Promise((resolve) => {
      // Connections that have sent nothing yet count as active in Node: only cutting ends them.
      whenIdle = () => server.closeAllConnections();
      const deadline = setTimeout(() => server.closeAllConnections(), closeGraceMs);
      server.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      if (inFlight === 0) {
        whenIdle();
      }
    });
    return closed;
  }
  return { address, close };
}

/** Cuts the connection of an answer that takes too long: a client that does not read must not hold its memory. */
function writeDeadline(response: ServerResponse, seconds: number): () => void {
  if (seconds === 0) {
    return () => undefined;
  }
  const timer = setTimeout(() => response.destroy(), seconds * 1000);
  timer.unref();
  return () => clearTimeout(timer);
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

async function bind(server: Server, options: ListenOptions): Promise<{ host: string; port: number }> {
  const { host, port } = options.addr;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.once('listening', resolve);
  server.listen(host === '' ? { port } : { host, port });
  try {
    await promise;
  } catch (cause) {
    throw listenError(options, cause);
  } finally {
    server.off('error', reject);
  }
  const bound = server.address() as AddressInfo;
  return { host: bound.address, port: bound.port };
}

function listenError(options: ListenOptions, cause: unknown): GatewayError {
  const { host, port } = options.addr;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const key = options.setting;
  if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return gatewayError('CNG_PORT_IN_USE', { address, key }, { cause });
  }
  return gatewayError('CNG_LISTEN_FAILED', { address, key, reason: reasonOf(cause) }, { cause });
}

/** Whether an address that is listened on can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
