import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** A TCP port of 127.0.0.1 that was free a moment ago; the kernel hands the same one out again only much later. */
export async function freePort(): Promise<number> {
  const { server, port } = await occupyPort();
  server.close();
  await once(server, 'close');
  return port;
}

/** A TCP port of 127.0.0.1 that somebody else listens on until `server` is closed. */
export async function occupyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new TypeError('a TCP server has an address with a port');
  }
  return { server, port: address.port };
}
