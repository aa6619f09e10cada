import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** What became of the requests of a load, each counted once. */
export interface LoadCount {
  answered: number;
  /** Answers of another status than 200, by status. */
  readonly refused: Map<number, number>;
  /**
   * Sent on a connection that had answered before and was then closed without a byte of an answer: what a reload
   * does to keep-alive clients of an nginx without `keepalive_min_timeout`.
   */
  resetIdle: number;
  /** Sent on a fresh connection that was closed without a byte of an answer, or that could not be made. */
  lostFresh: number;
  /** The answer began and did not end. */
  cut: number;
  /** No answer for as long as the client waits. */
  unanswered: number;
  /** Connections made. */
  connections: number;
  /** The longest time without an answer to any client, in milliseconds, from the first answer to the last. */
  longestGapMs: number;
}

export interface LoadOptions {
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly host: string;
  /** Clients, each with one connection and one request at a time. */
  readonly clients: number;
  readonly path?: string;
  /** Milliseconds that a client rests between two requests, by its number; 0 asks again at once. */
  readonly restMs: (client: number) => number;
  /** False closes after each request. */
  readonly keepAlive: boolean;
}

export interface Load {
  readonly count: LoadCount;
  /** How many requests the client that asked least has made. */
  rounds(): number;
  /** Lets every request that is under way end. */
  stop(): Promise<LoadCount>;
}

/** No answer takes this long; a request that waits longer is counted as unanswered. */
const answerMs = 20_000;

/** Starts clients that ask again and again over connections of their own until they, or the test, are stopped. */
export function startLoad(t: Pick<TestContext, 'after'>, options: LoadOptions): Load {
  const count: LoadCount = {
    answered: 0,
    refused: new Map(),
    resetIdle: 0,
    lostFresh: 0,
    cut: 0,
    unanswered: 0,
    connections: 0,
    longestGapMs: 0,
  };
  const state = { stopping: false };
  let answeredAt: number | null = null;
  const rounds = Array.from({ length: options.clients }, () => 0);
  const clients = rounds.map(async (_, client) => {
    await ask(options, options.restMs(client), count, {
      isOver: () => state.stopping,
      asked: (answered) => {
        if (answered) {
          const now = performance.now();
          count.longestGapMs = Math.max(count.longestGapMs, now - (answeredAt ?? now));
          answeredAt = now;
        }
        rounds[client] = (rounds[client] ?? 0) + 1;
      },
    });
  });
  async function stop(): Promise<LoadCount> {
    state.stopping = true;
    await Promise.all(clients);
    return count;
  }

  t.after(stop);
  return {
    count,
    rounds: () => Math.min(...rounds),
    stop,
  };
}

/** Requests that were not answered as they should have been. */
export function lostOf(count: LoadCount): number {
  const refused = [...count.refused.values()].reduce((sum, each) => sum + each, 0);
  return refused + count.resetIdle + count.lostFresh + count.cut + count.unanswered;
}

/** One line for a test's diagnostics and for docs/reliability.md. */
export function describeLoad(count: LoadCount): string {
  const refused = [...count.refused].map(([status, times]) => `, ${times} with status ${status}`).join('');
  return (
    `${count.answered} answered, ${lostOf(count)} lost (${count.resetIdle} reset on an idle connection, ` +
    `${count.lostFresh} on a fresh one, ${count.cut} cut off, ${count.unanswered} unanswered${refused}), ` +
    `${count.connections} connections`
  );
}

async function ask(
  options: LoadOptions,
  restMs: number,
  count: LoadCount,
  run: { isOver(): boolean; asked(answered: boolean): void },
): Promise<void> {
  const request =
    `GET ${options.path ?? '/'} HTTP/1.1\r\nHost: ${options.host}\r\n` +
    `Connection: ${options.keepAlive ? 'keep-alive' : 'close'}\r\n\r\n`;
  let connection: ClientConnection | null = null;
  while (!run.isOver()) {
    if (connection === null || connection.isClosed()) {
      connection = openConnection(options.port);
      count.connections += 1;
    }
    const outcome = await connection.exchange(request);
    record(count, outcome, connection);
    run.asked(outcome.kind === 'answer' && outcome.status === 200);
    if (outcome.kind !== 'answer' || outcome.closes || !options.keepAlive) {
      connection.close();
      connection = null;
    }
    // Even the client that does not rest lets the others have their turn.
    await sleep(restMs);
  }
  connection?.close();
}

function record(count: LoadCount, outcome: Outcome, connection: ClientConnection): void {
  switch (outcome.kind) {
    case 'answer':
      if (outcome.status === 200) {
        count.answered += 1;
      } else {
        count.refused.set(outcome.status, (count.refused.get(outcome.status) ?? 0) + 1);
      }
      break;
    case 'closed':
      if (outcome.begun) {
        count.cut += 1;
      } else if (connection.exchanges > 1) {
        count.resetIdle += 1;
      } else {
        count.lostFresh += 1;
      }
      break;
    case 'silence':
      count.unanswered += 1;
      break;
  }
}

type Outcome =
  | { readonly kind: 'answer'; readonly status: number; readonly closes: boolean }
  | { readonly kind: 'closed'; readonly begun: boolean }
  | { readonly kind: 'silence' };

interface ClientConnection {
  /** Requests sent on it. */
  readonly exchanges: number;
  isClosed(): boolean;
  exchange(request: string): Promise<Outcome>;
  close(): void;
}

/** A connection that tells a reset before the answer from one in its middle, which an HTTP library does not. */
function openConnection(port: number): ClientConnection {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let closed = false;
  let received = '';
  let settle: ((outcome: Outcome) => void) | null = null;
  function finish(outcome: Outcome): void {
    const waiting = settle;
    settle = null;
    waiting?.(outcome);
  }
  function end(): void {
    closed = true;
    // The server may say by closing that the answer is complete; nginx does so only for HTTP/1.0.
    finish({ kind: 'closed', begun: received !== '' });
  }
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    received += text;
    const answer = readAnswer(received);
    if (answer !== null) {
      received = '';
      finish(answer);
    }
  });
  socket.on('end', end);
  socket.on('error', end);
  socket.on('close', end);
  const connection = {
    exchanges: 0,
    isClosed: () => closed,
    async exchange(request: string): Promise<Outcome> {
      connection.exchanges += 1;
      received = '';
      return await new Promise<Outcome>((resolve) => {
        const timer = setTimeout(() => finish({ kind: 'silence' }), answerMs);
        settle = (outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        };
        if (closed) {
          end();
        } else {
          socket.write(request);
        }
      });
    },
    close: () => {
      socket.destroy();
    },
  };
  return connection;
}

/** The answer, once it is complete; its length is in its header or it comes in chunks. */
function readAnswer(text: string): Extract<Outcome, { kind: 'answer' }> | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) {
    return null;
  }
  const head = text.slice(0, end).toLowerCase();
  const body = text.slice(end + 4);
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  const isComplete = length === undefined ? body.endsWith('0\r\n\r\n') : body.length >= Number(length);
  if (!isComplete) {
    return null;
  }
  const status = Number(/^http\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  return { kind: 'answer', status, closes: head.includes('\r\nconnection: close') };
}
