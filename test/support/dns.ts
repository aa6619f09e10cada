import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

/** What a name stands for. */
export interface DnsRecords {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  readonly cname?: string;
  /** Seconds; 1 by default. */
  readonly ttl?: number;
}

/** A name server on a UDP port of 127.0.0.1. */
export interface DnsServer {
  readonly port: number;
  /** `A app.test` for each question that came, in order. */
  readonly asked: string[];
  /** By name in lower case. A name that is not there gets NXDOMAIN. */
  readonly records: Map<string, DnsRecords>;
  /** Stops answering: the port is closed. */
  down(): Promise<void>;
  /** Answers again, on the same port. */
  up(): Promise<void>;
}

const types: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };
const cnameType = 5;
const headerBytes = 12;
const nameError = 3;

/** Starts a name server that knows these names; it ends with the test. */
export async function startDns(
  t: Pick<TestContext, 'after'>,
  records: Readonly<Record<string, DnsRecords>> = {},
): Promise<DnsServer> {
  const asked: string[] = [];
  const known = new Map(Object.entries(records));
  let socket: Socket | null = await bound(0, answer);
  const { port } = socket.address();

  function answer(question: Buffer): Buffer | null {
    const { name, type, end } = readQuestion(question);
    asked.push(`${types[type] ?? type} ${name}`);
    return makeAnswer(question.subarray(0, end), name, type, known);
  }

  async function down(): Promise<void> {
    const closing = socket;
    socket = null;
    if (closing !== null) {
      closing.close();
      await once(closing, 'close');
    }
  }

  t.after(down);
  return {
    port,
    asked,
    records: known,
    down,
    up: async () => {
      socket ??= await bound(port, answer);
    },
  };
}

async function bound(port: number, answer: (question: Buffer) => Buffer | null): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (question, client) => {
    const message = answer(question);
    if (message !== null) {
      socket.send(message, client.port, client.address);
    }
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** RFC 1035, 4.1: the question again, then the answers; the alias first where there is one. */
function makeAnswer(
  question: Buffer,
  name: string,
  type: number,
  known: ReadonlyMap<string, DnsRecords>,
): Buffer {
  const own = known.get(name);
  const answers: Buffer[] = [];
  const target = own?.cname;
  if (own !== undefined && target !== undefined) {
    answers.push(record(name, cnameType, own.ttl ?? 1, encodeName(target)));
  }
  const holder = target ?? name;
  const { a = [], aaaa = [], ttl = 1 } = known.get(holder) ?? {};
  if (types[type] === 'A') {
    answers.push(...a.map((ip) => record(holder, type, ttl, Buffer.from(ip.split('.').map(Number)))));
  }
  if (types[type] === 'AAAA') {
    answers.push(...aaaa.map((ip) => record(holder, type, ttl, encodeIpv6(ip))));
  }
  const header = Buffer.from(question.subarray(0, headerBytes));
  // Response, recursion desired and available.
  header.writeUInt16BE(0x81_80 | (own === undefined ? nameError : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, question.subarray(headerBytes), ...answers]);
}

function record(name: string, type: number, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), fixed, data]);
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCodePoint(label.length)}${label}`));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** With at most one `::`. */
function encodeIpv6(ip: string): Buffer {
  const [front = '', back = ''] = ip.split('::');
  const [left, right] = [front, back].map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - (left?.length ?? 0) - (right?.length ?? 0) }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...(left ?? []), ...zeros, ...(right ?? [])].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index);
  }
  return bytes;
}
