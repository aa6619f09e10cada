import type { Verdict, VerdictState } from '../../model/verdict.ts';
import type { Store } from '../store.ts';
import type { ApiClient } from './api-client.ts';
import { createAlarm, createRunner, monotonicClock, withDeadline, type Clock } from './clock.ts';
import type { ApiLog } from './kind-status.ts';
import { sameAddresses, type AddressSource, type PublishedAddress } from './published-addresses.ts';
import { createBackoff } from './retry.ts';
import { listLiveStatuses, type LiveStatuses } from './status-live.ts';
import type { StatusTimings } from './status-timings.ts';
import { writeStatus } from './status-write.ts';
import { createPacer } from './timing.ts';

export interface StatusUpdaterOptions {
  readonly client: ApiClient;
  readonly store: Pick<Store, 'get'>;
  /** `kubernetes.namespace`; empty for all. */
  readonly namespace: string;
  readonly addresses: AddressSource;
  readonly isLeader: () => boolean;
  /** Called when the addresses may not be read, with the reason, and with null when that is over. */
  onForbidden?(reason: string | null): void;
  readonly timings: StatusTimings;
  readonly log?: ApiLog;
  readonly clock?: Clock;
}

export interface StatusState {
  /** As last found out; null before that. */
  readonly addresses: readonly PublishedAddress[] | null;
  /** Successful writes since the start. */
  readonly written: number;
  /** Ingresses whose status was not yet what it should be at the end of the last round. */
  readonly behind: number;
  /** What stands in the way, for people; null where nothing does. */
  readonly trouble: string | null;
}

/** What came of clearing. */
export interface StatusCleared {
  readonly cleared: number;
  /** How many there were to clear; null where that could not be found out. */
  readonly of: number | null;
  /** Why some are left, for people; null where none is. */
  readonly trouble: string | null;
}

/** Keeps `status.loadBalancer` of the served Ingresses equal to the addresses of the gateway, while leading. */
export interface StatusUpdater {
  /** Only takes note. */
  verdictsChanged(verdicts: readonly Verdict[]): void;
  leadershipChanged(): void;
  start(): void;
  /** Resolves when nothing is being written any more. */
  stop(): Promise<void>;
  /** After `stop`: takes our addresses out of the status again, for the last replica that ends. */
  clear(deadlineMs: number): Promise<StatusCleared>;
  state(): StatusState;
}

interface Target {
  /** `namespace/name` */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Those of which something is served. The others keep what they have: a verdict never takes an address away. */
const publishedStates: ReadonlySet<VerdictState> = new Set(['served', 'served-with-difference']);
const writesAtOnce = 10;
const noAddress =
  'there is no address to publish: the Service of kubernetes.publish_service, or the nodes of ready pods, have none';

export function createStatusUpdater(options: StatusUpdaterOptions): StatusUpdater {
  const { client, store, timings, log, isLeader } = options;
  const clock = options.clock ?? monotonicClock;
  const alarm = createAlarm(clock);
  const backoff = createBackoff(timings);
  /** Ingresses by uid whose status the server will not have, and until when they are left alone. */
  const heldOff = new Map<string, number>();
  /** Namespaces in which we may not write, until when they are left alone, and what the server says about that. */
  const forbidden = new Map<string, { readonly until: number; readonly reason: string }>();
  let verdicts: readonly Verdict[] = [];
  /** Null while it is not known: not leading, or not listed yet. */
  let live: LiveStatuses | null = null;
  let addresses: readonly PublishedAddress[] | null = null;
  let lookUpAt = Number.NEGATIVE_INFINITY;
  let relistAt = Number.NEGATIVE_INFINITY;
  /** Nothing is asked of the server before this: it refused all writes, or had enough of them. */
  let notBefore = Number.NEGATIVE_INFINITY;
  let lookUpTrouble: string | null = null;
  let writeTrouble: string | null = null;
  let toldTrouble: string | null = null;
  let written = 0;
  let behind = 0;
  const runner = createRunner(run);

  /** Says once what is wrong, and once that it is not any more. */
  function tellTrouble(): void {
    const reason = lookUpTrouble ?? writeProblem();
    if (reason !== null && reason !== toldTrouble) {
      log?.warn('The status of Ingresses is not kept up to date', { reason });
    } else if (reason === null && toldTrouble !== null) {
      log?.info('The status of Ingresses is kept up to date', {});
    }
    toldTrouble = reason;
  }

  /** Addresses that were known stay when new ones cannot be found out. */
  async function lookUp(signal: AbortSignal): Promise<void> {
    const found = await options.addresses(signal);
    if (signal.aborted) {
      return;
    }
    const isUsable = !('problem' in found) && found.length > 0;
    lookUpAt = clock.now() + (isUsable ? timings.intervalMs : timings.emptyRetryMs);
    options.onForbidden?.('problem' in found && found.isForbidden ? found.problem : null);
    if ('problem' in found) {
      lookUpTrouble = found.problem;
    } else if (found.length === 0) {
      // A failing load balancer has no address either: taking ours away would take names out of DNS.
      lookUpTrouble = noAddress;
    } else {
      lookUpTrouble = null;
      addresses = found;
    }
  }

  /** @returns whether what the API server has is known now */
  async function relist(signal: AbortSignal): Promise<boolean> {
    const found = await listLiveStatuses(client, options.namespace, signal);
    if (found instanceof Map) {
      live = found;
      relistAt = clock.now() + timings.relistMs;
      forgetOldRefusals();
      return true;
    }
    if (!signal.aborted) {
      const reason = found.kind === 'failure' ? found.reason : `${found.status}: ${found.message}`;
      writeTrouble = `the Ingresses cannot be listed: ${reason}`;
    }
    return false;
  }

  /** The Ingresses for which `isWanted`, with what a write needs. */
  async function choose(
    isWanted: (state: VerdictState, key: string, uid: string) => boolean,
  ): Promise<Target[]> {
    const pacer = createPacer();
    const chosen: Target[] = [];
    for (const { kind, namespace, name, state } of verdicts) {
      const object = kind === 'Ingress' ? store.get({ kind, namespace, name }) : null;
      const key = `${namespace}/${name}`;
      if (object !== null && isWanted(state, key, object.meta.uid)) {
        chosen.push({ key, namespace, name, uid: object.meta.uid });
      }
      if (pacer.isDue()) {
        await pacer.rest();
      }
    }
    return chosen;
  }

  /** What the API server has for this very object; an earlier one of the same name says nothing about it. */
  function liveAddresses(key: string, uid: string): readonly PublishedAddress[] {
    const known = live?.get(key);
    return known?.uid === uid ? known.addresses : [];
  }

  function isHeldOff(uid: string): boolean {
    return (heldOff.get(uid) ?? Number.NEGATIVE_INFINITY) > clock.now();
  }

  function isForbidden(namespace: string): boolean {
    return (forbidden.get(namespace)?.until ?? Number.NEGATIVE_INFINITY) > clock.now();
  }

  /** What stands in the way of writing, in words; null where nothing does. */
  function writeProblem(): string | null {
    const [first] = forbidden.values();
    return first === undefined
      ? writeTrouble
      : `${first.reason}; allow patch of ingresses/status to the service account`;
  }

  function forgetOldRefusals(): void {
    for (const uid of heldOff.keys()) {
      if (!isHeldOff(uid)) {
        heldOff.delete(uid);
      }
    }
  }

  /**
   * Writes ten at a time, until all are written, leadership is lost or the server has had enough.
   * @returns whether something is left that is worth trying again
   */
  async function write(
    targets: readonly Target[],
    value: readonly PublishedAddress[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const queue = targets.values();
    let retryMs: number | null = null;
    let isStopped = false;
    behind = targets.length;

    async function writeOne(target: Target): Promise<void> {
      const result = await writeStatus(client, target, value, signal);
      if (signal.aborted) {
        return;
      }
      switch (result.kind) {
        case 'written':
          live?.set(target.key, { uid: target.uid, addresses: value });
          heldOff.delete(target.uid);
          writeTrouble = null;
          forbidden.delete(target.namespace);
          written += 1;
          behind -= 1;
          return;
        case 'gone':
          // The watch will tell; until then there is nothing to write to.
          heldOff.set(target.uid, clock.now() + timings.intervalMs);
          return;
        case 'failed':
          retryMs = Math.max(retryMs ?? backoff.next(), result.retryAfterMs);
          if (result.isOverload) {
            isStopped = true;
            writeTrouble = result.reason;
          }
          return;
        default:
          if (result.scope === 'everywhere') {
            isStopped = true;
            retryMs = timings.forbiddenMs;
            // Kept as it is said first: another Ingress in it would make it another warning.
            writeTrouble ??= result.reason;
            return;
          }
          if (result.scope === 'namespace') {
            const said = forbidden.get(target.namespace)?.reason ?? result.reason;
            forbidden.set(target.namespace, { until: clock.now() + timings.forbiddenMs, reason: said });
            return;
          }
          if (!heldOff.has(target.uid)) {
            const fields = { object: `Ingress/${target.key}`, reason: result.reason };
            log?.warn('The status of an Ingress cannot be written', fields);
          }
          heldOff.set(target.uid, clock.now() + timings.refusedMs);
      }
    }

    async function work(): Promise<void> {
      for (const target of queue) {
        if (isStopped || signal.aborted || !isLeader()) {
          return;
        }
        if (!isForbidden(target.namespace)) {
          await writeOne(target);
        }
      }
    }

    await Promise.all(Array.from({ length: writesAtOnce }, () => work()));
    for (const namespace of forbidden.keys()) {
      if (!targets.some((target) => target.namespace === namespace)) {
        forbidden.delete(namespace);
      }
    }
    if (retryMs !== null) {
      notBefore = clock.now() + retryMs;
    }
    return retryMs !== null;
  }

  /** @returns milliseconds until there is something to do again, if nothing happens before */
  async function round(signal: AbortSignal): Promise<number> {
    if (!isLeader()) {
      // Whoever leads meanwhile writes; what was known here is then worth nothing.
      live = null;
      forbidden.clear();
      options.onForbidden?.(null);
      return timings.intervalMs;
    }
    if (verdicts.length === 0) {
      return timings.intervalMs;
    }
    if (clock.now() < notBefore) {
      return notBefore - clock.now();
    }
    if (clock.now() >= lookUpAt) {
      await lookUp(signal);
    }
    const value = addresses;
    if (value === null) {
      return lookUpAt - clock.now();
    }
    if ((live === null || clock.now() >= relistAt) && !(await relist(signal))) {
      notBefore = clock.now() + backoff.next();
      return notBefore - clock.now();
    }
    const targets = await choose(
      (state, key, uid) =>
        publishedStates.has(state) && !sameAddresses(liveAddresses(key, uid), value) && !isHeldOff(uid),
    );
    if (await write(targets, value, signal)) {
      return notBefore - clock.now();
    }
    backoff.reset();
    return lookUpAt - clock.now();
  }

  /** As often as there is time for: what is left here stays in DNS. */
  async function clearAll(until: number, signal: AbortSignal): Promise<StatusCleared> {
    const ours = addresses;
    if (ours === null) {
      return { cleared: 0, of: 0, trouble: null };
    }
    const before = written;
    let of: number | null = null;
    backoff.reset();
    writeTrouble = null;
    while (isLeader()) {
      let wait = backoff.next();
      // A write that was cut off by the end has been done or not; only the server knows.
      if (of !== null || (await relist(signal))) {
        const targets = await choose(
          (state, key, uid) => state !== 'ignored' && sameAddresses(liveAddresses(key, uid), ours),
        );
        of ??= targets.length;
        if (targets.length === 0 || !(await write(targets, [], signal))) {
          break;
        }
        wait = notBefore - clock.now();
      }
      if (signal.aborted || clock.now() + wait >= until) {
        break;
      }
      await clock.pause(wait, signal);
    }
    const cleared = written - before;
    const why = isLeader() ? (writeProblem() ?? 'the API server did not take all in time') : 'another leads';
    return { cleared, of, trouble: cleared === of ? null : why };
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let wait = timings.intervalMs;
      try {
        wait = await round(signal);
        tellTrouble();
      } catch (error) {
        log?.error('A round of status updates failed', { error });
      }
      await alarm.wait(Math.min(wait, timings.intervalMs), signal);
      await clock.pause(timings.settleMs, signal);
    }
  }

  return {
    verdictsChanged(next) {
      verdicts = next;
      alarm.ring();
    },
    leadershipChanged() {
      alarm.ring();
    },
    start: () => runner.start(),
    stop: () => runner.stop(),
    clear: (deadlineMs) =>
      withDeadline(clock, deadlineMs, new AbortController().signal, (signal) =>
        clearAll(clock.now() + deadlineMs, signal),
      ),
    state: () => ({ addresses, written, behind, trouble: lookUpTrouble ?? writeProblem() }),
  };
}
