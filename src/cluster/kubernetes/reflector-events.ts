import type { Entry } from './intake.ts';
import type { Difference } from './known-objects.ts';

/** Where a reflector puts what it learns. */
export interface Sink {
  /** The first complete list: all there is. */
  first(entries: readonly Entry[]): void;
  change(difference: Difference): void;
}

/** What stands between a reflector and the server, where something does. */
export interface Trouble {
  readonly kind: 'forbidden' | 'not-served' | 'doubted' | 'failing';
  readonly reason: string;
}

export interface ReflectorState {
  /** One complete list has reached the sink. */
  readonly isSynced: boolean;
  /** Those of the last complete list, and what was told since. */
  readonly objects: number;
  /** `performance.now()` when bytes last came; null before the first. */
  readonly lastContact: number | null;
  /** Lists and watches begun after the first. */
  readonly restarts: number;
  readonly trouble: Trouble | null;
}

/** What is worth counting. All are called on the main thread and must not throw. */
export interface ReflectorEvents {
  contact(): void;
  /** The first bytes after a connection that failed: others who wait for the server need not wait on. */
  returned(): void;
  /** A list or watch is begun again, and why: a word fit for a metric label. */
  restarted(reason: string): void;
  listed(objects: number, seconds: number): void;
  /** A list showed changes that the watch never told. Always a bug of the server, a proxy or ours. */
  drifted(objects: number): void;
  skipped(reason: string): void;
  /** `isSynced` or `trouble` changed. */
  changed(): void;
}
