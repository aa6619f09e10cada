import type { Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';

export const stages = ['build', 'lint', 'stage', 'test', 'swap', 'reload', 'verify'] as const;
/** The steps of one apply, in their order; blame repeats the first four. */
export type Stage = (typeof stages)[number];

/** Why an object is kept out. */
export interface KeptOut extends Reason {
  /** Its last good form is refused as well, or must not be tried: 503 takes its place. */
  readonly closed?: true;
  /** Nothing is known against it: it waits until it is tried without the others that it came with. */
  readonly waiting?: true;
}

/** Objects that are kept out of the configuration, and why. */
export type Quarantine = ReadonlyMap<ObjectKey, KeptOut>;

/**
 * Renders the world without the quarantined objects (503 or their last good form in their place), or the
 * `skeleton`: everything of a configuration that comes from no object.
 */
export type Build = (without: Quarantine | 'skeleton') => Promise<Candidate>;

export interface Fault {
  /**
   * `environment`: disk, ports, deadline, signal; nobody is to blame. `skeleton`: templates or global settings.
   * `object`: one or more objects.
   */
  readonly kind: 'environment' | 'skeleton' | 'object';
  readonly stage: Stage;
  /** Scrubbed: fit for logs, Events and debug pages. */
  readonly message: string;
  /** Line of the failed text, counted from 1. */
  readonly line?: number;
}

export interface ApplyResult {
  /**
   * `applied`: nginx verifiably serves `candidate`. `unchanged`: it already did. `failed`: it serves what it served
   * before, or nothing.
   */
  readonly outcome: 'unchanged' | 'applied' | 'failed';
  /** Of the candidate. */
  readonly generation: string;
  readonly candidate: Candidate;
  /** All objects kept out of `candidate`: those that the caller named and those found now. */
  readonly quarantined: Quarantine;
  /** Those found now to be at fault, without those that wait. Also filled after a failure: the caller's next apply starts where this one ended. */
  readonly added: readonly ObjectKey[];
  /** The first thing that went wrong, also when it was overcome (`applied` with somebody quarantined); else null. */
  readonly fault: Fault | null;
  /** Runs of `nginx -t`. */
  readonly tests: number;
  /** Seconds spent per stage, summed over repetitions. */
  readonly seconds: Readonly<Record<Stage, number>>;
  /** The first text that was refused, and the line that nginx or the lint pointed at (null: none). */
  readonly failedText: { readonly text: string; readonly line: number | null } | null;
  /** Of a trial: whom a refusal may be about, which is worth a trial by itself. */
  readonly apart?: ObjectKey;
}
