/** How often the delay is sampled: a stall shorter than this may be missed, a longer one never is. */
const intervalMs = 100;

/**
 * Tells `observe` every 100 ms by how many seconds the event loop was late, so that the caller can keep a histogram
 * that several scrapers may read (the process metrics' own gauges start anew at every scrape). Never keeps the
 * process alive. Returns the function that stops it.
 */
export function watchEventLoop(observe: (delaySeconds: number) => void): () => void {
  let due = performance.now() + intervalMs;
  const timer = setInterval(() => {
    const now = performance.now();
    observe(Math.max(0, now - due) / 1000);
    due = now + intervalMs;
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
