import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { openTls } from './tls.ts';

const timeoutMs = 10_000;
/** RFC 6455, 1.3. */
const keySuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const textOpcode = 0x81;
const maskBit = 0x80;

export interface WebsocketBackend {
  readonly port: number;
  /** The requests to upgrade that arrived. */
  readonly upgrades: IncomingMessage[];
}

/**
 * A server that agrees to every websocket and sends each text back behind `echo:`. Other requests get 200 with `plain`
 * and what it saw in the headers Upgrade and Connection.
 */
export async function startWebsocketBackend(t: Pick<TestContext, 'after'>): Promise<WebsocketBackend> {
  const upgrades: IncomingMessage[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    const { upgrade = 'none', connection = 'none' } = request.headers;
    response.end(`plain ${upgrade} ${connection}`);
  });
  server.on('upgrade', (request, socket) => {
    upgrades.push(request);
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptOf(request.headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
    );
    readTexts(socket, (text) => socket.write(frame(`echo:${text}`, false)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return { port: (server.address() as AddressInfo).port, upgrades };
}

/** A client's side of a websocket. */
export interface Websocket {
  /** Sends a text and resolves with the next one that comes back; rejects after ten seconds or when it is closed. */
  ask(text: string): Promise<string>;
  readonly isOpen: boolean;
  close(): void;
}

export interface WebsocketOptions {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly tls?: true;
  /** More header lines. */
  readonly lines?: readonly string[];
}

/** Opens a websocket to 127.0.0.1. Rejects with the status line when the answer is not 101. */
export async function openWebsocket(options: WebsocketOptions): Promise<Websocket> {
  const { port, host } = options;
  const socket = options.tls ? await openTls({ port, servername: host }) : await openPlain(port);
  socket.setTimeout(0);
  const key = randomBytes(16).toString('base64');
  socket.write(
    [
      `GET ${options.path ?? '/'} HTTP/1.1`,
      `Host: ${host}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      ...(options.lines ?? []),
      '',
      '',
    ].join('\r\n'),
  );
  const head = await readHead(socket);
  if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(acceptOf(key))) {
    socket.destroy();
    throw new Error(`the answer to the upgrade was ${head.split('\r\n')[0]}`);
  }
  const waiting: ((text: string) => void)[] = [];
  readTexts(socket, (text) => waiting.shift()?.(text));
  return {
    ask: async (text) => {
      const answer = new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no answer within ten seconds')), timeoutMs);
        socket.once('close', () => reject(new Error('the websocket was closed')));
        waiting.push((received) => {
          clearTimeout(timer);
          resolve(received);
        });
      });
      socket.write(frame(text, true));
      return await answer;
    },
    get isOpen() {
      return !socket.destroyed && socket.readyState === 'open';
    },
    close: () => {
      socket.destroy();
    },
  };
}

async function openPlain(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) });
  return socket;
}

/** The head of the answer; whatever follows stays to be read. */
async function readHead(socket: Socket): Promise<string> {
  let text = '';
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer];
    text += chunk.toString('latin1');
  }
  return text;
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${keySuffix}`).digest('base64');
}

/** One whole text of less than 126 bytes; clients mask theirs (RFC 6455, 5.2). */
function frame(text: string, masked: boolean): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > 125) {
    throw new RangeError('texts of tests are short');
  }
  if (!masked) {
    return Buffer.concat([Buffer.from([textOpcode, payload.length]), payload]);
  }
  const mask = randomBytes(4);
  const hidden = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([textOpcode, maskBit | payload.length]), mask, hidden]);
}

function readTexts(socket: Duplex, take: (text: string) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const length = (rest[1] ?? 0) & 0x7f;
      const isMasked = ((rest[1] ?? 0) & maskBit) !== 0;
      const start = isMasked ? 6 : 2;
      if (rest.length < 2 || rest.length < start + length) {
        return;
      }
      const mask = isMasked ? rest.subarray(2, 6) : Buffer.alloc(4);
      take(
        Buffer.from(
          rest.subarray(start, start + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
        ).toString(),
      );
      rest = rest.subarray(start + length);
    }
  });
}
