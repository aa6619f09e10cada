import type { ObjectRef } from '../../model/object-ref.ts';
import type { ApiClient, ApiRequest } from './api-client.ts';
import { createDoubts } from './disappearance.ts';
import type { Entry, Intake } from './intake.ts';
import { createKnownObjects, type Listing } from './known-objects.ts';
import { describeOutcome, isLostConnection, labelOf, outcomeOf, type Outcome } from './outcome.ts';
import { listInPages } from './paged-list.ts';
import { checkPosition } from './position-check.ts';
import type { ReflectorEvents, ReflectorState, Sink, Trouble } from './reflector-events.ts';
import { createBackoff } from './retry.ts';
import { between, jittered, pause, type Timings } from './timing.ts';
import { readWatch } from './watch-stream.ts';

export interface ReflectorOptions {
  readonly client: ApiClient;
  /** The collection: path and selectors. */
  readonly request: ApiRequest;
  /** The form of lists and of watches, where it is not the usual one. */
  readonly accept?: { readonly list: string; readonly watch: string };
  readonly intake: Intake;
  readonly sink: Sink;
  readonly timings: Timings;
  /** How many objects an earlier gateway of this pod knew; 0 where nothing is known of that. */
  readonly earlier?: () => number;
  readonly events: ReflectorEvents;
}

export interface Reflector {
  /** Lists and watches until the signal is aborted. Can be run again; it then goes on where it was. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends the wait after a failed connection, if there is one: the server has been heard of. */
  retryNow(): void;
  state(): ReflectorState;
}

/** Streamed lists that break off one after the other before paging is tried in their place. */
const maxBrokenStreams = 2;
/** Watches from one version that the server fails one after the other before a list is made. */
const maxFailuresAtPosition = 5;
/** A watch that the server ends this much before the time it was asked for was cut. */
const earlyMs = 2000;
/** Failures before they are more than a hiccup. */
const failuresToReport = 3;
/** Statuses that say something about the version or the query: a list makes a new start. */
const restartStatuses: ReadonlySet<number> = new Set([400, 404, 405, 406, 422]);

/** Keeps a sink equal to one collection of the API server. */
export function createReflector(options: ReflectorOptions): Reflector {
  const { client, sink, timings, events } = options;
  const listRequest = options.accept ? { ...options.request, accept: options.accept.list } : options.request;
  const watchRequest = options.accept
    ? { ...options.request, accept: options.accept.watch }
    : options.request;
  const known = createKnownObjects(options.intake);
  const backoff = createBackoff(timings);
  let position: string | null = null;
  /** Whether the server is known to have reached `position`; after anything but an orderly end it is asked. */
  let isConfirmed = false;
  const doubts = createDoubts();
  let isSynced = false;
  let lastContact: number | null = null;
  let begun = 0;
  let trouble: Trouble | null = null;
  let canStream = true;
  let brokenStreams = 0;
  let failures = 0;
  let failuresHere = 0;
  let malformedAt: string | null = null;
  let relistAt = Number.POSITIVE_INFINITY;
  let reason = 'start';
  let isAway = false;
  let waiting: AbortController | null = null;

  function onContact(): void {
    lastContact = performance.now();
    events.contact();
    if (isAway) {
      isAway = false;
      events.returned();
    }
  }

  function setTrouble(next: Trouble | null): void {
    const isNews = next?.kind !== trouble?.kind || next?.reason !== trouble?.reason;
    trouble = next;
    if (isNews) {
      events.changed();
    }
  }

  /** Takes a complete list as the truth, or doubts it. */
  function accept(listing: Listing, resourceVersion: string, startedAt: number): Outcome | null {
    const doubt = isSynced
      ? doubts.of(known.size, known.missingFrom(listing))
      : doubts.ofFirst(options.earlier?.() ?? 0, listing.content.size);
    if (doubt !== null) {
      return { kind: 'doubted', ...doubt };
    }
    const { set, deleted, drift } = known.accept(listing, isSynced ? position : null);
    if (isSynced) {
      sink.change({ set, deleted });
    } else {
      sink.first(set);
    }
    position = resourceVersion;
    isConfirmed = true;
    relistAt = performance.now() + jittered(timings.relistMs, 0.2);
    events.listed(listing.content.size, (performance.now() - startedAt) / 1000);
    if (drift > 0) {
      events.drifted(drift);
    }
    failures = 0;
    failuresHere = 0;
    const isNews = !isSynced || trouble !== null;
    trouble = null;
    isSynced = true;
    if (isNews) {
      events.changed();
    }
    return null;
  }

  async function listPages(signal: AbortSignal): Promise<Outcome> {
    const startedAt = performance.now();
    const result = await listInPages({
      client,
      request: listRequest,
      signal,
      newListing: () => known.listing(),
      onContact,
      onUnreadable: () => events.skipped('an item of a list is no object'),
    });
    if (result.kind !== 'listed') {
      return outcomeOf(result);
    }
    // A list that was stopped halfway is not complete.
    if (signal.aborted) {
      return { kind: 'failed', reason: 'stopped' };
    }
    return accept(result.listing, result.resourceVersion, startedAt) ?? { kind: 'listed' };
  }

  /** Watches; from nothing, the server sends everything there is first (API servers from 1.34 on, and 1.32). */
  async function watch(from: string | null, signal: AbortSignal): Promise<Outcome> {
    const startedAt = performance.now();
    const life = Math.min(between(timings.watchLifeMs), Math.max(relistAt - startedAt, 1000));
    const patience = new AbortController();
    let timer = from === null ? setTimeout(() => patience.abort(), timings.initialEventsMs) : undefined;
    isConfirmed = false;
    try {
      const query = {
        ...watchRequest.query,
        watch: 'true',
        allowWatchBookmarks: 'true',
        timeoutSeconds: String(Math.max(1, Math.ceil(life / 1000))),
        ...(from === null
          ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
          : { resourceVersion: from }),
      };
      const stream = await client.open(
        { ...watchRequest, query, signal: AbortSignal.any([signal, patience.signal]) },
        { idleMs: jittered(timings.watchIdleMs, 0.1), totalMs: life + timings.watchGraceMs },
      );
      if (stream.kind !== 'stream') {
        if (from === null && stream.kind === 'answer' && (stream.status === 400 || stream.status === 422)) {
          return { kind: 'unsupported', reason: stream.message };
        }
        return patience.signal.aborted ? unsupported() : outcomeOf(stream);
      }
      onContact();
      if (from !== null && trouble !== null) {
        // Silence is no trouble where the server has said that nothing has changed.
        timer = setTimeout(() => setTrouble(null), trouble.kind === 'failing' ? timings.confirmedMs : 0);
      }
      const outcome = await readWatch({
        stream,
        known,
        initial: from === null ? known.listing() : null,
        onListed(listing, resourceVersion) {
          clearTimeout(timer);
          brokenStreams = 0;
          return accept(listing, resourceVersion, startedAt);
        },
        onPosition(resourceVersion) {
          position = resourceVersion;
          malformedAt = null;
          recover();
        },
        onChanges: (set: readonly Entry[], deleted: readonly ObjectRef[]) => sink.change({ set, deleted }),
        onContact,
        onSkipped: (why) => events.skipped(why),
      });
      isConfirmed =
        outcome.kind === 'ended' &&
        outcome.end.how === 'closed' &&
        outcome.isProductive &&
        outcome.livedMs >= life - earlyMs;
      return patience.signal.aborted && !signal.aborted ? unsupported() : outcome;
    } finally {
      clearTimeout(timer);
    }
  }

  function unsupported(): Outcome {
    return { kind: 'unsupported', reason: 'the streamed list was not complete in time' };
  }

  async function step(signal: AbortSignal): Promise<Outcome> {
    if (performance.now() >= relistAt) {
      // Should this list fail, the watch goes on meanwhile and the next attempt is not far.
      relistAt = performance.now() + jittered(timings.relistMs / 10, 0.2);
      return canStream ? watch(null, signal) : listPages(signal);
    }
    if (position !== null) {
      const doubt = isConfirmed ? null : await checkPosition(client, listRequest, position, signal);
      return doubt ?? watch(position, signal);
    }
    return canStream && !doubts.areOpen() && brokenStreams < maxBrokenStreams
      ? watch(null, signal)
      : listPages(signal);
  }

  /** What an outcome means for the next step. @returns milliseconds to wait before it */
  function settle(outcome: Outcome): number {
    switch (outcome.kind) {
      case 'listed':
        brokenStreams = 0;
        return 0;
      case 'unsupported':
        canStream = false;
        return 0;
      case 'doubted':
        position = null;
        setTrouble({ kind: 'doubted', reason: describeOutcome(outcome) });
        return jittered(timings.confirmMs, 0.2);
      case 'expired':
        position = null;
        if (outcome.isProductive) {
          backoff.reset();
        }
        return backoff.next();
      case 'rewound':
        position = null;
        known.forgetVersions();
        setTrouble({ kind: 'doubted', reason: describeOutcome(outcome) });
        return 0;
      case 'malformed':
        return settleMalformed(outcome);
      case 'ended':
        return settleEnd(outcome);
      case 'refused':
        return settleRefusal(outcome);
      default:
        return fail(outcome);
    }
  }

  function settleMalformed(outcome: Outcome & { kind: 'malformed' }): number {
    events.skipped(outcome.reason);
    if (outcome.isIncomplete) {
      brokenStreams += 1;
    } else if (malformedAt === position) {
      // The same line again: it can only be got round by a list.
      position = null;
      malformedAt = null;
    } else {
      malformedAt = position;
    }
    return backoff.next();
  }

  function settleEnd(outcome: Outcome & { kind: 'ended' }): number {
    if (outcome.isIncomplete) {
      brokenStreams += 1;
      return fail(outcome);
    }
    if (!outcome.isProductive && outcome.livedMs < timings.steadyMs && outcome.end.how !== 'idle') {
      return outcome.end.how === 'closed' ? backoff.next() : fail(outcome);
    }
    if (outcome.isProductive || outcome.end.how !== 'idle') {
      backoff.reset();
      recover();
    }
    // Whatever cuts watches right after their first event must not be asked hundreds of times a second.
    return outcome.livedMs < timings.backoffMinMs ? backoff.next() : 0;
  }

  function settleRefusal(outcome: Outcome & { kind: 'refused' }): number {
    const { status, retryAfterMs } = outcome;
    if (status === 403) {
      failures += 1;
      setTrouble({ kind: 'forbidden', reason: describeOutcome(outcome) });
      // Nothing is served before it is allowed: an installation gives rights a few seconds after the pod.
      return isSynced ? jittered(timings.forbiddenMs, 0.1) : backoff.next();
    }
    if (status === 404 && position === null) {
      failures += 1;
      if (failures < failuresToReport) {
        return backoff.next();
      }
      setTrouble({ kind: 'not-served', reason: describeOutcome(outcome) });
      return jittered(timings.forbiddenMs, 0.1);
    }
    failuresHere += 1;
    const isStuck = failuresHere >= maxFailuresAtPosition && (status === 500 || status === 504);
    if (restartStatuses.has(status) || isStuck) {
      position = null;
      failuresHere = 0;
    }
    const wait = fail(outcome);
    return retryAfterMs === null ? wait : Math.min(retryAfterMs, timings.retryAfterMaxMs) + wait;
  }

  function recover(): void {
    failures = 0;
    failuresHere = 0;
    if (trouble !== null) {
      setTrouble(null);
    }
  }

  function fail(outcome: Outcome): number {
    failures += 1;
    if (failures >= failuresToReport) {
      setTrouble({ kind: 'failing', reason: describeOutcome(outcome) });
    }
    return backoff.next();
  }

  async function attempt(signal: AbortSignal): Promise<Outcome> {
    try {
      return await step(signal);
    } catch (error) {
      // Whatever is wrong there, what we know may no longer be what the sink has: only a list puts that right.
      position = null;
      return {
        kind: 'failed',
        reason: `internal error: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        begun += 1;
        if (begun > 1) {
          events.restarted(reason);
        }
        const outcome = await attempt(signal);
        if (signal.aborted) {
          return;
        }
        reason = labelOf(outcome);
        isAway = isLostConnection(outcome);
        waiting = isAway ? new AbortController() : null;
        await pause(settle(outcome), waiting === null ? signal : AbortSignal.any([signal, waiting.signal]));
      }
    },
    retryNow: () => waiting?.abort(),
    state: () => ({ isSynced, objects: known.size, lastContact, restarts: Math.max(0, begun - 1), trouble }),
  };
}
