import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AgentOptions } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Access } from './access.ts';
import { plainLine } from './api-json.ts';
import type { Timings } from './timing.ts';

/** No answer came. Says nothing about what the server did with the request. */
export interface Failure {
  readonly kind: 'failure';
  readonly reason: string;
  /** The connection was an idle one that the server had closed meanwhile: worth one attempt at once. */
  readonly isStale: boolean;
}

export interface Exchange {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly headersMs: number;
  readonly signal: AbortSignal | null;
}

/** The connections of one purpose, to one server with one TLS material. */
export interface Pool {
  exchange(access: Access, what: Exchange): Promise<IncomingMessage | Failure>;
  /** Ends idle connections now and busy ones after their answer; no new ones are kept. */
  retire(): void;
}

type PoolTimings = Pick<Timings, 'connectMs' | 'tcpKeepAliveMs'>;

/** HTTP/1.1 on purpose: over HTTP/2 one half-open connection would silence every watch. */
export function createPool(access: Access, maxSockets: number, timings: PoolTimings): Pool {
  const isHttps = access.server.protocol === 'https:';
  const options: AgentOptions = {
    keepAlive: true,
    keepAliveMsecs: timings.tcpKeepAliveMs,
    maxSockets,
    scheduling: 'lifo',
    // An idle connection is dropped before most load balancers drop theirs without a word.
    timeout: 30_000,
  };
  const { ca, cert, key, servername, isInsecure } = access.tls;
  const agent = isHttps
    ? new HttpsAgent({
        ...options,
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(servername !== undefined && { servername }),
        ...(isInsecure === true && { rejectUnauthorized: false }),
      })
    : new HttpAgent(options);

  return {
    exchange(current, what) {
      try {
        // A server behind a proxy has a path of its own: https://rancher.example.com/k8s/clusters/c-1.
        const url = new URL(current.server.pathname.replace(/\/+$/u, '') + what.path, current.server);
        const request = (isHttps ? httpsRequest : httpRequest)(url, {
          agent,
          method: what.method,
          headers: { ...what.headers, ...(isHttps && current.headers) },
        });
        return answerTo(request, what, timings);
      } catch (error) {
        // A certificate or key that is no PEM, or a token with a line break, is refused before anything is sent.
        const reason = plainLine(error instanceof Error ? error.message : String(error));
        return Promise.resolve({ kind: 'failure', reason, isStale: false });
      }
    },
    retire() {
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) {
        for (const socket of sockets ?? []) {
          socket.destroy();
        }
      }
    },
  };
}

function answerTo(
  request: ClientRequest,
  what: Exchange,
  timings: PoolTimings,
): Promise<IncomingMessage | Failure> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let why: string | null = null;

    function endWith(reason: string): void {
      why ??= reason;
      request.destroy(new Error(reason));
    }
    function arm(ms: number, reason: string): void {
      clearTimeout(timer);
      timer = setTimeout(() => endWith(`${reason} within ${ms / 1000} s`), ms);
    }
    function onAbort(): void {
      endWith(reasonOfAbort(what.signal));
    }
    function settle(result: IncomingMessage | Failure): void {
      clearTimeout(timer);
      resolve(result);
    }

    // The clock starts with the connection: a request that waits for one of a full pool is nobody's fault.
    request.on('socket', (socket: Socket) => {
      socket.setKeepAlive(true, timings.tcpKeepAliveMs);
      if (!isConnecting(socket)) {
        arm(what.headersMs, 'no answer');
        return;
      }
      arm(timings.connectMs, 'no connection');
      socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
        arm(what.headersMs, 'no answer');
      });
    });
    request.on('response', (response) => {
      settle(response);
      response.once('close', () => what.signal?.removeEventListener('abort', onAbort));
    });
    request.on('error', (error) => {
      what.signal?.removeEventListener('abort', onAbort);
      const isStale = why === null && request.reusedSocket;
      settle({ kind: 'failure', reason: why ?? plainLine(error.message || error.name), isStale });
    });
    if (what.signal?.aborted === true) {
      onAbort();
      return;
    }
    what.signal?.addEventListener('abort', onAbort);
    request.end(what.body ?? undefined);
  });
}

/** What whoever aborts has to say, where that is a text. */
function reasonOfAbort(signal: AbortSignal | null): string {
  return typeof signal?.reason === 'string' ? signal.reason : 'stopped';
}

function isConnecting(socket: Socket): boolean {
  return (
    socket.connecting || (socket instanceof TLSSocket && !socket.authorized && socket.getProtocol() === null)
  );
}

/** How the body of an answer came to its end. */
export interface BodyEnd {
  readonly how: 'closed' | 'idle' | 'deadline' | 'reset' | 'stopped';
  readonly reason: string;
}

export interface BodyLimits {
  /** The longest silence. */
  readonly idleMs: number;
  /** For the whole body. */
  readonly totalMs: number;
  readonly signal: AbortSignal | null;
}

/** The chunks of a body. Never throws: how it ended is what the generator returns. Leaving early closes the connection. */
export async function* readBody(
  response: IncomingMessage,
  limits: BodyLimits,
): AsyncGenerator<Buffer, BodyEnd> {
  let end: BodyEnd | null = null;
  let idle: NodeJS.Timeout | undefined;

  function endWith(how: BodyEnd['how'], reason: string): void {
    end ??= { how, reason };
    response.destroy();
  }
  function arm(): void {
    idle = setTimeout(() => endWith('idle', `silence for ${limits.idleMs / 1000} s`), limits.idleMs);
  }
  function onAbort(): void {
    endWith('stopped', reasonOfAbort(limits.signal));
  }

  const total = setTimeout(() => {
    endWith('deadline', `not done after ${limits.totalMs / 1000} s`);
  }, limits.totalMs);
  limits.signal?.addEventListener('abort', onAbort);
  try {
    if (limits.signal?.aborted === true) {
      onAbort();
    }
    arm();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      // Time that the reader takes is not the server's silence.
      clearTimeout(idle);
      yield chunk;
      arm();
    }
    return end ?? { how: 'closed', reason: 'closed by the server' };
  } catch (error) {
    const reason = plainLine(error instanceof Error ? error.message : String(error));
    return end ?? { how: 'reset', reason };
  } finally {
    clearTimeout(idle);
    clearTimeout(total);
    limits.signal?.removeEventListener('abort', onAbort);
    response.destroy();
  }
}
