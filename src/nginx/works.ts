import type { Candidate } from '../model/candidate.ts';
import type { Stage } from './apply-result.ts';
import { createArtifactStore, type ArtifactStore } from './artifacts.ts';
import { goLive } from './go-live.ts';
import type { Lint } from './judge.ts';
import { identityOf, type ApplyLogger, type LiveSite } from './live-site.ts';
import { findNginx } from './process-table.ts';
import { clearStaged, clearUnfinished } from './staging.ts';
import type { StatePaths } from './state-directory.ts';
import { clearUnfinishedSwap, loadVerified, type VerifiedConfiguration } from './swap.ts';
import { askGeneration } from './verify.ts';

export interface ApplyOptions {
  readonly binary: string;
  /** Absolute. */
  readonly stateDir: string;
  /** The live nginx.conf, absolute; where it is a symlink, its target is replaced. */
  readonly configPath: string;
  readonly reloadScript: string;
  readonly lint: Lint;
  readonly logger: ApplyLogger;
  /** Milliseconds. The one for the proof grows with how long the test took. */
  readonly deadlines: { readonly testMs: number; readonly reloadMs: number; readonly verifyMs: number };
  /** How long no old generation may have answered, in milliseconds; 250 by default. */
  readonly quietMs?: number;
  /** How long files out of use stay, in milliseconds: at least what draining workers may take. 300,000 by default. */
  readonly retainMs?: number;
  /** The group of nginx's workers, for password files, where these do not get it by themselves. */
  readonly gid?: number;
  /** Tests in one search for culprits; 40 by default. */
  readonly maxTrials?: number;
  /** Told of each generation before nginx is given it; what it rejects with is logged. */
  readonly beforeSwap?: (generation: string) => Promise<void>;
  readonly onStage?: (stage: Stage, seconds: number, result: 'ok' | 'failed') => void;
}

/** What is found at start. */
export interface StartState {
  /** `orphaned`: workers serve, their master is gone. */
  readonly nginx: 'running' | 'orphaned' | 'none';
  /** The generation that answers now; null when nobody does. */
  readonly live: string | null;
  /** The generation that was verified last, in this life or an earlier one. */
  readonly verified: string | null;
}

/** Everything that outlives one apply. */
export interface Works {
  readonly options: ApplyOptions;
  readonly site: LiveSite;
  readonly artifacts: ArtifactStore;
  verified: VerifiedConfiguration | null;
  /** Of the last test that gave a verdict; 0 before the first. */
  testSeconds: number;
}

/** Removes what a crash left in a prepared state directory and reads what was verified last. */
export async function openWorks(options: ApplyOptions, paths: StatePaths): Promise<Works> {
  const artifacts = createArtifactStore(paths.root, options.retainMs ?? 300_000, options.gid ?? null);
  await artifacts.open();
  await clearStaged(paths);
  await clearUnfinished(paths.root);
  await clearUnfinishedSwap(options.configPath);
  const verified = await loadVerified(paths);
  if (verified !== null) {
    await artifacts.retain(new Set(verified.files));
  }
  const { binary, configPath, reloadScript, logger } = options;
  const { reloadMs } = options.deadlines;
  const site = { binary, paths, configPath, reloadScript, reloadMs, quietMs: options.quietMs ?? 250, logger };
  return { options, site, artifacts, verified, testSeconds: 0 };
}

/** What runs and what answers now. */
export async function lookAround(works: Works): Promise<StartState> {
  const { master, orphans } = await findNginx(identityOf(works.site));
  const { privateSocket } = works.site.paths;
  // One silence of a busy nginx must not pass for its end: that would cost a reload.
  const live =
    (await askGeneration(privateSocket)) ?? (master === null ? null : await askGeneration(privateSocket));
  const verified = works.verified?.generation ?? null;
  if (orphans.length > 0) {
    return { nginx: 'orphaned', live, verified };
  }
  // In a container of its own nginx cannot be seen, but heard.
  return { nginx: master !== null || live !== null ? 'running' : 'none', live, verified };
}

/** See `Applier.ensureRunning`. */
export async function ensureRunning(works: Works): Promise<boolean> {
  const { nginx } = await lookAround(works);
  if (nginx === 'running') {
    return true;
  }
  if (works.verified === null) {
    return false;
  }
  const { generation } = works.verified;
  works.site.logger.warn('nginx is not running, starting it from the last verified configuration', {
    generation,
  });
  const result = await goLive(works.site, works.verified, verifyDeadline(works), runUntimed);
  return result.kind === 'live';
}

/** How long the proof of a reload may take now, in milliseconds. */
export function verifyDeadline(works: Works): number {
  // A reload parses once more and then starts workers: measured at most three times the test.
  return works.options.deadlines.verifyMs + Math.ceil(works.testSeconds * 10_000);
}

async function runUntimed<T>(_stage: Stage, step: () => Promise<T>): Promise<T> {
  return await step();
}

/** Whether nginx serves this generation already, verified, with a master that can take the next one. */
export async function isLive(works: Works, candidate: Candidate): Promise<boolean> {
  if (works.verified?.generation !== candidate.generation) {
    return false;
  }
  const { nginx, live } = await lookAround(works);
  return nginx === 'running' && live === candidate.generation;
}
