import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { nginxBinaries } from '../test/support/nginx-binaries.ts';
import { soak, type SoakReport } from './soak/run.ts';
import { soakTable } from './soak/table.ts';

/**
 * Mixes faults at random while the built program carries traffic, on each nginx in turn, and prints what became of the
 * requests: `node scripts/soak.ts --minutes 10 --seed 7`. Exits with 1 where more was lost than docs/reliability.md
 * allows, where a fresh start builds something else than what is served, or where something leaks. The same seed makes
 * the same choices; when they meet what the gateway is doing is up to the machine.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    nginx: { type: 'string', default: 'all' },
    quiet: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? randomInt(1_000_000));
const seconds = Number(values.minutes) * 60;
const binaries = nginxBinaries().filter(({ label, version }) => {
  return ['all', label, version].includes(values.nginx);
});
if (!Number.isInteger(seed) || !(seconds > 0) || binaries.length === 0) {
  console.error('usage: soak.ts [--minutes N] [--seed N] [--nginx all|system|current|VERSION] [--quiet]');
  process.exit(64);
}

/** Ends what was started, in reverse order. */
class Ending {
  readonly #hooks: (() => unknown)[] = [];

  after(hook: () => unknown): void {
    this.#hooks.push(hook);
  }

  async end(): Promise<void> {
    for (const hook of this.#hooks.toReversed()) {
      await hook();
    }
  }
}

async function soakOn(nginx: (typeof binaries)[number], signal: AbortSignal): Promise<SoakReport> {
  const ending = new Ending();
  const began = performance.now();
  function tell(line: string): void {
    if (!values.quiet) {
      console.error(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}`);
    }
  }

  try {
    return await soak(ending, {
      nginx,
      seconds,
      seed,
      tell,
      signal,
    });
  } finally {
    await ending.end();
  }
}

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());
let failed = false;
for (const nginx of binaries) {
  console.error(`nginx ${nginx.version}, ${values.minutes} min, seed ${seed}`);
  const report = await soakOn(nginx, interrupted.signal);
  console.log(soakTable(nginx.version, seed, report));
  failed ||= report.problems.length > 0;
}
process.exitCode = failed ? 1 : 0;
