import type { Candidate } from '../model/candidate.ts';
import { parseObjectKey, type ObjectKey } from '../model/object-ref.ts';
import type { ApplyResult, Build, Quarantine } from './apply-result.ts';
import { reasonOfQuarantine } from './blame-reason.ts';
import { isOfFile, ownersOfLine, type Refusal } from './blame-search.ts';
import type { GoLiveResult } from './go-live.ts';
import type { NginxMessage } from './message.ts';
import {
  beginPass,
  bringOut,
  complaintOf,
  finished,
  judgeIn,
  quarantineObject,
  recordFailure,
  type Pass,
} from './pass.ts';
import { clearStaged } from './staging.ts';
import { suspectsOf, type Suspect } from './suspects.ts';
import { isLive, type Works } from './works.ts';

/** What is tried: objects of the quarantine, let in together. */
interface Trial {
  readonly pass: Pass;
  readonly group: readonly ObjectKey[];
  readonly candidate: Candidate;
}

/** One test of some who are kept out beside what is served; see `Applier.trial`. */
export async function trialOnce(
  works: Works,
  build: Build,
  quarantine: Quarantine,
  group: readonly ObjectKey[],
): Promise<ApplyResult> {
  const pass = beginPass(works, build, quarantine);
  try {
    const candidate = await pass.build(without(quarantine, group));
    const trial = { pass, group, candidate };
    if (await isLive(works, candidate)) {
      return await letIn(trial, 'unchanged');
    }
    const judgement = await judgeIn(pass, candidate);
    if (judgement.kind === 'environment') {
      pass.fault = judgement.fault;
      return await finished(pass, 'failed', candidate);
    }
    if (judgement.kind === 'refused') {
      recordFailure(pass, candidate, complaintOf(pass, candidate, judgement));
      const apart = await blame(trial, judgement);
      const result = await finished(pass, 'failed', candidate);
      return apart === null ? result : { ...result, apart };
    }
    const outcome = await bringOut(pass, candidate);
    if (outcome === null) {
      return await letIn(trial, 'applied');
    }
    blameReload(trial, outcome);
    return await finished(pass, 'failed', candidate);
  } finally {
    await clearStaged(works.site.paths);
  }
}

async function letIn(
  { pass, group, candidate }: Trial,
  outcome: ApplyResult['outcome'],
): Promise<ApplyResult> {
  for (const object of group) {
    pass.quarantined.delete(object);
  }
  return await finished(pass, outcome, candidate);
}

/** Convicts whom a refusal proves to be to blame. Returns one whom it merely may be about, where it proves nobody. */
async function blame(trial: Trial, refusal: Refusal): Promise<ObjectKey | null> {
  const { group } = trial;
  const messages = refusal.messages.slice(0, refusal.independent);
  let perhaps: ObjectKey | null = null;
  for (const message of messages) {
    const suspects = suspectsIn(trial, refusal, message);
    const [first] = suspects;
    if (first === undefined) {
      continue;
    }
    const proved = suspects.filter(({ sure, exact }, index) => exact === true || (index === 0 && sure));
    for (const suspect of proved) {
      if (proved.length > 1 || suspects.length === 1 || (await hasPower(trial, suspect))) {
        convict(trial, refusal, message, suspect);
      }
    }
    perhaps ??= first.object;
  }
  const [only] = group;
  if (trial.pass.added.length === 0 && group.length === 1 && only !== undefined) {
    convict(trial, refusal, refusal.messages[0], { object: only, line: null });
  }
  return trial.pass.added.length === 0 ? perhaps : null;
}

/**
 * Of those who are tried the ones that a message is about. Another one only where his own file or line is refused and no
 * Ingress is tried: what it uses has brought that out, and is not to blame for it.
 */
function suspectsIn({ pass, group, candidate }: Trial, refusal: Refusal, message: NginxMessage): Suspect[] {
  const scene = { candidate, configPath: refusal.configPath, stateDir: pass.works.site.paths.root };
  const suspects = refusal.stage === 'lint' ? ownersOfLine(candidate, message) : suspectsOf(scene, message);
  const tried = suspects.filter(({ object }) => group.includes(object));
  if (tried.length > 0) {
    return tried;
  }
  const isWithIngress = group.some((object) => parseObjectKey(object)?.kind === 'Ingress');
  return suspects.filter(
    (suspect) =>
      pass.quarantined.get(suspect.object)?.closed !== true &&
      (isOfFile(suspect) ||
        (!isWithIngress &&
          suspect.sure &&
          message.line !== null &&
          parseObjectKey(suspect.object)?.kind === 'Ingress')),
  );
}

/** Whether the text is another one without it: else the line is that of whom it stands in. */
async function hasPower({ pass, group, candidate }: Trial, { object }: Suspect): Promise<boolean> {
  const others = group.filter((each) => each !== object);
  return (await pass.build(without(pass.quarantined, others))).generation !== candidate.generation;
}

function convict(
  { pass, group, candidate }: Trial,
  refusal: Refusal,
  message: NginxMessage | undefined,
  { object, line }: Pick<Suspect, 'object' | 'line'>,
): void {
  const complaint = { ...complaintOf(pass, candidate, refusal), message, accusing: line };
  const before = pass.quarantined.get(object);
  const reason = reasonOfQuarantine(object, complaint);
  // Who is accused although he is kept out is so for his last good form.
  const isClosed = before?.closed === true || (before !== undefined && !group.includes(object));
  quarantineObject(pass, object, isClosed ? { ...reason, closed: true } : reason);
}

function blameReload(trial: Trial, outcome: Exclude<GoLiveResult, { kind: 'live' }>): void {
  const { pass, candidate, group } = trial;
  if (outcome.kind === 'environment') {
    pass.fault ??= outcome.fault;
    return;
  }
  const { configPath, paths } = pass.works.site;
  for (const message of outcome.messages) {
    const scene = { candidate, configPath, stateDir: paths.root };
    const suspect = suspectsOf(scene, message).find(({ object }) => group.includes(object));
    const [only] = group;
    const object = suspect?.object ?? (group.length === 1 ? only : undefined);
    if (object !== undefined && !pass.added.includes(object)) {
      const complaint = {
        stage: 'reload',
        message,
        accusing: suspect?.line ?? null,
        text: candidate.text,
        configPath,
        stateDir: paths.root,
      } as const;
      recordFailure(pass, candidate, complaint);
      quarantineObject(pass, object, reasonOfQuarantine(object, complaint));
    }
  }
  pass.fault ??= { kind: 'object', stage: 'reload', message: outcome.reason };
}

function without(quarantine: Quarantine, group: readonly ObjectKey[]): Quarantine {
  return new Map([...quarantine].filter(([object]) => !group.includes(object)));
}
