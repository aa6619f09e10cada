import { createHash } from 'node:crypto';

/** What TLS needs to know; PEM texts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must have, where it is not that of the URL. */
  readonly servername?: string;
  /** True only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly isInsecure?: boolean;
}

/** Where the API server is and how to be let in, at one moment. */
export interface Access {
  readonly server: URL;
  /** `authorization` and impersonation; never logged. Not sent over plain HTTP. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Changes with the TLS material, so that connections made with older material are not used again. */
  readonly tlsId: string;
}

/** Why there is no access, and what to do about it. */
export interface AccessProblem {
  readonly problem: string;
}

/** Gives credentials; the files behind them may change at any time. */
export interface Connection {
  /** The server's URL, for logs. */
  readonly server: string;
  /** The namespace of the pod or of the kubeconfig's context; empty where none is named. */
  readonly namespace: string;
  /**
   * Access that is at most 30 s old. `rejected` is the one that the server has just answered 401 to: where it is still
   * the newest, the credentials are read again first.
   */
  access(rejected?: Access): Promise<Access | AccessProblem>;
}

export function makeAccess(server: URL, headers: Readonly<Record<string, string>>, tls: TlsMaterial): Access {
  const tlsId = createHash('sha256').update(JSON.stringify(tls)).digest('hex');
  return { server, headers, tls, tlsId };
}

/**
 * Keeps what `read` gives for `maxAgeMs`, and reads again at once when it was rejected. Where reading fails, what was
 * read before is used on: a file that is missing for a moment is no reason to lose the cluster.
 */
export function cachedAccess(
  read: (afterRejection: boolean) => Promise<Access | AccessProblem>,
  maxAgeMs: number,
): Connection['access'] {
  let current: Access | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Access | AccessProblem> | null = null;

  async function readNow(afterRejection: boolean): Promise<Access | AccessProblem> {
    const next = await read(afterRejection);
    readAt = performance.now();
    if ('problem' in next) {
      return current ?? next;
    }
    current = next;
    return next;
  }

  return (rejected) => {
    const isRejected = rejected !== undefined && rejected === current;
    if (current !== null && !isRejected && performance.now() - readAt < maxAgeMs) {
      return Promise.resolve(current);
    }
    reading ??= readNow(isRejected).finally(() => {
      reading = null;
    });
    return reading;
  };
}
