/** Milliseconds of work after which the event loop gets a turn. */
const slice = 8;

const waiting: (() => void)[] = [];
let sliceStartedAt = 0;

/**
 * Whether the work of this turn of the event loop has lasted long enough. The clock is shared: several lists that are
 * read at the same time together get one slice a turn, not one each.
 */
export function isRestDue(): boolean {
  return performance.now() - sliceStartedAt > slice;
}

/** Lets the event loop take a turn, and those who rest already go first. */
export function rest(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) {
      setImmediate(wakeNext);
    }
  });
}

function wakeNext(): void {
  const next = waiting.shift();
  if (waiting.length > 0) {
    // An immediate that is asked for in an immediate runs in the next turn.
    setImmediate(wakeNext);
  }
  sliceStartedAt = performance.now();
  next?.();
}
