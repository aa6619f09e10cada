import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { gatewayError } from '../errors.ts';

/**
 * Makes this the only gateway on a state folder: two would undo each other's configuration, and the first to end
 * would drain the other's nginx. The lock is a unix socket that is listened on: unlike a pid in a file it cannot be
 * left behind by a process that is gone, nor mistaken over containers, where everybody is number 1.
 * @throws GatewayError CNG_STATE_DIR_IN_USE
 */
export async function lockStateDir(
  stateDir: string,
  socketPath: string,
): Promise<{ release(): Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      server.listen(socketPath);
      await once(server, 'listening');
      return {
        release: async () => {
          const closed = once(server, 'close');
          server.close();
          await closed;
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await answers(socketPath))) {
        throw gatewayError('CNG_STATE_DIR_IN_USE', { path: stateDir }, { cause: error });
      }
      // Left behind by a gateway that was killed.
      await rm(socketPath, { force: true });
    }
  }
  throw gatewayError('CNG_STATE_DIR_IN_USE', { path: stateDir });
}

async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Refused or gone: nobody listens.
    return false;
  } finally {
    socket.destroy();
  }
}
