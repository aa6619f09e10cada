import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** What a FastCGI backend was asked (the FastCGI specification 1.0). */
export interface FastcgiRequest {
  readonly parameters: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface FastcgiBackend {
  readonly port: number;
  readonly seen: FastcgiRequest[];
}

const types = { params: 4, stdin: 5, stdout: 6, endRequest: 3 } as const;

/** Answers each request on a free port of 127.0.0.1 with a page of its name. It ends with the test. */
export async function startFastcgi(t: Pick<TestContext, 'after'>, name: string): Promise<FastcgiBackend> {
  const seen: FastcgiRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let buffer = Buffer.alloc(0);
    const parts: { params: Buffer[]; stdin: Buffer[] } = { params: [], stdin: [] };
    socket.on('error', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (let record = recordOf(buffer); record !== null; record = recordOf(buffer)) {
        buffer = buffer.subarray(record.size);
        if (record.type === types.params) {
          parts.params.push(record.content);
        }
        if (record.type !== types.stdin) {
          continue;
        }
        parts.stdin.push(record.content);
        if (record.content.length === 0) {
          seen.push({
            parameters: pairsOf(Buffer.concat(parts.params)),
            body: Buffer.concat(parts.stdin).toString('utf8'),
          });
          const page = `Status: 200 OK\r\nContent-Type: text/plain\r\nX-Secret: s\r\n\r\n${name}`;
          socket.end(
            Buffer.concat([
              written(types.stdout, Buffer.from(page)),
              written(types.stdout, Buffer.alloc(0)),
              written(types.endRequest, Buffer.alloc(8)),
            ]),
          );
        }
      }
    });
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
  if (address === null || typeof address === 'string') {
    throw new TypeError('a TCP server has an address with a port');
  }
  return { port: address.port, seen };
}

interface FastcgiRecord {
  readonly type: number;
  readonly content: Buffer;
  readonly size: number;
}

function recordOf(buffer: Buffer): FastcgiRecord | null {
  if (buffer.length < 8) {
    return null;
  }
  const length = buffer.readUInt16BE(4);
  const size = 8 + length + buffer.readUInt8(6);
  return buffer.length < size
    ? null
    : { type: buffer.readUInt8(1), content: buffer.subarray(8, 8 + length), size };
}

function written(type: number, content: Buffer): Buffer {
  const head = Buffer.from([1, type, 0, 1, 0, 0, 0, 0]);
  head.writeUInt16BE(content.length, 4);
  return Buffer.concat([head, content]);
}

/** Of a name that is there twice both values, joined by a bar. */
function pairsOf(buffer: Buffer): Record<string, string> {
  const pairs: Record<string, string> = {};
  let at = 0;
  function length(): number {
    const isLong = (buffer[at] ?? 0) > 127;
    const value = isLong ? buffer.readUInt32BE(at) & 0x7f_ff_ff_ff : (buffer[at] ?? 0);
    at += isLong ? 4 : 1;
    return value;
  }
  while (at < buffer.length) {
    const [nameLength, valueLength] = [length(), length()];
    const name = buffer.toString('utf8', at, at + nameLength);
    const value = buffer.toString('utf8', at + nameLength, at + nameLength + valueLength);
    pairs[name] = name in pairs ? `${pairs[name]}|${value}` : value;
    at += nameLength + valueLength;
  }
  return pairs;
}
