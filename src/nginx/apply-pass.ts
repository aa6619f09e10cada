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
import { findCulprits } from './blame.ts';
import type { Judgement, Refusal } from './blame-search.ts';
import { faultOf, lineOf, reasonOfQuarantine, type Complaint } from './blame-reason.ts';
import { goLive, type GoLiveResult } from './go-live.ts';
import { ioFault, judgeCandidate } from './judge.ts';
import type { Timed } from './live-site.ts';
import { clearStaged } from './staging.ts';
import { repairStateDirectory } from './state-directory.ts';
import { suspectsOf } from './suspects.ts';
import { saveVerified, swapLiveText } from './swap.ts';
import { ensureRunning, isLive, verifyDeadline, type ApplyOptions, type Works } from './works.ts';

/** More rounds than there are likely to be ports in use by others; each costs up to 2.5 s of a failed reload. */
const reloadRounds = 4;

/** What one apply gathers on its way. */
interface Pass {
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

/** One apply from build to proof; see `Applier.apply`. */
export async function applyOnce(works: Works, build: Build, quarantine: Quarantine): Promise<ApplyResult> {
  await repairState(works);
  const pass = beginPass(works, build, quarantine);
  try {
    return await carryOut(pass);
  } finally {
    await clearStaged(works.site.paths);
  }
}

/** Only what comes before the swap; see `Applier.check`. */
export async function checkOnce(works: Works, build: Build, quarantine: Quarantine): Promise<ApplyResult> {
  const pass = beginPass(works, build, quarantine);
  try {
    const candidate = await pass.build(pass.quarantined);
    const passed = await check(pass, candidate);
    return resultOf(pass, passed === null ? 'failed' : 'unchanged', passed ?? candidate);
  } finally {
    await clearStaged(works.site.paths);
  }
}

/** One test of one candidate; see `Applier.probe`. */
export async function probeOnce(works: Works, build: Build, quarantine: Quarantine): Promise<ApplyResult> {
  const pass = beginPass(works, build, quarantine);
  try {
    const candidate = await pass.build(pass.quarantined);
    const judgement = await judgeIn(pass, candidate);
    if (judgement.kind === 'refused') {
      recordFailure(pass, candidate, complaintOf(pass, candidate, judgement));
    } else if (judgement.kind === 'environment') {
      pass.fault = judgement.fault;
    }
    return resultOf(pass, judgement.kind === 'good' ? 'unchanged' : 'failed', candidate);
  } finally {
    await clearStaged(works.site.paths);
  }
}

/** A folder that was removed while running would fail every apply from then on. */
async function repairState({ site, options }: Works): Promise<void> {
  try {
    const missing = await repairStateDirectory(site.paths, options.gid ?? null);
    if (missing.length > 0) {
      site.logger.warn('Folders of the state directory were missing and are made anew', { paths: missing });
    }
  } catch (error) {
    // The apply fails where it needs the folder, with a fault that everybody sees.
    site.logger.warn('Folders of the state directory are missing and cannot be made anew', { error });
  }
}

function beginPass(works: Works, build: Build, quarantine: Quarantine): Pass {
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

async function carryOut(pass: Pass): Promise<ApplyResult> {
  const { works } = pass;
  let candidate = await pass.build(pass.quarantined);
  for (let round = 0; round < reloadRounds; round += 1) {
    if (await isLive(works, candidate)) {
      return await finished(pass, 'unchanged', candidate);
    }
    const passed = await check(pass, candidate);
    if (passed === null) {
      return await finished(pass, 'failed', candidate);
    }
    candidate = passed;
    if (await isLive(works, candidate)) {
      return await finished(pass, 'unchanged', candidate);
    }
    const outcome = await bringOut(pass, candidate);
    if (outcome === null) {
      return await finished(pass, 'applied', candidate);
    }
    if (!blameReload(pass, candidate, outcome)) {
      break;
    }
    const next = await pass.build(pass.quarantined);
    if (next.generation === candidate.generation) {
      break;
    }
    candidate = next;
  }
  return await finished(pass, 'failed', candidate);
}

async function judgeIn(pass: Pass, one: Candidate): Promise<Judgement> {
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

/** The candidate, or one without the objects at fault, that nginx accepts; null when there is none. */
async function check(pass: Pass, candidate: Candidate): Promise<Candidate | null> {
  const { works } = pass;
  const judgement = await judgeIn(pass, candidate);
  if (judgement.kind === 'good') {
    return candidate;
  }
  if (judgement.kind === 'environment') {
    pass.fault ??= judgement.fault;
    return null;
  }
  recordFailure(pass, candidate, complaintOf(pass, candidate, judgement));
  const found = await findCulprits(
    {
      build: pass.build,
      judge: async (one) => await judgeIn(pass, one),
      stateDir: works.site.paths.root,
      maxTrials: works.options.maxTrials ?? 40,
    },
    pass.quarantined,
    { candidate, judgement },
  );
  for (const [object, reason] of found.added) {
    quarantineObject(pass, object, reason);
  }
  if (found.fault !== null) {
    // Says more than the first complaint: that it was nobody's fault, or that the search was given up.
    pass.fault = found.fault;
  }
  return found.candidate;
}

/** Swaps, reloads, verifies. Null when the candidate is live; else what went wrong, the verified text being back. */
async function bringOut(
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

/** Quarantines whom nginx named when it refused a reload; false when that is nobody. */
function blameReload(
  pass: Pass,
  candidate: Candidate,
  outcome: Exclude<GoLiveResult, { kind: 'live' }>,
): boolean {
  if (outcome.kind === 'environment') {
    pass.fault ??= outcome.fault;
    return false;
  }
  const { configPath, paths } = pass.works.site;
  const named = new Map<ObjectKey, Complaint>();
  for (const message of outcome.messages) {
    const suspect = suspectsOf({ candidate, configPath, stateDir: paths.root }, message).find(
      // Who is kept out may be served in its last good form, which is refused now.
      ({ object }) => pass.quarantined.get(object)?.closed !== true,
    );
    if (suspect !== undefined && !named.has(suspect.object)) {
      named.set(suspect.object, {
        stage: 'reload',
        message,
        accusing: suspect.line,
        text: candidate.text,
        configPath,
        stateDir: paths.root,
      });
    }
  }
  const [first] = named.values();
  if (first === undefined) {
    const isPortTaken = /^bind\(\) to .*\(98: /.test(outcome.reason);
    const remedy = isPortTaken
      ? ': another process listens there; stop it, or set nginx.http_port or nginx.https_port to a free port'
      : '';
    pass.fault ??= { kind: 'environment', stage: 'reload', message: `${outcome.reason}${remedy}` };
    return false;
  }
  recordFailure(pass, candidate, first);
  for (const [object, complaint] of named) {
    const reason = reasonOfQuarantine(object, complaint);
    quarantineObject(pass, object, pass.quarantined.has(object) ? { ...reason, closed: true } : reason);
  }
  return true;
}

async function finished(
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

function resultOf(pass: Pass, outcome: ApplyResult['outcome'], candidate: Candidate): ApplyResult {
  const { quarantined, added, fault, tests, seconds, failedText } = pass;
  const { generation } = candidate;
  return { outcome, generation, candidate, quarantined, added, fault, tests, seconds, failedText };
}

function recordFailure(pass: Pass, candidate: Candidate, complaint: Complaint): void {
  pass.fault ??= faultOf('object', complaint);
  pass.failedText ??= { text: candidate.text, line: lineOf(complaint) };
}

function quarantineObject(pass: Pass, object: ObjectKey, reason: KeptOut): void {
  pass.quarantined.set(object, reason);
  pass.added.push(object);
}

function complaintOf(pass: Pass, candidate: Candidate, refusal: Refusal): Complaint {
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
