import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** What stands before servers: a load balancer, or a network that can be cut. */
export interface TcpFront {
  readonly port: number;
  /** The ports of 127.0.0.1 that new connections go to, in turn. Connections that stand are not touched. */
  lead(targets: readonly number[]): void;
  readonly targets: readonly number[];
  /** Connections that found nobody, or no target. */
  readonly refused: number;
  /** Refuses connections and drops those that stand, until `restore`. */
  cut(): Promise<void>;
  restore(): Promise<void>;
}

/**
 * Resets a connection; one that is just being shut down is closed. Node 24 leaks the handle of such a one where it is
 * reset (`reset EINVAL`), and the process that has leaked it spins for ever when it should exit.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) {
    socket.destroy();
  } else {
    socket.resetAndDestroy();
  }
}

/** Starts it on a free port of 127.0.0.1; it ends with the test. */
export async function startTcpFront(
  t: Pick<TestContext, 'after'>,
  targets: readonly number[] = [],
): Promise<TcpFront> {
  let led = targets;
  let turn = 0;
  let refused = 0;
  const sockets = new Set<Socket>();

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    keep(client);
    turn += 1;
    const target = led[turn % led.length];
    if (target === undefined) {
      refused += 1;
      client.on('error', () => client.destroy());
      client.destroy();
      return;
    }
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    let stands = false;
    keep(upstream);
    upstream.on('connect', () => {
      stands = true;
    });
    // As a balancer of packets: what one side ends or resets, the other sees so too.
    upstream.on('error', () => {
      refused += stands ? 0 : 1;
      reset(client);
    });
    client.on('error', () => reset(upstream));
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  async function cut(): Promise<void> {
    if (server.listening) {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) {
        reset(socket);
      }
      await closed;
    }
  }

  t.after(cut);
  return {
    port,
    lead(next) {
      led = next;
    },
    get targets() {
      return led;
    },
    get refused() {
      return refused;
    },
    cut,
    async restore() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}
