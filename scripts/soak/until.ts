import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until something holds. @throws after `ms` with what was waited for and, where there is one, the last reason */
export async function until(what: string, ms: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  let last = '';
  for (;;) {
    try {
      if (await holds()) {
        return;
      }
      last = '';
    } catch (error) {
      last = ` (${String(error)})`;
    }
    if (performance.now() > deadline) {
      throw new Error(`still not, after ${ms / 1000} s: ${what}${last}`);
    }
    await sleep(100);
  }
}
