import type { Answer, ApiClient } from './api-client.ts';
import { identify } from './intake.ts';
import { listInPages } from './paged-list.ts';
import { readLoadBalancer, type PublishedAddress } from './published-addresses.ts';
import { resourcePath, resources } from './resource.ts';
import type { Failure } from './transport.ts';

/** What the API server has for the status of one Ingress. */
export interface LiveStatus {
  readonly uid: string;
  readonly addresses: readonly PublishedAddress[];
}

/** By `namespace/name`. */
export type LiveStatuses = Map<string, LiveStatus>;

/**
 * Reads the status of all Ingresses, page by page. The watch does not keep it: every write of a status would then be
 * a change of the object.
 * @param namespace empty for all
 */
export async function listLiveStatuses(
  client: ApiClient,
  namespace: string,
  signal: AbortSignal,
): Promise<LiveStatuses | Answer | Failure> {
  const { apiVersion, plural } = resources.Ingress;
  const found: { statuses: LiveStatuses } = { statuses: new Map() };
  const result = await listInPages({
    client,
    signal,
    request: { path: resourcePath({ apiVersion, plural, namespace }) },
    newListing() {
      const statuses: LiveStatuses = new Map();
      found.statuses = statuses;
      return {
        content: new Map(),
        remove: () => undefined,
        add(raw) {
          const identity = identify(raw);
          if (identity !== null) {
            statuses.set(identity.key, { uid: identity.uid, addresses: readLoadBalancer(raw) });
          }
          return identity !== null;
        },
      };
    },
    onContact: () => undefined,
    onUnreadable: () => undefined,
  });
  return result.kind === 'listed' ? found.statuses : result;
}
