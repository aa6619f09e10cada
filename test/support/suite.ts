import { after } from 'node:test';

/** Collects what a suite's `before` starts, so that one nginx serves all tests of the suite; ended in reverse order. */
export function endedWithSuite(): { after(hook: () => Promise<void> | void): void } {
  const hooks: (() => Promise<void> | void)[] = [];
  after(async () => {
    for (const hook of hooks.toReversed()) {
      await hook();
    }
  });
  return { after: (hook) => hooks.push(hook) };
}
