import { readFileSync } from 'node:fs';

/**
 * Loaded before a program (`--import`, also into its threads): its wall clock is moved by as many milliseconds as the
 * file says that `TEST_CLOCK_OFFSET` names. The monotonic clock and all timers stay as they are, as where an administrator
 * or a hypervisor sets the time.
 */
const file = process.env['TEST_CLOCK_OFFSET'];
const RealDate = Date;
/** How soon a move is noticed. */
const lookMs = 50;
let offset = 0;

function look(): void {
  try {
    offset = Number(readFileSync(file ?? '', 'utf8'));
  } catch {
    // Not written yet: no move.
    offset = 0;
  }
}

if (file !== undefined) {
  look();
  setInterval(look, lookMs).unref();
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values: [], newTarget) =>
      Reflect.construct(target, values.length === 0 ? [RealDate.now() + offset] : values, newTarget) as Date,
    get: (target, name, receiver) =>
      name === 'now' ? () => RealDate.now() + offset : (Reflect.get(target, name, receiver) as unknown),
  });
}
