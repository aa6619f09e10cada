import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { reset } from './tcp-front.ts';

test('a connection that is being shut down is reset without leaking its handle', async () => {
  const peers: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (peer) => {
    peer.on('error', () => peer.destroy());
    peers.push(peer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const isEnding of [true, false]) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    if (isEnding) {
      socket.end();
    }
    const closed = once(socket, 'close');
    reset(socket);
    await closed;
    assert.deepEqual(errors, []);
  }
  for (const peer of peers) {
    peer.destroy();
  }
  server.close();
  await once(server, 'close');
});
