/** Numbers from a seed: the same seed makes the same choices. */
export interface Random {
  /** A whole number from 0 to `count` - 1. */
  below(count: number): number;
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** One of them. */
  pick<T>(of: readonly T[]): T;
  /** All of them in another order. */
  shuffled<T>(of: readonly T[]): T[];
}

/** A generator (mulberry32) that is fast and even enough to choose faults by. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  function below(count: number): number {
    return Math.floor(next() * count);
  }

  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    pick(of) {
      const found = of[below(of.length)];
      if (found === undefined) {
        throw new RangeError('nothing to pick from');
      }
      return found;
    },
    shuffled(of) {
      return of
        .map((one) => ({ one, at: next() }))
        .sort((left, right) => left.at - right.at)
        .map(({ one }) => one);
    },
  };
}
