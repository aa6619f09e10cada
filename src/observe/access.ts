import type { Context } from 'hono';
import type { IncomingMessage } from 'node:http';
import { isLoopback } from './http-server.ts';
import type { Refusal } from './http-server-app.ts';
import type { Review, Reviewer } from './access-cache.ts';
import { refuseForeignHost, refuseForeignPage } from './debug-query.ts';
import type { Logger } from './log.ts';
import { refuseProxied } from './proxied.ts';

/** Characters; tokens of service accounts have about a thousand, those of identity providers a few thousand. */
const maxTokenLength = 8192;
/** RFC 6750, section 2.1. */
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/iu;
/**
 * What somebody with a token must be allowed to `get`, as `nonResourceURLs` of a ClusterRole: all pages or none. Not
 * the path of the page: `/debug/*` would be needed, and that lets read the API server's own profiles as well.
 */
export const guardedPath = '/debug/';
const challenge = 'Bearer realm="cloud-native-gateway"';

/** May refuse a request; null lets it go on. */
export type Guard = (context: Context) => Promise<Refusal | null>;

export interface AccessOptions {
  /** Host names in lower case, without port, that local requests may name besides `localhost` and addresses. */
  readonly allowedHosts: readonly string[];
  /** Whom tokens are shown to; null where there is nobody who knows tokens. Then strangers are refused. */
  readonly tokens: TokenAccess | null;
}

export interface TokenAccess {
  readonly review: Reviewer;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Who may read the debug pages. Whoever comes from this machine (or pod: `kubectl port-forward` is such) may; others
 * show a bearer token of somebody who may `get` `guardedPath`. It is the connection that decides and
 * not the configured address. What came through our own nginx is refused in any case.
 */
export function createAccess({ allowedHosts, tokens }: AccessOptions): Guard {
  const tell = tokens === null ? null : createTeller(tokens.log);
  return async (context) => {
    const proxied = refuseProxied(context);
    if (proxied !== null) {
      return proxied;
    }
    if (isLocal(context)) {
      return refuseForeignHost(context, allowedHosts) ?? refuseForeignPage(context);
    }
    // A foreign host is no danger here: a page of a browser cannot add a token that it does not know.
    if (tokens === null) {
      return {
        refused: 403,
        message:
          'this is served to this machine alone; use kubectl port-forward, or an API server that knows tokens',
      };
    }
    const token = bearer.exec(context.req.header('authorization') ?? '')?.[1];
    if (token === undefined || token.length > maxTokenLength) {
      return {
        refused: 401,
        message:
          'a bearer token is needed: Authorization: Bearer TOKEN, for example of kubectl create token; or use kubectl port-forward',
        headers: { 'WWW-Authenticate': challenge },
      };
    }
    const answer = await tokens.review(token);
    tell?.(answer);
    return refusalOf(answer);
  };
}

function refusalOf(answer: Review): Refusal | null {
  if (answer.outcome === 'allowed') {
    return null;
  }
  if (answer.outcome === 'unknown') {
    return {
      refused: 401,
      message: 'the API server does not know this token (any more): get a new one',
      headers: { 'WWW-Authenticate': `${challenge}, error="invalid_token"` },
    };
  }
  if (answer.outcome === 'forbidden') {
    return {
      refused: 403,
      message: `${answer.user} may not get ${guardedPath}: a ClusterRole with nonResourceURLs ["${guardedPath}"] and the verb get allows it`,
      headers: { 'WWW-Authenticate': `${challenge}, error="insufficient_scope"` },
    };
  }
  // Why is nothing for strangers.
  return {
    refused: 503,
    message: 'the token cannot be checked, the log says why; kubectl port-forward needs none',
    headers: { 'Retry-After': '5' },
  };
}

/** Logs each new reader once in a while, and trouble when it begins: strangers must not fill the log. */
function createTeller(log: Pick<Logger, 'info' | 'warn'>): (answer: Review) => void {
  const everyMs = 600_000;
  const maxReaders = 100;
  const toldAt = new Map<string, number>();
  let trouble: string | null = null;

  function isNew(who: string): boolean {
    const now = performance.now();
    const before = toldAt.get(who) ?? Number.NEGATIVE_INFINITY;
    if (now - before < everyMs) {
      return false;
    }
    if (toldAt.size >= maxReaders) {
      toldAt.clear();
    }
    toldAt.set(who, now);
    return true;
  }

  return (answer) => {
    if (answer.outcome === 'unavailable') {
      if (answer.reason !== trouble) {
        log.warn('A token for the debug pages cannot be checked', { reason: answer.reason });
      }
      trouble = answer.reason;
      return;
    }
    trouble = null;
    if (answer.outcome === 'unknown') {
      return;
    }
    const { outcome, user } = answer;
    if (isNew(`${outcome} ${user}`)) {
      log.info('Somebody asked for debug pages with a token', { user, outcome });
    }
  };
}

/**
 * Whether both ends of the connection are this machine's loopback. A mesh's proxy that hands over what came from
 * elsewhere uses another address of 127.0.0.0/8, or the pod's own on our side. A request without a connection was made
 * in this process.
 */
function isLocal(context: Context): boolean {
  const bindings = context.env as { readonly incoming?: IncomingMessage } | undefined;
  if (bindings?.incoming === undefined) {
    return true;
  }
  const { remoteAddress, localAddress } = bindings.incoming.socket;
  const remote = plain(remoteAddress);
  return (remote === '127.0.0.1' || remote === '::1') && isLoopback(plain(localAddress));
}

/** IPv4 on a socket of both families is written as `::ffff:127.0.0.1`. Empty for a connection that has ended. */
function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/u, '');
}
