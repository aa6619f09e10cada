/** The sets of values that labels may take, so that the number of series is known before anything happens. */

export const results = ['success', 'failure'] as const;
export type Result = (typeof results)[number];

export const testResults = ['success', 'failure', 'no-verdict'] as const;
/** `no-verdict`: nginx could not be asked (agent away, deadline, signal), so nobody is to blame. */
export type TestResult = (typeof testResults)[number];

export const reloadReasons = [
  'start',
  'objects',
  'endpoints',
  'certificates',
  'template',
  'plugin',
  'config-file',
  'rollback',
  'retry',
] as const;
/** Why nginx was reloaded; of several reasons the first in this list. */
export type ReloadReason = (typeof reloadReasons)[number];

export const workerRestartReasons = ['timeout', 'memory', 'crash'] as const;
/** Why the thread that translates and renders had to be replaced. */
export type WorkerRestartReason = (typeof workerRestartReasons)[number];

/** An Ingress with a backend whose Service is missing or has no endpoints. */
export interface Orphan {
  readonly namespace: string;
  readonly name: string;
  readonly type: 'no-service' | 'no-endpoint';
}

/** What is true of this process from start to end. */
export interface BuildIdentity {
  readonly version: string;
  /** The commit it was built from; may be empty. */
  readonly revision: string;
  readonly repository: string;
  readonly controllerClass: string;
  /** Of this pod; empty outside a cluster. */
  readonly podNamespace: string;
  readonly podName: string;
}
