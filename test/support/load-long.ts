import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import type { LoadBackend } from './load-backend.ts';

/** Requests that last longer than a reload: each is under way while workers are replaced. */

export interface LongRequest {
  /** Ends it in good order. Rejects where a byte is missing or the connection was lost before. */
  finish(): Promise<{ readonly pieces: number }>;
}

/** Between two pieces of what is sent without end. */
const pieceMs = 50;

export interface LongTarget {
  readonly port: number;
  readonly host: string;
}

/** An upload in chunks that goes on until it is finished; the backend must have received every byte. */
export function startUpload(t: Pick<TestContext, 'after'>, { port, host }: LongTarget): LongRequest {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path: '/upload',
    method: 'POST',
    agent: false,
    headers: { host },
  });
  const answer = answerOf(outgoing);
  // Whoever finishes it sees the failure; until then it must not end the process.
  answer.catch(() => undefined);
  let pieces = 0;
  const stopping = new AbortController();
  const sending = (async () => {
    while (!stopping.signal.aborted) {
      outgoing.write(`${String(pieces).padStart(9, '0')}\n`);
      pieces += 1;
      await sleep(pieceMs);
    }
  })();
  t.after(() => {
    stopping.abort();
    outgoing.destroy();
  });
  return {
    async finish() {
      stopping.abort();
      await sending;
      outgoing.end();
      const { status, body } = await answer;
      if (status !== 200 || body !== `${pieces * 10} bytes`) {
        throw new Error(`the upload of ${pieces * 10} bytes was answered with ${status} ${body}`);
      }
      return { pieces };
    },
  };
}

/** A download whose end the backend decides; every piece must arrive once and in order. */
export function startDownload(
  t: Pick<TestContext, 'after'>,
  { port, host }: LongTarget,
  backend: Pick<LoadBackend, 'endDownloads'>,
): LongRequest {
  const outgoing = request({ host: '127.0.0.1', port, path: '/download', agent: false, headers: { host } });
  const answer = answerOf(outgoing);
  answer.catch(() => undefined);
  outgoing.end();
  t.after(() => {
    outgoing.destroy();
  });
  return {
    async finish() {
      backend.endDownloads();
      const { body } = await answer;
      const pieces = body.split('\n').slice(0, -1);
      const wrong = pieces.findIndex((piece, index) => Number(piece) !== index);
      if (wrong >= 0 || pieces.length === 0) {
        throw new Error(`of ${pieces.length} pieces number ${wrong} is ${String(pieces[wrong])}`);
      }
      return { pieces: pieces.length };
    },
  };
}

/** A connection upgraded to `websocket` that carries a line to and fro until it is finished. */
export async function startWebsocket(
  t: Pick<TestContext, 'after'>,
  { port, host }: LongTarget,
): Promise<LongRequest> {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path: '/websocket',
    agent: false,
    headers: { host, connection: 'Upgrade', upgrade: 'websocket' },
  });
  outgoing.end();
  const [, socket] = (await once(outgoing, 'upgrade')) as [IncomingMessage, Duplex];
  let pieces = 0;
  let stopping = false;
  const talking = new Promise<void>((resolve, reject) => {
    function say(): void {
      socket.write(`${pieces}\n`);
    }
    socket.on('data', (echo: Buffer) => {
      if (echo.toString('utf8') !== `${pieces}\n`) {
        reject(new Error(`the websocket answered line ${pieces} with ${JSON.stringify(String(echo))}`));
        return;
      }
      pieces += 1;
      if (stopping) {
        resolve();
      } else {
        setTimeout(say, pieceMs);
      }
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the websocket was closed after ${pieces} lines`)));
    say();
  });
  talking.catch(() => undefined);
  t.after(() => {
    socket.destroy();
  });
  return {
    async finish() {
      stopping = true;
      await talking;
      socket.destroy();
      return { pieces };
    },
  };
}

async function answerOf(outgoing: ReturnType<typeof request>): Promise<{ status: number; body: string }> {
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming) {
    body += String(chunk);
  }
  return { status: incoming.statusCode ?? 0, body };
}
