import { join } from 'node:path';
import type { Snapshot } from '../cluster/snapshot.ts';
import { findInstallation } from '../installation.ts';
import type { Candidate } from '../model/candidate.ts';
import type { Capabilities } from '../model/capabilities.ts';
import type { Verdict } from '../model/verdict.ts';
import { createApplier } from '../nginx/apply.ts';
import type { Quarantine } from '../nginx/apply-result.ts';
import { candidateLinter } from '../nginx/lint-candidate.ts';
import type { Pipeline } from '../worker/pipeline.ts';

/** Milliseconds, as for `run`. */
const testMs = 60_000;

/** What became of the objects of a snapshot. */
export interface Judgement {
  readonly verdicts: readonly Verdict[];
  /** The version that tested the result; null where there is no nginx. */
  readonly testedBy: string | null;
  /** Why the result as a whole would not be served; null where it would. */
  readonly fault: string | null;
}

/** What judges: a pipeline, and an nginx where there is one. */
export interface JudgeParts {
  readonly pipeline: Pipeline;
  readonly binary: string;
  /** What that nginx can do; null where there is none. */
  readonly installed: Capabilities | null;
  /** A folder that is nobody else's. */
  readonly stateDir: string;
}

/** Builds a snapshot, and has nginx test the result and blame what it refuses. */
export async function judge(
  snapshot: Snapshot,
  { pipeline, binary, installed, stateDir }: JudgeParts,
): Promise<Judgement> {
  const byCandidate = new WeakMap<Candidate, readonly Verdict[]>();
  const now = Date.now();

  async function build(without: Quarantine | 'skeleton'): Promise<Candidate> {
    const part = without === 'skeleton' ? emptied(snapshot) : snapshot;
    const built = pipeline.build(part, without === 'skeleton' ? new Map() : without, now);
    byCandidate.set(built.candidate, built.verdicts);
    return built.candidate;
  }

  if (installed === null) {
    const candidate = await build(new Map());
    return { verdicts: byCandidate.get(candidate) ?? [], testedBy: null, fault: null };
  }
  const applier = createApplier({
    binary,
    stateDir,
    configPath: join(stateDir, 'nginx.conf'),
    reloadScript: findInstallation().reloadScript,
    lint: candidateLinter(stateDir, installed),
    logger: { info: ignore, warn: ignore },
    deadlines: { testMs, reloadMs: testMs, verifyMs: testMs },
  });
  await applier.start();
  const result = await applier.check(build);
  return {
    verdicts: byCandidate.get(result.candidate) ?? [],
    testedBy: installed.version,
    fault: result.outcome === 'failed' ? (result.fault?.message ?? 'the test failed') : null,
  };
}

function emptied(snapshot: Snapshot): Snapshot {
  const none = new Map();
  return {
    ...snapshot,
    ingresses: [],
    ingressClasses: none,
    services: none,
    endpointSlices: none,
    endpoints: none,
    secrets: none,
    configMaps: none,
    findings: [],
  };
}

function ignore(): void {
  // The result says it.
}
