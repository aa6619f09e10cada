import { pause } from './timing.ts';

/** Time as deadlines and rates see it: milliseconds that only ever go forward. Tests bring a quicker one. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`, or at once when the signal is aborted; never rejects. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

export const monotonicClock: Clock = { now: () => performance.now(), pause };

/** Lets a loop sleep until something happens. */
export interface Alarm {
  /** Ends the wait under way, or else the next one before it begins. */
  ring(): void;
  /** Resolves after `ms`, when the alarm rings, or when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createAlarm(clock: Clock): Alarm {
  let hasRung = false;
  let waiting: AbortController | null = null;

  return {
    ring() {
      hasRung = true;
      waiting?.abort();
    },
    async wait(ms, signal) {
      if (!hasRung && ms > 0) {
        waiting = new AbortController();
        await clock.pause(ms, AbortSignal.any([signal, waiting.signal]));
        waiting = null;
      }
      hasRung = false;
    },
  };
}

/**
 * Runs something that takes a signal, and aborts that signal after `ms` (the reason says so) or with the outer one.
 * @returns what `work` returns: it decides what an abort means
 */
export async function withDeadline<Result>(
  clock: Clock,
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new AbortController();
  const done = new AbortController();
  void clock.pause(ms, done.signal).then(() => {
    // What has ended well is left alone: an abort now could cost a connection that is to be used again.
    if (!done.signal.aborted) {
      deadline.abort(`no answer within ${ms / 1000} s`);
    }
  });
  try {
    return await work(AbortSignal.any([outer, deadline.signal]));
  } finally {
    done.abort();
  }
}

/** Something that runs until it is stopped. */
export interface Runner {
  /** Starting twice is starting once. */
  start(): void;
  /** Resolves when nothing runs any more; it can then be started again. */
  stop(): Promise<void>;
  /** Started, and not told to stop. */
  isRunning(): boolean;
}

/** @param run what is to run until its signal is aborted; it must not reject */
export function createRunner(run: (signal: AbortSignal) => Promise<void>): Runner {
  let running: { readonly controller: AbortController; readonly done: Promise<void> } | null = null;
  return {
    start() {
      if (running === null) {
        const controller = new AbortController();
        running = { controller, done: run(controller.signal) };
      }
    },
    async stop() {
      running?.controller.abort();
      await running?.done;
      running = null;
    },
    isRunning: () => running !== null && !running.controller.signal.aborted,
  };
}
