import type { Clock } from './clock.ts';

/** So many at once, and so many a second after that. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket on the monotonic clock. */
export interface Budget {
  /** Milliseconds until there is a token; 0 where there is one. */
  waitMs(): number;
  /** Takes a token, which must be there. */
  take(): void;
  isFull(): boolean;
}

export function createBudget({ burst, perSecond }: Rate, clock: Clock): Budget {
  let tokens = burst;
  let at = clock.now();

  function refill(): number {
    const now = clock.now();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * perSecond);
    at = now;
    return tokens;
  }

  return {
    waitMs() {
      const missing = 1 - refill();
      // The least shortfall is rounded up: waiting 0 ms again and again would be a busy loop.
      return missing <= 1e-9 ? 0 : Math.max(1, Math.ceil((missing / perSecond) * 1000));
    },
    take() {
      tokens = refill() - 1;
    },
    isFull: () => refill() >= burst,
  };
}

/** A bucket for each key; full ones are forgotten. */
export interface KeyedBudget {
  waitMs(key: string): number;
  take(key: string): void;
}

export function createKeyedBudget(rate: Rate, clock: Clock): KeyedBudget {
  const budgets = new Map<string, Budget>();
  let sweepAt = 1000;

  function sweep(): void {
    for (const [key, budget] of budgets) {
      if (budget.isFull()) {
        budgets.delete(key);
      }
    }
    sweepAt = Math.max(1000, budgets.size * 2);
  }

  return {
    waitMs: (key) => budgets.get(key)?.waitMs() ?? 0,
    take(key) {
      const budget = budgets.get(key) ?? createBudget(rate, clock);
      budgets.set(key, budget);
      budget.take();
      if (budgets.size > sweepAt) {
        sweep();
      }
    },
  };
}
