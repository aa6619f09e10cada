import type { Verdict } from '../../model/verdict.ts';
import type { Store } from '../store.ts';
import type { ApiClient } from './api-client.ts';
import { createAlarm, createRunner, monotonicClock, type Clock } from './clock.ts';
import type { Rate } from './event-budget.ts';
import { createEventChanges } from './event-changes.ts';
import type { EventMemory } from './event-memory.ts';
import { createEventQueue, type Pending } from './event-queue.ts';
import { createEventWriter, type EventWrite } from './event-writer.ts';
import type { ApiLog } from './kind-status.ts';
import { createBackoff } from './retry.ts';

export interface EventLimits {
  /** For all Events together. */
  readonly total: Rate;
  /** For the Events of one object. */
  readonly perObject: Rate;
  /** The most changes that wait; more are left out and counted. */
  readonly mostWaiting: number;
  /** How long a change is kept that another replica, which leads, should have told. */
  readonly handoverMs: number;
  /** Between two writes of the memory. */
  readonly saveMs: number;
  /** Before a namespace in which we may not write Events is tried again. */
  readonly forbiddenMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

/** 120 Events a minute at most when all goes wrong at once, and for an object that flaps ten, then one in five minutes. */
export const eventLimits: EventLimits = {
  total: { burst: 50, perSecond: 2 },
  perObject: { burst: 10, perSecond: 1 / 300 },
  mostWaiting: 1000,
  handoverMs: 60_000,
  saveMs: 5000,
  forbiddenMs: 60_000,
  backoffMinMs: 500,
  backoffMaxMs: 60_000,
};

export interface EventsOptions {
  readonly client: ApiClient;
  readonly store: Pick<Store, 'get'>;
  /** The name of this pod. */
  readonly reporter: string;
  readonly isLeader: () => boolean;
  /** Whether another replica leads, and so tells what this one sees too. */
  readonly isOtherLeading: () => boolean;
  /** Whether no gateway has ever run here; null while that is not known. */
  readonly isFirstEver: () => boolean | null;
  /** Replicas choose no leader: each tells what no other has told yet. */
  readonly isShared: boolean;
  /** Null for none. */
  readonly memory: EventMemory | null;
  readonly limits: EventLimits;
  readonly log?: ApiLog;
  readonly clock?: Clock;
}

export interface EventsState {
  readonly waiting: number;
  /** Writes of Events since the start. */
  readonly written: number;
  /** Changes that were not told because too many were waiting or the server would not have them. */
  readonly leftOut: number;
  /** What stands in the way, for people; null where nothing does. */
  readonly trouble: string | null;
}

/** Tells changes of verdicts as Kubernetes Events on the objects, while leading. */
export interface Events {
  /** Only takes note. */
  verdictsChanged(verdicts: readonly Verdict[]): void;
  leadershipChanged(): void;
  start(): void;
  /** Resolves when nothing is being written any more; what waits is told after the next start. */
  stop(): Promise<void>;
  state(): EventsState;
}

/** How often something is looked after when nothing happens. */
const idleMs = 10_000;

export function createEvents(options: EventsOptions): Events {
  const { limits, log, isLeader } = options;
  const clock = options.clock ?? monotonicClock;
  const alarm = createAlarm(clock);
  const backoff = createBackoff(limits);
  const writer = createEventWriter(options.client, options.reporter);
  const queue = createEventQueue(limits, clock);
  const changes = createEventChanges({
    store: options.store,
    queue,
    isFirstEver: options.isFirstEver,
    isDoubtful: () => options.isShared || !isLeader(),
    onOverflow() {
      leftOut += 1;
    },
  });
  /** Namespaces in which the server does not let us write, and what it says about that. */
  const forbidden = new Map<string, string>();
  let latest: readonly Verdict[] | null = null;
  let seen: readonly Verdict[] | null = null;
  let savedRevision = 0;
  let savedAt = clock.now();
  let notBefore = Number.NEGATIVE_INFINITY;
  let written = 0;
  let leftOut = 0;
  let leftOutTold = 0;
  let failure: string | null = null;
  const runner = createRunner(run);

  function noteFailure(reason: string | null): void {
    if (reason !== null && failure === null) {
      log?.warn('Events cannot be written just now', { reason });
    } else if (reason === null && failure !== null) {
      log?.info('Events can be written again', {});
    }
    failure = reason;
  }

  function noteForbidden(namespace: string, reason: string): void {
    if (forbidden.size === 0) {
      const remedy = 'allow create and patch of events to the service account';
      log?.warn('Events may not be written', { namespace, reason: `${reason}; ${remedy}` });
    }
    forbidden.set(namespace, reason);
  }

  function took(pending: Pending, result: EventWrite): void {
    const { namespace } = pending.subject.ref;
    switch (result.kind) {
      case 'written':
      case 'told':
        written += result.kind === 'written' ? 1 : 0;
        forbidden.delete(namespace);
        noteFailure(null);
        backoff.reset();
        changes.settle(pending);
        return;
      case 'dropped':
        if (result.reason !== null) {
          leftOut += 1;
          log?.warn('An Event was refused', { object: pending.key, reason: result.reason });
        }
        changes.settle(pending);
        return;
      case 'forbidden':
        noteForbidden(namespace, result.reason);
        queue.block(namespace, limits.forbiddenMs);
        return;
      default:
        noteFailure(result.reason);
        queue.doubt(pending.key);
        notBefore = clock.now() + Math.max(backoff.next(), result.retryAfterMs);
    }
  }

  /** Another replica leads and has had time enough: it has told what it saw. */
  function settleHandedOver(): void {
    if (options.isOtherLeading()) {
      for (const pending of queue.olderThan(limits.handoverMs)) {
        changes.settle(pending);
      }
    }
  }

  /** Whether there are verdicts that have not been looked at. */
  function isBehind(): boolean {
    return latest !== seen;
  }

  /** Tells what may be told now. @returns milliseconds until more may be */
  async function tellWaiting(signal: AbortSignal): Promise<number> {
    while (isLeader() && !signal.aborted && !isBehind()) {
      const wait = Math.max(notBefore - clock.now(), queue.waitMs());
      if (wait > 0) {
        return wait;
      }
      const pending = queue.take();
      if (pending === null) {
        return idleMs;
      }
      const result = await writer.write(pending, signal);
      if (!signal.aborted) {
        took(pending, result);
      }
    }
    return isBehind() ? 0 : idleMs;
  }

  async function load(): Promise<void> {
    try {
      changes.remember((await options.memory?.load()) ?? null);
    } catch (error) {
      log?.warn('What Events have been written before cannot be read', { error });
    }
  }

  async function save(): Promise<void> {
    savedRevision = changes.revision;
    savedAt = clock.now();
    try {
      await options.memory?.save(changes.said);
    } catch (error) {
      log?.warn('What Events have been written cannot be saved; a restart may repeat some', { error });
    }
  }

  /** @returns milliseconds until there is something to do again, if nothing happens before */
  async function round(signal: AbortSignal): Promise<number> {
    const verdicts = latest;
    if (verdicts !== null && (changes.isLookDue() || isBehind())) {
      await changes.look(verdicts);
      seen = verdicts;
    }
    settleHandedOver();
    const wait = await tellWaiting(signal);
    if (leftOut > leftOutTold) {
      log?.warn('Some changes were not told as Events', { count: leftOut - leftOutTold });
      leftOutTold = leftOut;
    }
    const saveIn = savedAt + limits.saveMs - clock.now();
    const isUnsaved = changes.revision !== savedRevision;
    if (isUnsaved && saveIn <= 0) {
      await save();
    }
    return Math.min(wait, isUnsaved && saveIn > 0 ? saveIn : idleMs, idleMs);
  }

  async function run(signal: AbortSignal): Promise<void> {
    await load();
    while (!signal.aborted) {
      let wait = idleMs;
      try {
        wait = await round(signal);
      } catch (error) {
        log?.error('A round of Events failed', { error });
      }
      await alarm.wait(wait, signal);
    }
    if (changes.revision !== savedRevision) {
      await save();
    }
  }

  return {
    verdictsChanged(verdicts) {
      latest = verdicts;
      alarm.ring();
    },
    leadershipChanged() {
      alarm.ring();
    },
    start: () => runner.start(),
    stop: () => runner.stop(),
    state() {
      const [firstForbidden = null] = forbidden.values();
      return { waiting: queue.size, written, leftOut, trouble: failure ?? firstForbidden };
    },
  };
}
