import type { ClusterObject } from '../cluster/objects.ts';
import type { Finding } from '../model/verdict.ts';

/** What is audited: the objects of a cluster, from wherever they were read. */
export interface AuditWorld {
  readonly origin: 'manifests' | 'cluster';
  readonly objects: readonly ClusterObject[];
  readonly findings: readonly Finding[];
  /** Deployments, DaemonSets and StatefulSets as they were written, unchecked. */
  readonly workloads: readonly unknown[];
  /** What could not be read, for people. */
  readonly problems: readonly string[];
}

/** What became of one thing of an ingress-nginx installation. `unclear`: it could not be judged, the reason says why. */
export type Outcome = 'same' | 'difference' | 'not-served' | 'unclear';
