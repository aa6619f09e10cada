/** One at a time, a few wait; whoever has gone meanwhile is passed over. */
export interface Turns {
  /**
   * Does `work` when it is its turn. Null where too many wait already, or where `isGone` said, when the turn came, that
   * nobody wants the answer any more; `work` was not begun then. Rejects as `work` does.
   */
  readonly take: <T>(work: () => Promise<T>, isGone: () => boolean) => Promise<T | null>;
}

interface Waiting {
  readonly isGone: () => boolean;
  /** False sends it away. */
  readonly call: (may: boolean) => void;
}

/** At most `mostWaiting` wait beside the one that has its turn. */
export function createTurns(mostWaiting: number): Turns {
  let waiting: Waiting[] = [];
  let isBusy = false;

  function sendAwayWhoIsGone(): void {
    const gone = waiting.filter(({ isGone }) => isGone());
    waiting = waiting.filter((each) => !gone.includes(each));
    for (const { call } of gone) {
      call(false);
    }
  }

  async function turn(isGone: () => boolean): Promise<boolean> {
    if (!isBusy) {
      isBusy = true;
      return true;
    }
    // Those who have gone hold no place of somebody who is still there.
    sendAwayWhoIsGone();
    if (waiting.length >= mostWaiting) {
      return false;
    }
    return await new Promise((resolve) => {
      waiting.push({ isGone, call: resolve });
    });
  }

  function next(): void {
    sendAwayWhoIsGone();
    const first = waiting.shift();
    isBusy = first !== undefined;
    first?.call(true);
  }

  return {
    take: async (work, isGone) => {
      if (!(await turn(isGone))) {
        return null;
      }
      try {
        return await work();
      } finally {
        next();
      }
    },
  };
}
