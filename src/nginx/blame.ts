import type { Fault, Quarantine } from './apply-result.ts';
import { isForTrials, setAside } from './blame-aside.ts';
import { byHalves } from './blame-halves.ts';
import { faultOfSkeleton, systemSaidNo } from './blame-reason.ts';
import {
  accusedIn,
  acquit,
  buildWithout,
  complaintOf,
  concluded,
  convict,
  doubt,
  given,
  isRefused,
  judge,
  notYetTried,
  reasonFor,
  type Accusation,
  type BlameOptions,
  type BlameResult,
  type Refusal,
  type Search,
  type Trial,
} from './blame-search.ts';

/** Beyond this many culprits the search goes on by halves. */
const singles = 3;

/** Each lint round costs a render and no nginx; several culprits may hide behind one broken brace. */
const lintRounds = 16;

/**
 * Finds the objects that make a candidate fail, and a candidate without them that passes. If the skeleton fails too,
 * nobody is blamed: it is tried before anybody is who is not accused by a line or file of his own, and before the
 * search by halves. For up to three culprits who are accused so, one trial each. If there are more, and what was served
 * before is known, everybody who has changed is set aside, to be tried beside it (`trialOnce`): a flood of culprits does
 * not hold up the others. `quarantine` is what the failed candidate was built without.
 */
export async function findCulprits(
  options: BlameOptions,
  quarantine: Quarantine,
  failed: Trial<Refusal>,
): Promise<BlameResult> {
  const search: Search = {
    ...options,
    quarantine,
    added: new Map(),
    powerless: new Set(),
    doubtful: new Set(),
    trials: 0,
    convictions: 0,
    isSkeletonGood: false,
  };
  const last = await oneByOne(search, failed);
  if (!('judgement' in last)) {
    return given(search, last);
  }
  if (!isRefused(last)) {
    return concluded(search, last);
  }
  const aside = await setAside(search, last);
  if (aside !== null) {
    return aside;
  }
  const fault = await faultOfAll(search);
  return fault === null ? await byHalves(search, last) : given(search, fault);
}

/** The fault of the skeleton, which is nobody's: who was blamed so far is acquitted. Null where it passes. */
async function faultOfAll(search: Search): Promise<Fault | null> {
  if (search.isSkeletonGood) {
    return null;
  }
  const skeleton = await judge(search, await search.build('skeleton'));
  if (skeleton.judgement.kind === 'good') {
    search.isSkeletonGood = true;
    return null;
  }
  search.added.clear();
  return isRefused(skeleton)
    ? faultOfSkeleton(complaintOf(search, skeleton))
    : (skeleton.judgement as { readonly fault: Fault }).fault;
}

/** Leaves out who is named, until nobody is named, all is well, too many were, or it is the fault of nobody. */
async function oneByOne(search: Search, failed: Trial<Refusal>): Promise<Trial | Fault> {
  let trial: Trial = failed;
  for (let tested = 0, linted = 0; isRefused(trial) && tested < singles && linted < lintRounds;) {
    const before: Trial<Refusal> = trial;
    const accused = accusedIn(search, before);
    if (isForTrials(search, before, accused)) {
      break;
    }
    const fault = isCertain(before, accused) ? null : await faultOfAll(search);
    if (fault !== null) {
      return fault;
    }
    if (accused.length === 0) {
      break;
    }
    const without = new Map(search.added);
    for (const accusation of accused) {
      without.set(accusation.object, reasonFor(search, before, accusation));
    }
    const candidate = await buildWithout(search, without);
    if (candidate.generation === before.candidate.generation) {
      for (const { object } of accused) {
        search.powerless.add(object);
      }
      continue;
    }
    for (const { object } of accused) {
      convict(search, object, without.get(object) ?? notYetTried);
    }
    trial = await judge(search, candidate);
    if (before.judgement.stage === 'lint') {
      linted += 1;
    } else {
      tested += 1;
    }
    doubt(search, accused, before, trial);
  }
  return trial.judgement.kind === 'good' ? await acquit(search, trial) : trial;
}

/** Whether a refusal accuses somebody by a line or file of his own, and the system had no part in it. */
function isCertain({ judgement }: Trial<Refusal>, accused: readonly Accusation[]): boolean {
  return (
    accused.length > 0 && accused.every(({ sure }) => sure) && !systemSaidNo(judgement.messages[0]?.text)
  );
}
