import { at, textAt } from './api-json.ts';
import type { ApiClient } from './api-client.ts';
import { resourcePath } from './resource.ts';
import { readProblem, type Problem } from './status-problem.ts';

/** A pod of this gateway, ourselves included. */
export interface OwnPod {
  readonly name: string;
  /** The name of its node; empty while it has none. */
  readonly node: string;
  readonly isReady: boolean;
  /** Neither ended nor told to end. */
  readonly isStaying: boolean;
}

export interface OwnPodsRequest {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly podName: string;
  readonly signal: AbortSignal;
}

/** Labels that differ between the pods of two versions of one Deployment or DaemonSet. */
const versionLabels: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
]);

/** All pods with the labels of our own; our own alone where it has none, since no selector would mean every pod. */
export async function listOwnPods(request: OwnPodsRequest): Promise<readonly OwnPod[] | Problem> {
  const { client, namespace, podName, signal } = request;
  const path = { apiVersion: 'v1', plural: 'pods', namespace };
  const own = await client.send({ path: resourcePath({ ...path, name: podName }), signal });
  if (own.kind !== 'answer' || own.status !== 200) {
    return readProblem(own, `pod ${namespace}/${podName}`);
  }
  const labels = Object.entries(at(own.body, 'metadata', 'labels') ?? {})
    .filter(([name, value]) => !versionLabels.has(name) && typeof value === 'string')
    .map(([name, value]) => `${name}=${String(value)}`);
  if (labels.length === 0) {
    return [readPod(own.body)];
  }
  const query = { labelSelector: labels.sort().join(',') };
  const all = await client.send({ path: resourcePath(path), query, signal });
  const items = all.kind === 'answer' && all.status === 200 ? at(all.body, 'items') : null;
  return Array.isArray(items)
    ? items.map((pod: unknown) => readPod(pod))
    : readProblem(all, `pods with the labels ${query.labelSelector} in namespace ${namespace}`);
}

function readPod(raw: unknown): OwnPod {
  const conditions = at(raw, 'status', 'conditions');
  const phase = textAt(raw, 'status', 'phase');
  const isReady =
    Array.isArray(conditions) &&
    conditions.some((one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True');
  return {
    name: textAt(raw, 'metadata', 'name'),
    node: textAt(raw, 'spec', 'nodeName'),
    isReady: isReady && phase === 'Running',
    isStaying:
      phase !== 'Succeeded' && phase !== 'Failed' && textAt(raw, 'metadata', 'deletionTimestamp') === '',
  };
}
