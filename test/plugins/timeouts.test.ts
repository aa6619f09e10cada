import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

for (const binary of nginxBinaries()) {
  describe(`timeouts on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const silent = await silentPort(suite);
      const app = await startBackend(suite, 'app');
      served = await serve(suite, binary, [
        annotated('short', { 'proxy-read-timeout': '1', 'proxy-next-upstream-tries': '1' }, 'silent'),
        annotated('short-grpc', { 'proxy-read-timeout': '1', 'backend-protocol': 'GRPC' }, 'silent'),
        annotated('long', {
          'proxy-read-timeout': '3600',
          'proxy-send-timeout': '3600',
          'proxy-connect-timeout': '60',
        }),
        annotated('wrong', { 'proxy-read-timeout': '10s', 'proxy-connect-timeout': '0' }),
        ...serviceOn('silent', [silent]),
        ...serviceOn('app', [app.port]),
      ]);
    });

    it('give up on a backend that says nothing', async () => {
      assert.equal((await served.request({ host: 'short.example.com' })).status, 504);
    });

    it('give up on a silent gRPC backend too', async () => {
      assert.equal((await served.request({ host: 'short-grpc.example.com' })).status, 504);
    });

    it('let requests through where they are long', async () => {
      assert.equal((await served.request({ host: 'long.example.com' })).status, 200);
    });

    it('are the default where a value is wrong, which is told with what to write', async () => {
      const { state, reasons } = served.ingress('wrong');

      assert.equal(state, 'served-with-difference');
      assert.match(reasons.join('\n'), /proxy-read-timeout"\]: "10s" is not a whole number from 1 to/u);
      assert.match(reasons.join('\n'), /proxy-connect-timeout"\]: "0" is not a whole number from 1 to/u);
      assert.equal((await served.request({ host: 'wrong.example.com' })).status, 200);
    });
  });
}

/** A port where connections are taken and never answered. */
async function silentPort(t: { after(hook: () => Promise<void> | void): void }): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    sockets.add(socket.resume());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return address.port;
}
