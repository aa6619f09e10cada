import type { Server } from '../model/model.ts';

/**
 * Finds the servers of a model again that are equal to those of the last one, and puts these in their place: what the
 * renderer remembers of them then holds on.
 */
export class UnchangedServers {
  #last = new Map<string, Server>();

  keep(servers: readonly Server[]): Server[] {
    const kept = servers.map((server) => {
      const before = this.#last.get(nameOf(server));
      return before !== undefined && isSame(before, server, new Map()) ? before : server;
    });
    this.#last = new Map(kept.map((server) => [nameOf(server), server]));
    return kept;
  }
}

/** No two servers have a name in common; the one without names is the default one. */
function nameOf({ names: [name] }: Server): string {
  return name?.exact?.text ?? `~${name?.regex?.text ?? ''}`;
}

/** Whether two models are equal. Locations share lists: `seen` has those that were found to be equal already. */
function isSame(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (a === b) {
    return true;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return false;
  }
  if (seen.get(a) === b) {
    return true;
  }
  const keys = Object.keys(a);
  const isEqual =
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) => Object.hasOwn(b, key) && isSame(a[key as keyof typeof a], b[key as keyof typeof b], seen),
    );
  if (isEqual) {
    seen.set(a, b);
  }
  return isEqual;
}
