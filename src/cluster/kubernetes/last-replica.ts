import type { ApiClient } from './api-client.ts';
import { withDeadline, type Clock } from './clock.ts';
import { createBackoff } from './retry.ts';
import { listOwnPods } from './status-pods.ts';
import type { Problem } from './status-problem.ts';

export interface LastReplicaRequest {
  readonly client: ApiClient;
  /** `NAMESPACE` and `POD_NAME`. */
  readonly namespace: string;
  readonly podName: string;
  readonly clock: Clock;
  readonly deadlineMs: number;
}

const backoffTimings = { backoffMinMs: 250, backoffMaxMs: 2000 };
const noPodName =
  'POD_NAME is not set, so nobody can tell which other replicas there are; give it the name of the pod';

/**
 * Whether no pod of this gateway stays: our own is among them, since where only its container is started again names
 * must not vanish from DNS. Asks again until it is known or the time is over; a problem is why it is not known.
 */
export async function isLastReplica(request: LastReplicaRequest): Promise<boolean | Problem> {
  const { client, namespace, podName, clock, deadlineMs } = request;
  if (podName === '') {
    return { problem: noPodName, isForbidden: false, isAbsent: true };
  }
  const backoff = createBackoff(backoffTimings);
  return withDeadline(clock, deadlineMs, new AbortController().signal, async (signal) => {
    let known: Problem | null = null;
    for (;;) {
      const pods = await listOwnPods({ client, namespace, podName, signal });
      if (!('problem' in pods)) {
        return pods.every((pod) => !pod.isStaying);
      }
      if (signal.aborted || pods.isForbidden || pods.isAbsent) {
        // That the time was over says less than what went before.
        return signal.aborted ? (known ?? pods) : pods;
      }
      known = pods;
      await clock.pause(backoff.next(), signal);
    }
  });
}
