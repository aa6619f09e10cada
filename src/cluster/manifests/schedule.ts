import { performance } from 'node:perf_hooks';

/** Milliseconds without a call of `afterQuiet` before it runs; at most `maxWait` after the first one. */
const quiet = 30;
const maxWait = 300;

/** When to look at the files again. */
export interface Schedule {
  /** Runs at most `delay` milliseconds from now. */
  within(delay: number): void;
  /** Runs when no call has come for a moment, or when calls have been coming for too long. */
  afterQuiet(): void;
  runNow(): Promise<void>;
  isStopped(): boolean;
  /** Ends when a run in progress has ended; nothing runs after it. */
  stop(): Promise<void>;
}

/** Runs one task again and again, never twice at a time. The task must not throw. */
export function createSchedule(task: () => Promise<void>): Schedule {
  let timer: NodeJS.Timeout | null = null;
  let dueAt = Infinity;
  let firstEventAt: number | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;

  function plan(at: number): void {
    if (stopped) {
      return;
    }
    if (timer !== null) {
      clearTimeout(timer);
    }
    dueAt = at;
    timer = setTimeout(() => void run(), Math.max(0, at - performance.now()));
  }

  async function run(): Promise<void> {
    dueAt = Infinity;
    timer = null;
    if (running !== null) {
      // Events during a run: one more run follows it.
      await running;
      if (dueAt > performance.now() + quiet) {
        plan(performance.now() + quiet);
      }
      return;
    }
    firstEventAt = null;
    running = task();
    await running;
    running = null;
  }

  return {
    within(delay) {
      const at = performance.now() + delay;
      if (at < dueAt) {
        plan(at);
      }
    },
    afterQuiet() {
      const now = performance.now();
      firstEventAt ??= now;
      plan(Math.min(now + quiet, firstEventAt + maxWait));
    },
    runNow: run,
    isStopped: () => stopped,
    async stop() {
      stopped = true;
      if (timer !== null) {
        clearTimeout(timer);
      }
      await running;
    },
  };
}
