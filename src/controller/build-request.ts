import type { Chosen } from '../extensions/ledger.ts';
import type { Quarantine } from '../nginx/apply-result.ts';
import type { BuildRequest } from '../worker/protocol.ts';

/** What the worker is asked to build. `now` is in milliseconds since the epoch, as coarse as a day. */
export function buildRequest(
  without: Quarantine | 'skeleton',
  { units, missing }: Chosen,
  now: number,
): BuildRequest {
  const isSkeleton = without === 'skeleton';
  return {
    of: isSkeleton ? 'skeleton' : 'cluster',
    quarantine: isSkeleton ? [] : [...without],
    extensions: {
      units,
      missing: missing.flatMap(({ unit: { plugin }, trouble }) =>
        plugin === null ? [] : [{ plugin: plugin.name, reason: trouble.message }],
      ),
    },
    now,
  };
}
