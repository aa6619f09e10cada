import type { Server, Split, Upstream } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Definition } from './hosts.ts';
import { compareText } from './order.ts';
import type { Route } from './routes.ts';

/** An upstream, and the objects that a message about it is about. */
export interface UsedUpstream {
  readonly upstream: Upstream;
  /** The Service first. */
  readonly users: readonly ObjectKey[];
}

/** The splits that some location leads to, by name. */
export function usedSplits(servers: readonly Server[], routes: ReadonlyMap<Definition, Route>): Split[] {
  const used = new Set(
    servers.flatMap(({ locations }) => locations.map(({ action }) => action.proxy?.split?.text)),
  );
  const found = new Map<string, Split>();
  for (const { split } of routes.values()) {
    if (split !== null && used.has(split.name.text)) {
      found.set(split.name.text, split);
    }
  }
  return [...found].sort(([a], [b]) => compareText(a, b)).map(([, split]) => split);
}

/** The upstreams that some location leads to, by name. */
export function usedUpstreams(
  servers: readonly Server[],
  splits: readonly Split[],
  planned: ReadonlyMap<string, Upstream>,
): UsedUpstream[] {
  const users = new Map<string, Set<ObjectKey>>();
  const leading = [
    ...servers.flatMap(({ locations, internals }) => [
      ...locations.map(({ action, origin }) => ({ upstream: action.proxy?.upstream, origin })),
      ...internals,
    ]),
    ...splits.flatMap(({ alternatives }) =>
      alternatives.map(({ target, origin }) => ({ upstream: target, origin })),
    ),
  ];
  for (const { upstream, origin } of leading) {
    const name = upstream?.text;
    if (name !== undefined) {
      const keys = users.get(name) ?? new Set();
      users.set(name, origin === null ? keys : keys.add(origin));
    }
  }
  return [...users]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([name, keys]) => {
      const upstream = planned.get(name);
      const service = upstream?.origin ?? null;
      const all = [...(service === null ? [] : [service]), ...[...keys].sort(compareText)];
      return upstream === undefined ? [] : [{ upstream, users: all }];
    });
}
