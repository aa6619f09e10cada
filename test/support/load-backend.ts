import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** A backend for load: it keeps nothing of what it is sent. */
export interface LoadBackend {
  readonly port: number;
  /** Requests that arrived for a path (without its query). */
  asked(path: string): number;
  /** Lets every download come to its end. */
  endDownloads(): void;
  /** As a pod that ends: it takes no connection any more and finishes what it was asked. */
  retire(): Promise<void>;
  close(): Promise<void>;
}

/** Between two pieces of a download. */
const pieceMs = 50;

/**
 * Starts it on a free port of 127.0.0.1, or of another address of this machine; it ends with the test. `/slow?MS` answers that much later, `/upload` with the
 * number of bytes received, `/download` with numbered lines until `endDownloads`, everything else at once with `name`.
 * Connections that ask for an upgrade get their bytes back.
 */
export async function startLoadBackend(
  t: Pick<TestContext, 'after'>,
  name: string,
  address = '127.0.0.1',
): Promise<LoadBackend> {
  const asked = new Map<string, number>();
  const ending = new AbortController();
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [route = '', query = ''] = (request.url ?? '').split('?');
    asked.set(route, (asked.get(route) ?? 0) + 1);
    switch (route) {
      case '/slow':
        // A test that ends does not wait for it.
        await sleep(Number(query), undefined, { ref: false });
        response.end(name);
        break;
      case '/upload': {
        let bytes = 0;
        for await (const chunk of request) {
          bytes += (chunk as Buffer).length;
        }
        response.end(`${bytes} bytes`);
        break;
      }
      case '/download':
        for (let piece = 0; !ending.signal.aborted; piece += 1) {
          response.write(`${piece}\n`);
          await sleep(pieceMs);
        }
        response.end();
        break;
      default:
        response.end(name);
    }
  }

  const server = createServer((request, response) => {
    // A client that goes away in the middle is a finding of the test's own counts.
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 120_000;
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(0, address);
  await once(server, 'listening');

  async function retire(): Promise<void> {
    if (server.listening) {
      await new Promise((resolve) => {
        server.close(resolve);
      });
    }
  }

  async function close(): Promise<void> {
    const ended = retire();
    server.closeAllConnections();
    await ended;
  }

  t.after(close);
  return {
    port: (server.address() as AddressInfo).port,
    asked: (path) => asked.get(path) ?? 0,
    endDownloads: () => {
      ending.abort();
    },
    retire,
    close,
  };
}
