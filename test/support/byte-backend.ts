import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';

/** A backend that shows where one connection's bytes end up: what a parser of HTTP would hide. */
export interface ByteBackend {
  readonly port: number;
  /** What came on each connection, in the order in which they were opened. */
  readonly connections: readonly string[];
}

/**
 * Answers every head on a connection, and takes its body where a length is said: so what a client has left over of a
 * body is answered as a request of its own. It ends with the test.
 */
export async function startByteBackend(
  t: Pick<TestContext, 'after'>,
  statusOf: (head: string) => number,
): Promise<ByteBackend> {
  const connections: string[] = [];
  const server = createServer((socket) => {
    const index = connections.push('') - 1;
    let waiting = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      connections[index] += chunk;
      waiting += chunk;
      for (;;) {
        const end = waiting.indexOf('\r\n\r\n');
        const head = waiting.slice(0, Math.max(end, 0));
        const length = Number(/^content-length: *(\d+)/imu.exec(head)?.[1] ?? 0);
        if (end < 0 || waiting.length < end + 4 + length) {
          return;
        }
        waiting = waiting.slice(end + 4 + length);
        socket.write(`HTTP/1.1 ${statusOf(head)} X\r\nX-Length: 3\r\nContent-Length: 2\r\n\r\nok`);
      }
    });
    // Whoever asked may be gone before the answer.
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new TypeError('a TCP server has an address with a port');
  }
  t.after(() => {
    server.close();
  });
  return { port: address.port, connections };
}
