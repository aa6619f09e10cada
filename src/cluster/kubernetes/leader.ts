import type { Answer, ApiClient } from './api-client.ts';
import { createRunner, monotonicClock, withDeadline, type Clock } from './clock.ts';
import type { ApiLog } from './kind-status.ts';
import { leasePath, newLease, readLease, releasedLease, renewedLease, type LeaseRecord } from './lease.ts';
import { jittered } from './timing.ts';
import type { Failure } from './transport.ts';

export interface LeaderOptions {
  readonly client: ApiClient;
  /** Where the Lease stands: the pod's own namespace. */
  readonly namespace: string;
  /** `kubernetes.election_id`. */
  readonly name: string;
  /** What tells this replica from the others: the name of its pod. */
  readonly identity: string;
  /** `kubernetes.election_ttl`: how long leadership lasts without being renewed. */
  readonly ttlMs: number;
  /** Called when this replica begins or ceases to lead. */
  onChange(isLeader: boolean): void;
  readonly log?: ApiLog;
  readonly clock?: Clock;
}

export interface LeaderState {
  readonly isLeader: boolean;
  /** Who holds the Lease as far as is known; empty for nobody. */
  readonly holder: string;
  /** Another replica holds the Lease and was seen to renew it within its time. */
  readonly isOtherLeading: boolean;
  /** Whether there was no Lease before this replica made it; null until that is known. */
  readonly isFirstEver: boolean | null;
  /** Why the Lease cannot be read or written, for people; null where it can. */
  readonly trouble: string | null;
}

export interface Leader {
  start(): void;
  /** Ends the election. With `release` the Lease is let go, so that another replica need not wait for its end. */
  stop(options: { readonly release: boolean }): Promise<void>;
  /** Judged by the clock at this very moment: false as soon as the Lease was not renewed in time. */
  isLeader(): boolean;
  state(): LeaderState;
}

/** A Lease, and when it was first seen in that form by our own clock. */
interface Observed {
  readonly record: LeaseRecord;
  readonly since: number;
}

/**
 * Chooses one leader among the replicas by a Lease, after the algorithm of client-go's `leaderelection`. The shares of
 * the TTL are those of ingress-nginx: a quarter between attempts, a half for renewing. Times that stand in the Lease
 * are never compared with our clock: another's leadership has ended when its Lease has not changed for the time that
 * it is valid, measured here. Nothing but writing to the cluster depends on the outcome.
 */
export function createLeader(options: LeaderOptions): Leader {
  const { client, namespace, name, identity, ttlMs, log } = options;
  const clock = options.clock ?? monotonicClock;
  const path = leasePath(namespace, name);
  const retryMs = ttlMs / 4;
  /** From the first failed renewal (a quarter after the last good one) half the TTL is left for trying again. */
  const leadsForMs = retryMs + ttlMs / 2;
  /** A first attempt that fails is repeated soon, as there is time for few. */
  const repeatMs = retryMs / 4;
  let observed: Observed | null = null;
  /** Whether the Lease is still as observed, so that a write can build upon it. */
  let isCurrent = false;
  /** When the last successful renewal was sent; null while this replica does not hold the Lease. */
  let renewedAt: number | null = null;
  let wasLeader = false;
  let isFirstEver: boolean | null = null;
  let trouble: string | null = null;
  const runner = createRunner(run);

  function isLeader(): boolean {
    return renewedAt !== null && clock.now() - renewedAt < leadsForMs;
  }

  function observe(record: LeaseRecord): void {
    if (record.holder !== observed?.record.holder && record.holder !== identity) {
      log?.info('The holder of the Lease changed', { lease: name, holder: record.holder });
    }
    const isSame = observed?.record.fingerprint === record.fingerprint;
    observed = { record, since: isSame && observed !== null ? observed.since : clock.now() };
  }

  function isOtherLeading(): boolean {
    if (observed === null || observed.record.holder === '' || observed.record.holder === identity) {
      return false;
    }
    return clock.now() - observed.since < (observed.record.durationMs ?? ttlMs);
  }

  function noteTrouble(reason: string | null): void {
    if (!runner.isRunning()) {
      // A request cut off by the end is no trouble.
      return;
    }
    if (reason !== null && reason !== trouble) {
      log?.warn('The Lease cannot be read or written', { lease: `${namespace}/${name}`, reason });
    } else if (reason === null && trouble !== null) {
      log?.info('The Lease can be read and written', { lease: `${namespace}/${name}` });
    }
    trouble = reason;
  }

  /** Tells about a change, also about one that came by the clock alone. */
  function tell(): void {
    const now = isLeader();
    if (now === wasLeader) {
      return;
    }
    wasLeader = now;
    log?.info(now ? 'This replica leads' : 'This replica leads no longer', { lease: name, identity });
    try {
      options.onChange(now);
    } catch (error) {
      log?.error('What follows from leadership failed', { error });
    }
  }

  async function send(
    request: Parameters<ApiClient['send']>[0],
    signal: AbortSignal,
  ): Promise<Answer | Failure> {
    return withDeadline(clock, retryMs, signal, async (limited) => {
      const reply = await client.send({ ...request, signal: limited });
      // Both reading and writing with a resourceVersion may be repeated without harm.
      return reply.kind === 'failure' && reply.isStale ? client.send({ ...request, signal: limited }) : reply;
    });
  }

  /** What a reply means that is no success. @returns milliseconds until the next attempt */
  function failed(reply: Answer | Failure): number {
    if (reply.kind === 'failure') {
      noteTrouble(reply.reason);
      return jittered(repeatMs, 0.2);
    }
    if (reply.status === 409 || (reply.status === 404 && isCurrent)) {
      // Somebody else was quicker, or the Lease was changed or deleted by hand. What it says now decides.
      isCurrent = false;
      return jittered(repeatMs / 4, 0.5);
    }
    noteTrouble(`the API server answers ${reply.status}: ${reply.message}`);
    const isRefused = reply.status === 401 || reply.status === 403 || reply.status === 404;
    return jittered(
      isRefused ? retryMs : Math.max(repeatMs, Math.min(reply.retryAfterMs ?? 0, retryMs)),
      0.2,
    );
  }

  function took(reply: Answer | Failure, sentAt: number): number {
    const record = reply.kind === 'answer' && reply.status < 300 ? readLease(reply.body) : null;
    if (record === null) {
      return failed(reply);
    }
    noteTrouble(null);
    observe(record);
    isCurrent = true;
    renewedAt = sentAt;
    return retryMs;
  }

  async function create(signal: AbortSignal): Promise<number> {
    const sentAt = clock.now();
    const body = newLease(namespace, name, identity, ttlMs);
    const reply = await send({ method: 'POST', path: leasePath(namespace), body }, signal);
    const wait = took(reply, sentAt);
    if (isFirstEver === null && reply.kind === 'answer' && (reply.status < 300 || reply.status === 409)) {
      isFirstEver = reply.status < 300;
    }
    return wait;
  }

  /** @returns milliseconds until the next attempt */
  async function attempt(signal: AbortSignal): Promise<number> {
    if (!isCurrent || renewedAt === null) {
      const reply = await send({ path }, signal);
      if (reply.kind === 'answer' && reply.status === 404) {
        return create(signal);
      }
      const record = reply.kind === 'answer' && reply.status === 200 ? readLease(reply.body) : null;
      if (record === null) {
        return failed(reply);
      }
      noteTrouble(null);
      isFirstEver ??= false;
      observe(record);
      isCurrent = true;
    }
    if (observed === null || isOtherLeading()) {
      renewedAt = null;
      return jittered(retryMs, 0.2);
    }
    const sentAt = clock.now();
    const body = renewedLease(observed.record, identity, ttlMs);
    return took(await send({ method: 'PUT', path, body }, signal), sentAt);
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = await attempt(signal);
      tell();
      // Ceasing to lead has to be told in time, even when no answer comes.
      const left = renewedAt === null ? wait : renewedAt + leadsForMs - clock.now();
      await clock.pause(left > 0 ? Math.min(wait, left) : wait, signal);
      tell();
    }
  }

  /** Lets go, if the Lease is ours. One repetition, for a renewal that was under way when the end came. */
  async function release(): Promise<void> {
    const never = new AbortController().signal;
    for (let tries = 0; tries < 2 && observed !== null; tries += 1) {
      const reply = await send({ method: 'PUT', path, body: releasedLease(observed.record) }, never);
      if (reply.kind === 'answer' && reply.status < 300) {
        log?.info('The Lease was released', { lease: name });
        return;
      }
      const again = await send({ path }, never);
      const record = again.kind === 'answer' && again.status === 200 ? readLease(again.body) : null;
      if (record === null || record.holder !== identity) {
        break;
      }
      observe(record);
    }
    log?.warn('The Lease could not be released; the next leader begins when it has run out', { lease: name });
  }

  return {
    start: () => runner.start(),
    async stop({ release: isReleasing }) {
      await runner.stop();
      const isOurs = isLeader();
      renewedAt = null;
      tell();
      if (isReleasing && isOurs) {
        await release();
      }
    },
    isLeader,
    state: () => ({
      isLeader: isLeader(),
      holder: observed?.record.holder ?? '',
      isOtherLeading: isOtherLeading(),
      isFirstEver,
      trouble,
    }),
  };
}
