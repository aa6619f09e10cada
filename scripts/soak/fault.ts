import type { World } from './world.ts';

/** One thing that can go wrong, or change, while traffic flows. */
export interface Fault {
  readonly name: string;
  /** Faults that share one of these words never overlap: together they would be another fault. */
  readonly groups: readonly string[];
  /** Milliseconds until it is undone, at least and at most. */
  readonly lastsMs?: readonly [number, number];
  /** Connections of the load that it may cut once each: what a killed worker carries is lost. */
  readonly mayCut?: 'a request of each client';
  /** Makes it happen, and returns what undoes it. Null where there is nothing to do it to: it was not done. */
  inject(world: World): Promise<Undo | null>;
}

export type Undo = () => Promise<void>;

/** For what is done once and for all. */
export function nothingToUndo(): Promise<void> {
  return Promise.resolve();
}

/** Takes an app that no other fault has in its hands; null where there is none. */
export function claimApp(world: World): string | null {
  const free = [...world.apps.keys()].filter((name) => !world.claimed.has(name));
  if (free.length === 0) {
    return null;
  }
  const name = world.random.pick(free);
  world.claimed.add(name);
  return name;
}
