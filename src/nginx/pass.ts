import type { Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import {
  stages,
  type ApplyResult,
  type Build,
  type Fault,
  type KeptOut,
  type Quarantine,
  type Stage,
} from './apply-result.ts';
import { faultOf, lineOf, type Complaint } from './blame-reason.ts';
import type { Judgement, Refusal } from './blame-search.ts';
import { goLive, type GoLiveResult } from './go-live.ts';
import { ioFault, judgeCandidate } from './judge.ts';
import type { Timed } from './live-site.ts';
import { suspectsOf } from './suspects.ts';
import { saveVerified, swapLiveText } from './swap.ts';
import { ensureRunning, verifyDeadline, type ApplyOptions, type Works } from './works.ts';

/** What one apply gathers on its way. */
export interface Pass {
  readonly works: Works;
  readonly build: Build;
  readonly timed: Timed;
  readonly seconds: Record<Stage, number>;
  readonly quarantined: Map<ObjectKey, KeptOut>;
  readonly added: ObjectKey[];
  tests: number;
  fault: Fault | null;
  failedText: ApplyResult['failedText'];
}

export function beginPass(works: Works, build: Build, quarantine: Quarantine): Pass {
  const seconds = Object.fromEntries(stages.map((stage) => [stage, 0])) as Record<Stage, number>;
  const timed = stopwatch(seconds, works.options.onStage);
  return {
    works,
    build: async (without) =>
      await timed(
        'build',
        async () => await build(without),
        () => false,
      ),
    timed,
    seconds,
    quarantined: new Map(quarantine),
    added: [],
    tests: 0,
    fault: null,
    failedText: null,
  };
}

export async function judgeIn(pass: Pass, one: Candidate): Promise<Judgement> {
  const { works } = pass;
  return await judgeCandidate(
    {
      binary: works.site.binary,
      paths: works.site.paths,
      testMs: works.options.deadlines.testMs,
      lint: works.options.lint,
      artifacts: works.artifacts,
      timed: pass.timed,
      tested: (seconds) => {
        pass.tests += seconds === null ? 1 : 0;
        works.testSeconds = seconds ?? works.testSeconds;
      },
    },
    one,
  );
}

/** Swaps, reloads, verifies. Null when the candidate is live; else what went wrong, the verified text being back. */
export async function bringOut(
  pass: Pass,
  candidate: Candidate,
): Promise<Exclude<GoLiveResult, { kind: 'live' }> | null> {
  const { works } = pass;
  const { site } = works;
  let result: GoLiveResult;
  await works.options.beforeSwap?.(candidate.generation).catch((error: unknown) => {
    site.logger.warn('what comes to nginx could not be noted', { error });
  });
  try {
    result = await goLive(site, candidate, verifyDeadline(works), pass.timed);
    if (result.kind === 'live') {
      const verified = {
        generation: candidate.generation,
        text: candidate.text,
        files: candidate.files.map((file) => file.path),
      };
      works.verified = verified;
      await saveVerified(site.paths, verified);
      return null;
    }
  } catch (error) {
    if (works.verified?.generation === candidate.generation) {
      // It is served; only a start after a crash would begin one generation earlier.
      site.logger.warn('verified configuration could not be saved', { error });
      return null;
    }
    result = { kind: 'environment', fault: ioFault('swap', error, site.paths) };
  }
  if (works.verified !== null) {
    try {
      // Whoever starts or signals nginx now must get what is known to work.
      await swapLiveText(site.configPath, works.verified.text);
    } catch (error) {
      site.logger.warn('verified configuration could not be put back', { path: site.configPath, error });
    }
  }
  return result;
}

export async function finished(
  pass: Pass,
  outcome: ApplyResult['outcome'],
  candidate: Candidate,
): Promise<ApplyResult> {
  const { works } = pass;
  if (outcome === 'failed') {
    await ensureRunning(works).catch((error: unknown) => {
      works.site.logger.warn('nginx could not be started from the verified configuration', { error });
    });
  }
  try {
    if (outcome === 'unchanged') {
      await works.artifacts.write(candidate.files);
    }
    await works.artifacts.retain(new Set(works.verified?.files));
  } catch (error) {
    works.site.logger.warn('files of the configuration could not be kept in order', { error });
  }
  return resultOf(pass, outcome, candidate);
}

export function resultOf(pass: Pass, outcome: ApplyResult['outcome'], candidate: Candidate): ApplyResult {
  const { quarantined, added, fault, tests, seconds, failedText } = pass;
  const { generation } = candidate;
  return { outcome, generation, candidate, quarantined, added, fault, tests, seconds, failedText };
}

export function recordFailure(pass: Pass, candidate: Candidate, complaint: Complaint): void {
  pass.fault ??= faultOf('object', complaint);
  pass.failedText ??= { text: candidate.text, line: lineOf(complaint) };
}

export function quarantineObject(pass: Pass, object: ObjectKey, reason: KeptOut): void {
  pass.quarantined.set(object, reason);
  pass.added.push(object);
}

export function complaintOf(pass: Pass, candidate: Candidate, refusal: Refusal): Complaint {
  const { stage, messages, configPath } = refusal;
  const stateDir = pass.works.site.paths.root;
  const [message] = messages;
  const suspects = message === undefined ? [] : suspectsOf({ candidate, configPath, stateDir }, message);
  return {
    stage,
    message,
    accusing: suspects[0]?.line ?? null,
    text: candidate.text,
    configPath,
    stateDir,
  };
}

function stopwatch(seconds: Record<Stage, number>, onStage: ApplyOptions['onStage']): Timed {
  return async (stage, step, failed) => {
    const started = performance.now();
    let result: 'ok' | 'failed' = 'failed';
    try {
      const value = await step();
      result = failed(value) ? 'failed' : 'ok';
      return value;
    } finally {
      const spent = (performance.now() - started) / 1000;
      seconds[stage] += spent;
      onStage?.(stage, spent, result);
    }
  };
}
