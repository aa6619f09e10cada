import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';

/** A TCP server that answers the first bytes with its name and those bytes, and ends; its port. */
export async function startTcpEcho(t: Pick<TestContext, 'after'>, name: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (data: Buffer) => socket.end(`${name}|${data.toString('latin1')}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/** A UDP server that answers each datagram with its name and the datagram; its port. */
export async function startUdpEcho(t: Pick<TestContext, 'after'>, name: string): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (data, { port, address }) => socket.send(`${name}|${data.toString()}`, port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return socket.address().port;
}

/** What comes back for some bytes over TCP; null where nobody takes the connection or it ends without a byte. */
export async function overTcp(port: number, bytes: string): Promise<string | null> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => socket.destroy());
  socket.on('connect', () => socket.write(bytes));
  socket.setTimeout(20_000, () => socket.destroy());
  await new Promise((resolve) => socket.once('close', resolve));
  return text === '' ? null : text;
}

/** What comes back for a datagram, which is sent again every 200 ms for up to twenty seconds; null for nothing. */
export async function overUdp(port: number, bytes: string): Promise<string | null> {
  const socket = createSocket('udp4');
  // Nobody listens yet: an ICMP answer is no end.
  socket.on('error', () => undefined);
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const again = setInterval(() => socket.send(bytes), 200);
  socket.send(bytes);
  const signal = AbortSignal.timeout(20_000);
  const answer = await new Promise<string | null>((resolve) => {
    socket.once('message', (data) => resolve(data.toString()));
    signal.addEventListener('abort', () => resolve(null));
  });
  clearInterval(again);
  socket.close();
  return answer;
}
