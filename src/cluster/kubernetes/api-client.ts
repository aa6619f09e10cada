import type { IncomingMessage } from 'node:http';
import { version } from '../../version.ts';
import type { Access, AccessProblem, Connection } from './access.ts';
import { at, parseJson, plainLine, textAt } from './api-json.ts';
import { rest } from './pacer.ts';
import { parseRetryAfter } from './retry.ts';
import { defaultTimings, type Timings } from './timing.ts';
import { createPool, readBody, type BodyEnd, type Failure, type Pool } from './transport.ts';

/** Bytes of one ordinary answer; five hundred objects of the largest size do not fit, five hundred usual ones do. */
const maxAnswerBytes = 256 * 1024 * 1024;

const sizeableBytes = 128 * 1024;

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Without the query, as `resourcePath` makes it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For PATCH: `application/merge-patch+json` where nothing else is said. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** What the server said, yes or no. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Parsed JSON; null where there is none. */
  readonly body: unknown;
  /** Of the body. */
  readonly bytes: number;
  /** The server's own words where it said no, on one line. */
  readonly message: string;
  readonly retryAfterMs: number | null;
}

/** An open answer of status 200. `chunks` has to be read to its end, or left, which closes it. */
export interface Stream {
  readonly kind: 'stream';
  readonly chunks: AsyncGenerator<Buffer, BodyEnd>;
}

export interface StreamLimits {
  readonly idleMs: number;
  readonly totalMs: number;
}

/**
 * Requests to the API server, for any group and resource. A no of the server and a failed connection are values, never
 * exceptions. A 401 has the credentials read again and is tried once more.
 */
export interface ApiClient {
  send(request: ApiRequest): Promise<Answer | Failure>;
  /** For watches: each has a connection of its own. */
  open(request: ApiRequest, limits: StreamLimits): Promise<Stream | Answer | Failure>;
  /** Ends idle connections at once and busy ones after their answer. A later request opens new ones. */
  close(): void;
}

interface Pools {
  readonly tlsId: string;
  readonly origin: string;
  readonly short: Pool;
  readonly watch: Pool;
}

export function createApiClient(connection: Connection, timings: Timings = defaultTimings): ApiClient {
  let pools: Pools | null = null;

  function retire(): void {
    pools?.short.retire();
    pools?.watch.retire();
  }

  function poolsFor(access: Access): Pools {
    const { origin } = access.server;
    if (pools === null || pools.tlsId !== access.tlsId || pools.origin !== origin) {
      retire();
      pools = {
        tlsId: access.tlsId,
        origin,
        short: createPool(access, 8, timings),
        watch: createPool(access, Number.POSITIVE_INFINITY, timings),
      };
    }
    return pools;
  }

  async function once(
    access: Access,
    request: ApiRequest,
    purpose: 'short' | 'watch',
  ): Promise<IncomingMessage | Failure> {
    const method = request.method ?? 'GET';
    const query = new URLSearchParams(request.query).toString();
    const what = {
      method,
      path: query === '' ? request.path : `${request.path}?${query}`,
      headers: headersOf(request),
      body: request.body === undefined ? null : JSON.stringify(request.body),
      headersMs: purpose === 'watch' ? timings.watchHeadersMs : timings.headersMs,
      signal: request.signal ?? null,
    };
    const pool = poolsFor(access)[purpose];
    const result = await pool.exchange(access, what);
    // Nothing but reading is repeated blindly: whether the server acted on the first request is not known.
    return 'kind' in result && result.isStale && method === 'GET' ? pool.exchange(access, what) : result;
  }

  async function exchange(
    request: ApiRequest,
    purpose: 'short' | 'watch',
  ): Promise<IncomingMessage | Failure> {
    const access = await connection.access();
    if ('problem' in access) {
      return noAccess(access);
    }
    const result = await once(access, request, purpose);
    if ('kind' in result || result.statusCode !== 401) {
      return result;
    }
    const renewed = await connection.access(access);
    if ('problem' in renewed || sameCredentials(access, renewed)) {
      return result;
    }
    result.resume();
    return once(renewed, request, purpose);
  }

  async function answerOf(response: IncomingMessage, signal: AbortSignal | null): Promise<Answer | Failure> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const body = readBody(response, { idleMs: timings.bodyIdleMs, totalMs: timings.bodyIdleMs * 10, signal });
    for (;;) {
      const next = await body.next();
      if (next.done === true) {
        if (next.value.how !== 'closed') {
          return failure(`the answer broke off: ${next.value.reason}`);
        }
        break;
      }
      bytes += next.value.length;
      if (bytes > maxAnswerBytes) {
        await body.return({ how: 'stopped', reason: 'too large' });
        return failure(`the answer is larger than ${maxAnswerBytes} bytes`);
      }
      chunks.push(next.value);
    }
    if (bytes > sizeableBytes) {
      // Parsing takes about 10 ms a megabyte: not several answers in one turn.
      await rest();
    }
    const text = Buffer.concat(chunks).toString('utf8');
    const json = parseJson(text);
    const status = response.statusCode ?? 0;
    return {
      kind: 'answer',
      status,
      body: json,
      bytes,
      message:
        status < 300 ? '' : plainLine(textAt(json, 'message') || text) || (response.statusMessage ?? ''),
      retryAfterMs: retryAfter(response, json),
    };
  }

  return {
    async send(request) {
      const response = await exchange(request, 'short');
      return 'kind' in response ? response : answerOf(response, request.signal ?? null);
    },
    async open(request, limits) {
      const response = await exchange(request, 'watch');
      if ('kind' in response) {
        return response;
      }
      const signal = request.signal ?? null;
      return response.statusCode === 200
        ? { kind: 'stream', chunks: readBody(response, { ...limits, signal }) }
        : answerOf(response, signal);
    },
    close() {
      retire();
      pools = null;
    },
  };
}

function headersOf(request: ApiRequest): Record<string, string> {
  const headers: Record<string, string> = {
    accept: request.accept ?? 'application/json',
    'user-agent': `cloud-native-gateway/${version}`,
  };
  if (request.body !== undefined) {
    headers['content-type'] =
      request.contentType ??
      (request.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
  }
  return headers;
}

function sameCredentials(one: Access, other: Access): boolean {
  return one.tlsId === other.tlsId && JSON.stringify(one.headers) === JSON.stringify(other.headers);
}

function noAccess({ problem }: AccessProblem): Failure {
  return failure(problem);
}

function failure(reason: string): Failure {
  return { kind: 'failure', reason, isStale: false };
}

/** Seconds stand in the header, and in the body of some proxies' answers to API requests. */
function retryAfter(response: IncomingMessage, json: unknown): number | null {
  const header = response.headers['retry-after'];
  const seconds = at(json, 'details', 'retryAfterSeconds');
  return parseRetryAfter(header) ?? (typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null);
}
