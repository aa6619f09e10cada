import type { Measures } from './layout.ts';

/** One line of the traffic log (templates/traffic-log.hbs); the same object is filled again and again. */
export interface Line extends Measures {
  /** When the answer ended, milliseconds since the epoch. */
  at: number;
  /** `status|method|canary|route`, each byte one character. */
  key: string;
}

export function emptyLine(): Line {
  return {
    at: 0,
    requestTime: 0,
    upstreamTime: -1,
    connectTime: -1,
    headerTime: -1,
    responseTime: -1,
    requestLength: 0,
    bytesSent: 0,
    key: '',
  };
}

const bar = 0x7c;
const zero = 0x30;
const nine = 0x39;
const dash = 0x2d;
const comma = 0x2c;
const colon = 0x3a;
const dot = 0x2e;
const space = 0x20;

/** Reads field after field of one line. */
class Cursor {
  readonly #buffer: Buffer;
  readonly #end: number;
  at: number;
  isSound = true;
  /** Of the last `times`: what it has is the sum of several tries. */
  isList = false;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.at = start;
    this.#end = end;
  }

  /** A number without its dot: seconds with three decimals are milliseconds. */
  digits(): number {
    const start = this.at;
    let value = 0;
    for (; this.at < this.#end; this.at += 1) {
      const byte = this.#buffer[this.at] ?? 0;
      if (byte >= zero && byte <= nine) {
        value = value * 10 + (byte - zero);
      } else if (byte !== dot) {
        break;
      }
    }
    this.#close(start);
    return value;
  }

  /** `0.001`, `0.001, 0.002 : -`, `-` or nothing: the sum of what is there, or -1. */
  times(): number {
    let sum = -1;
    this.isList = false;
    for (;;) {
      let value = -1;
      for (; this.at < this.#end; this.at += 1) {
        const byte = this.#buffer[this.at] ?? 0;
        if (byte >= zero && byte <= nine) {
          value = (value < 0 ? 0 : value * 10) + (byte - zero);
        } else if (byte !== dot && byte !== dash && byte !== space) {
          break;
        }
      }
      if (value >= 0) {
        sum = (sum < 0 ? 0 : sum) + value;
      }
      const byte = this.#buffer[this.at];
      if (this.at >= this.#end || (byte !== comma && byte !== colon)) {
        break;
      }
      this.isList = true;
      this.at += 1;
    }
    this.#close(-1);
    return sum;
  }

  /** A field ends with a bar, and a number has at least one digit. */
  #close(start: number): void {
    if (this.at >= this.#end || this.#buffer[this.at] !== bar || this.at === start) {
      this.isSound = false;
    }
    this.at += 1;
  }
}

/** Reads the bytes from `start` up to the line end at `end` into `line`; false where they are no such line. */
export function readLine(buffer: Buffer, start: number, end: number, line: Line): boolean {
  const cursor = new Cursor(buffer, start, end);
  line.at = cursor.digits();
  line.requestTime = cursor.digits();
  const connect = cursor.times();
  line.connectTime = cursor.isList ? -1 : connect;
  const header = cursor.times();
  line.headerTime = cursor.isList ? -1 : header;
  line.upstreamTime = cursor.times();
  line.responseTime = cursor.isList ? -1 : line.upstreamTime;
  line.requestLength = cursor.digits();
  line.bytesSent = cursor.digits();
  if (!cursor.isSound || end - cursor.at < 4) {
    return false;
  }
  line.key = buffer.toString('latin1', cursor.at, end);
  return true;
}

/** What a key says. Names that there are not are empty. */
export interface Route {
  readonly host: string;
  readonly namespace: string;
  readonly ingress: string;
  readonly service: string;
  readonly path: string;
  /** The Ingress whose canary took the request, and the name of its upstream in ingress-nginx. */
  readonly canary: string;
  readonly canaryUpstream: string;
}

export interface RowName extends Route {
  readonly method: string;
  readonly status: string;
}

const methods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'OTHER',
]);

const nowhere: Route = {
  host: '',
  namespace: '',
  ingress: '',
  service: '',
  path: '',
  canary: '',
  canaryUpstream: '',
};

/** Reads a key; null where it is none: nothing that is made up in a log becomes a series. */
export function readKey(key: string): RowName | null {
  const parts = key.split('|');
  const [status = '', method = '', canary = ''] = parts;
  const text = unescaped(parts.slice(3).join('|'));
  if (parts.length < 4 || !/^\d{3}$/u.test(status) || !methods.has(method) || text === null) {
    return null;
  }
  const route = readRoute(text, canary);
  return route === null ? null : { ...route, method, status };
}

/**
 * Reads `host namespace ingress service port path` and, of what a canary takes, `ingress service port`, as the model
 * has them; null where they are none.
 */
export function readRoute(text: string, canary: string): Route | null {
  if (text === '') {
    return nowhere;
  }
  const words = /^(\S+) (\S+) (\S+) (\S+) (\S+) (.+)$/u.exec(text);
  if (words === null) {
    return null;
  }
  const [, host = '', namespace = '', ingress = '', service = '', , path = ''] = words;
  const [canaryIngress = '', canaryService = '', canaryPort = ''] = canary === '' ? [] : canary.split(' ');
  return {
    host: named(host),
    namespace,
    ingress,
    service: named(service),
    path,
    canary: canaryIngress,
    canaryUpstream: canary === '' ? '' : `${namespace}-${canaryService}-${canaryPort}`,
  };
}

/** Names a route: two are the same where this is. */
export function idOf({ host, namespace, ingress, service, path, canary, canaryUpstream }: Route): string {
  return [host, namespace, ingress, service, canary, canaryUpstream, path].join(' ');
}

function named(word: string): string {
  return word === '-' ? '' : word;
}

/** What nginx wrote with `escape=json`; null where it did not. */
function unescaped(text: string): string | null {
  // Each character was a byte of UTF-8.
  const decoded = Buffer.from(text, 'latin1').toString('utf8');
  if (!decoded.includes('\\')) {
    return decoded;
  }
  try {
    return JSON.parse(`"${decoded}"`) as string;
  } catch {
    return null;
  }
}
