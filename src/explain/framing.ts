import type { AskedRequest } from './request.ts';

/** What nginx answers before it looks for a server or a location. */
export interface Unreadable {
  readonly status: 400 | 501;
  readonly why: string;
}

/** The most that nginx counts bytes with. */
const largest = 2n ** 63n - 1n;

/**
 * How long the body is has to be said once and clearly: two proxies that read it differently see different requests.
 * Null where it is. Measured with nginx 1.22.1 and 1.30.6.
 */
export function unreadableBody({ headers }: AskedRequest): Unreadable | null {
  const length = valueOf(headers, 'content-length');
  if (length !== null && (!/^\d+$/u.test(length) || BigInt(length) > largest)) {
    return { status: 400, why: 'Content-Length is no number of bytes' };
  }
  const encoding = valueOf(headers, 'transfer-encoding');
  if (encoding === null) {
    return null;
  }
  if (encoding.toLowerCase() !== 'chunked') {
    return { status: 501, why: 'nginx knows no Transfer-Encoding but chunked' };
  }
  return length === null
    ? null
    : { status: 400, why: 'Content-Length and Transfer-Encoding are there together' };
}

function valueOf(headers: AskedRequest['headers'], wanted: string): string | null {
  return headers.find(({ name }) => name.toLowerCase() === wanted)?.value ?? null;
}

/**
 * What becomes of CONNECT where the request line has a path, as that of a URL has: `bad` is 400, `refused` 405 like
 * TRACE. 1.30 reads host and port there, and nothing else; when that began is not known here.
 */
export function connectWithPath(version: string): 'bad' | 'refused' | 'unknown' {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 1 || minor >= 30) {
    return 'bad';
  }
  return minor <= 22 ? 'refused' : 'unknown';
}
