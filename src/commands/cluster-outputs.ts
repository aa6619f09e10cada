import { hostname } from 'node:os';
import type { ApiClient } from '../cluster/kubernetes/api-client.ts';
import { monotonicClock, type Clock } from '../cluster/kubernetes/clock.ts';
import { createFileMemory } from '../cluster/kubernetes/event-memory.ts';
import { createEvents, eventLimits, type Events, type EventsState } from '../cluster/kubernetes/events.ts';
import type { EventLimits } from '../cluster/kubernetes/events.ts';
import type { ApiLog } from '../cluster/kubernetes/kind-status.ts';
import { createLeader, type Leader, type LeaderState } from '../cluster/kubernetes/leader.ts';
import { isLastReplica } from '../cluster/kubernetes/last-replica.ts';
import { createAddressSource } from '../cluster/kubernetes/published-addresses.ts';
import { statusTimings, type StatusTimings } from '../cluster/kubernetes/status-timings.ts';
import {
  createStatusUpdater,
  type StatusState,
  type StatusUpdater,
} from '../cluster/kubernetes/status-updater.ts';
import type { Store } from '../cluster/store.ts';
import type { GatewayConfig } from '../config/sections.ts';
import type { Finding, Verdict } from '../model/verdict.ts';

/** The keys of the section `kubernetes` that say what is written to the cluster. */
export type OutputKeys = Pick<
  GatewayConfig['kubernetes'],
  | 'namespace'
  | 'publishService'
  | 'publishStatusAddress'
  | 'reportNodeInternalIpAddress'
  | 'updateStatus'
  | 'updateStatusOnShutdown'
  | 'statusUpdateIntervalSeconds'
  | 'disableLeaderElection'
  | 'electionId'
  | 'electionTtlSeconds'
  | 'disableSyncEvents'
>;

export interface ClusterOutputsOptions {
  /** Of the Lease and of everything that is read. */
  readonly client: ApiClient;
  /**
   * Of statuses and Events: a client of its own, so that slow writes never keep the Lease or a Secret waiting for a
   * connection. The same client where absent.
   */
  readonly writeClient?: ApiClient;
  readonly config: OutputKeys;
  /** `NAMESPACE` and `POD_NAME`; empty outside of a pod. */
  readonly identity: { readonly namespace: string; readonly podName: string };
  readonly store: Pick<Store, 'get' | 'setFindings'>;
  /** The file that keeps what has been told as Events over a restart; null for none. */
  readonly memoryPath: string | null;
  readonly log?: ApiLog;
  /** For tests: quicker time. */
  readonly clock?: Clock;
  readonly timings?: Partial<StatusTimings>;
  readonly limits?: Partial<EventLimits>;
}

/** What goes back to the cluster, as of now. Null where it is switched off. */
export interface ClusterOutputsState {
  readonly leader: LeaderState | null;
  readonly status: StatusState | null;
  readonly events: EventsState | null;
}

/** Writes to the cluster what became of its objects. Nothing in here has any effect on traffic. */
export interface ClusterOutputs {
  /** Called after each successful pass, with all verdicts. Returns at once and never throws. */
  verdictsChanged(verdicts: readonly Verdict[]): void;
  start(): void;
  /** Ends in order: Events, status (cleared where this is the last replica), Lease. Bounded, never rejects. */
  stop(): Promise<void>;
  state(): ClusterOutputsState;
}

/** Milliseconds at the end for clearing the status; the pod's grace period has to cover it. */
const clearMs = 10_000;

const statusOrigin = 'status of Ingresses';

/** The verdict on a status that is switched off because pods, nodes or the published Service may not be read. */
function statusFindings(reason: string | null): Finding[] {
  return reason === null
    ? []
    : [
        {
          object: { kind: 'Ingress', namespace: '', name: '_all_' },
          state: 'served-with-difference',
          reason: { field: 'status.loadBalancer', message: `is not kept up to date: ${reason}` },
        },
      ];
}

/** Joins leadership, status and Events. */
export function createClusterOutputs(options: ClusterOutputsOptions): ClusterOutputs {
  const { config, identity, log } = options;
  const clock = options.clock ?? monotonicClock;
  const leader = createLeadership();
  const status = createStatus();
  const events = createEventOutput();

  function createLeadership(): Leader | null {
    if (config.disableLeaderElection) {
      return null;
    }
    if (identity.namespace === '') {
      log?.warn(
        'No leader is chosen, so no status and no Events are written: NAMESPACE is not set; give it the namespace of the pod',
        {},
      );
      return null;
    }
    return createLeader({
      client: options.client,
      namespace: identity.namespace,
      name: config.electionId,
      // Two replicas of the same name would both lead.
      identity: identity.podName || `${hostname()}-${process.pid}`,
      ttlMs: config.electionTtlSeconds * 1000,
      onChange() {
        status?.leadershipChanged();
        events?.leadershipChanged();
      },
      ...(log && { log }),
      clock,
    });
  }

  function createStatus(): StatusUpdater | null {
    if (leader === null || !config.updateStatus) {
      return null;
    }
    return createStatusUpdater({
      client: options.writeClient ?? options.client,
      store: options.store,
      namespace: config.namespace,
      addresses: createAddressSource({
        client: options.client,
        rules: {
          addresses: config.publishStatusAddress,
          service: config.publishService,
          preferInternal: config.reportNodeInternalIpAddress,
        },
        namespace: identity.namespace,
        podName: identity.podName,
        clock,
      }),
      isLeader: () => leader.isLeader(),
      onForbidden: (reason) => options.store.setFindings(statusOrigin, statusFindings(reason)),
      timings: { ...statusTimings(config.statusUpdateIntervalSeconds * 1000), ...options.timings },
      ...(log && { log }),
      clock,
    });
  }

  function createEventOutput(): Events | null {
    if (config.disableSyncEvents || (leader === null && !config.disableLeaderElection)) {
      return null;
    }
    return createEvents({
      client: options.writeClient ?? options.client,
      store: options.store,
      reporter: identity.podName || hostname(),
      isLeader: () => leader?.isLeader() ?? true,
      isOtherLeading: () => leader?.state().isOtherLeading ?? false,
      isFirstEver: () => (leader === null ? false : leader.state().isFirstEver),
      isShared: leader === null,
      memory: options.memoryPath === null ? null : createFileMemory(options.memoryPath),
      // Until a dead leader is noticed, and once more that long.
      limits: { ...eventLimits, handoverMs: config.electionTtlSeconds * 2000, ...options.limits },
      ...(log && { log }),
      clock,
    });
  }

  const isClearing = config.updateStatus && config.updateStatusOnShutdown;

  function lookAround(deadlineMs: number): ReturnType<typeof isLastReplica> {
    return isLastReplica({ client: options.client, ...identity, clock, deadlineMs });
  }

  /** Whoever runs outside of a pod learns at the start, not at the end, that nothing will be cleared. */
  async function tellWhetherItClears(): Promise<void> {
    const found = await lookAround(clearMs);
    if (typeof found === 'object' && (found.isAbsent || found.isForbidden)) {
      log?.warn('The status of Ingresses will not be cleared at the end', { reason: found.problem });
    }
  }

  /** The next replica would only write again what is cleared here, and names would be gone from DNS meanwhile. */
  async function clearStatus(): Promise<void> {
    if (status === null || !isClearing || leader?.isLeader() !== true) {
      return;
    }
    const until = clock.now() + clearMs;
    const isLast = await lookAround(clearMs);
    if (typeof isLast === 'object') {
      log?.warn('The status of Ingresses was not cleared', { reason: isLast.problem });
      return;
    }
    if (!isLast) {
      log?.info(
        'The status of Ingresses stays: this is not the last replica, or its pod is started again',
        {},
      );
      return;
    }
    const { cleared, of, trouble } = await status.clear(until - clock.now());
    if (trouble === null) {
      log?.info('The status of Ingresses was cleared, as the last replica ends', { count: cleared });
    } else {
      const fields = { cleared, ...(of !== null && { of }), reason: trouble };
      log?.warn('The status of Ingresses was not cleared of all', fields);
    }
  }

  async function contained(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log?.error('An output to the cluster did not end well', { what, error });
    }
  }

  return {
    verdictsChanged(verdicts) {
      status?.verdictsChanged(verdicts);
      events?.verdictsChanged(verdicts);
    },
    start() {
      leader?.start();
      status?.start();
      events?.start();
      if (status !== null && isClearing) {
        void contained('clear', tellWhetherItClears);
      }
    },
    async stop() {
      await Promise.all([
        contained('events', async () => events?.stop()),
        contained('status', async () => status?.stop()),
      ]);
      await contained('clear', clearStatus);
      await contained('leader', async () => leader?.stop({ release: true }));
    },
    state: () => ({
      leader: leader?.state() ?? null,
      status: status?.state() ?? null,
      events: events?.state() ?? null,
    }),
  };
}
