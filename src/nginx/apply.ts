import type { ApplyResult, Build, Quarantine } from './apply-result.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import { applyOnce, checkOnce, probeOnce } from './apply-pass.ts';
import { prepareStateDirectory } from './state-directory.ts';
import { trialOnce } from './trial-pass.ts';
import { stopNginx, type StopResult } from './supervise.ts';
import {
  ensureRunning,
  lookAround,
  openWorks,
  type ApplyOptions,
  type StartState,
  type Works,
} from './works.ts';

/** Brings candidates into an nginx; calls wait for each other, so that one batch is in flight. */
export interface Applier {
  /** Creates the state directory, removes what a crash left, looks at what runs; starts nothing. Call it first. */
  start(): Promise<StartState>;
  /**
   * Builds, checks, tests, swaps, reloads and verifies. Rejects only with what `build` rejects with; every other
   * failure is a result.
   */
  apply(build: Build, quarantine: Quarantine): Promise<ApplyResult>;
  /**
   * Builds, checks and tests, and blames as `apply` does, but leaves everything as it is: `unchanged` says that nginx
   * would take the candidate, `failed` that it would not.
   */
  check(build: Build, quarantine?: Quarantine): Promise<ApplyResult>;
  /** As `check`, with one test: a refusal is a result, and nobody is searched for. */
  probe(build: Build, quarantine: Quarantine): Promise<ApplyResult>;
  /**
   * Lets a group of those in quarantine in, with one test, and brings it to nginx if that passes: then they are no longer
   * in `quarantined`. If it does not, nothing changes: `added` are those who are proved to be at fault, and with nobody
   * in it `apart` may be worth a trial by itself. For what is served without them.
   */
  trial(build: Build, quarantine: Quarantine, group: readonly ObjectKey[]): Promise<ApplyResult>;
  /** Starts nginx from the last verified configuration if it is dead. False when it is dead and stays so. */
  ensureRunning(): Promise<boolean>;
  /**
   * The generation that a fresh connection gets now. Null when nobody answers, and when only workers do whose master
   * is gone: they serve, but nothing can change what they serve.
   */
  liveGeneration(): Promise<string | null>;
  /** Ends nginx, drained: see `StopResult`. */
  stop(drain: { readonly drainMs: number }): Promise<StopResult>;
}

/** @throws (from `start`) CNG_STATE_DIR_PATH_TOO_LONG, CNG_STATE_DIR_FULL, CNG_STATE_DIR_NOT_WRITABLE */
export function createApplier(options: ApplyOptions): Applier {
  let works: Works | null = null;
  let inFlight: Promise<unknown> = Promise.resolve();
  async function oneAtATime<T>(task: (works: Works) => Promise<T>): Promise<T> {
    const turn = inFlight.then(async () => {
      if (works === null) {
        throw new TypeError('Applier.start() must have succeeded before anything else');
      }
      return await task(works);
    });
    inFlight = turn.catch(() => undefined);
    return await turn;
  }
  return {
    async start() {
      const paths = await prepareStateDirectory(options.stateDir, options.gid ?? null);
      works = await openWorks(options, paths);
      return await lookAround(works);
    },
    async apply(build, quarantine) {
      return await oneAtATime(async (ready) => await applyOnce(ready, build, quarantine));
    },
    async check(build, quarantine = new Map()) {
      return await oneAtATime(async (ready) => await checkOnce(ready, build, quarantine));
    },
    async probe(build, quarantine) {
      return await oneAtATime(async (ready) => await probeOnce(ready, build, quarantine));
    },
    async trial(build, quarantine, group) {
      return await oneAtATime(async (ready) => await trialOnce(ready, build, quarantine, group));
    },
    async ensureRunning() {
      return await oneAtATime(ensureRunning);
    },
    async liveGeneration() {
      if (works === null) {
        return null;
      }
      const { nginx, live } = await lookAround(works);
      return nginx === 'running' ? live : null;
    },
    async stop({ drainMs }) {
      return await oneAtATime(async ({ site }) => await stopNginx(site, drainMs));
    },
  };
}
