/** How the program is told to end. */
export interface Ending {
  /** The first SIGTERM or SIGINT, by name. */
  readonly first: Promise<string>;
  /** The second one: whoever sends it will not wait. */
  readonly second: Promise<string>;
}

/** Listens for SIGTERM and SIGINT from now on. */
export function watchSignals(): Ending {
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  let seen = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      seen += 1;
      (seen === 1 ? first : second).resolve(signal);
    });
  }
  return { first: first.promise, second: second.promise };
}
