import type { Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { ApplyResult, Build, Quarantine } from './apply-result.ts';
import { findCulprits } from './blame.ts';
import { reasonOfQuarantine, type Complaint } from './blame-reason.ts';
import type { GoLiveResult } from './go-live.ts';
import {
  beginPass,
  bringOut,
  complaintOf,
  finished,
  judgeIn,
  quarantineObject,
  recordFailure,
  resultOf,
  type Pass,
} from './pass.ts';
import { clearStaged } from './staging.ts';
import { repairStateDirectory } from './state-directory.ts';
import { suspectsOf } from './suspects.ts';
import { isLive, type Works } from './works.ts';

/** More rounds than there are likely to be ports in use by others; each costs up to 2.5 s of a failed reload. */
const reloadRounds = 4;

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
      isVerified: ({ generation }) => works.verified?.generation === generation,
      stateDir: works.site.paths.root,
      maxTrials: works.options.maxTrials ?? 40,
    },
    pass.quarantined,
    { candidate, judgement },
  );
  for (const [object, reason] of found.added) {
    quarantineObject(pass, object, reason);
  }
  for (const [object, reason] of found.waiting ?? []) {
    pass.quarantined.set(object, reason);
  }
  if (found.fault !== null) {
    // Says more than the first complaint: that it was nobody's fault, or that the search was given up.
    pass.fault = found.fault;
  }
  return found.candidate;
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
