import { parseObjectKey, type ObjectKey } from '../model/object-ref.ts';
import type { Candidate } from '../model/candidate.ts';
import type { KeptOut } from './apply-result.ts';
import { reasonOfQuarantine } from './blame-reason.ts';
import {
  buildWithout,
  complaintOf,
  convict,
  given,
  isFree,
  isOfFile,
  isRefused,
  judge,
  waitingForTrial,
  type Accusation,
  type BlameResult,
  type Refusal,
  type Search,
  type Trial,
} from './blame-search.ts';
import { objectsOf } from './suspects.ts';

/**
 * Whether blame is better left to trials beside what is served: nobody is named, or somebody whom nginx has served as
 * he is, while there are others that it has not. A file accuses its owner whatever he was served with.
 */
export function isForTrials(search: Search, { candidate }: Trial, accused: readonly Accusation[]): boolean {
  const changed = candidate.changed ?? new Set();
  if (accused.length === 0) {
    return changedIn(search, candidate).length > 0;
  }
  return (
    changedIn(search, candidate).some(isIngress) &&
    accused.some((each) => !changed.has(each.object) && !isOfFile(each))
  );
}

/**
 * Everything as it was served before, but for what is no object's form of before: endpoints, what was deleted. If that
 * passes it can go live at once, and the objects that changed wait for trials of their own; a single one is to blame.
 * Null where nothing was served before, or that is refused as well.
 */
export async function setAside(search: Search, failed: Trial<Refusal>): Promise<BlameResult | null> {
  const aside = changedIn(search, failed.candidate);
  if (aside.length === 0) {
    return null;
  }
  const waiting = new Map<ObjectKey, KeptOut>(aside.map((object) => [object, waitingForTrial]));
  const trial = await judge(search, await buildWithout(search, new Map([...search.added, ...waiting])));
  if (trial.judgement.kind === 'environment') {
    return given(search, trial.judgement.fault);
  }
  if (isRefused(trial)) {
    return null;
  }
  const [only] = aside;
  if (aside.length === 1 && only !== undefined) {
    convict(search, only, reasonOfQuarantine(only, complaintOf(search, failed)));
    waiting.clear();
  }
  for (const object of search.doubtful) {
    // Whether it is to blame shows when it is tried.
    if (search.added.delete(object)) {
      waiting.set(object, waitingForTrial);
    }
  }
  return { candidate: trial.candidate, added: search.added, waiting, fault: null };
}

/** The objects that nginx has not served as they are, as far as they can be kept out without harm. */
function changedIn(search: Search, candidate: Candidate): ObjectKey[] {
  const { changed } = candidate;
  return changed === undefined
    ? []
    : objectsOf(candidate).filter(
        (object) => changed.has(object) && isFree(search, object) && isHarmlessWithout(object, candidate),
      );
}

/** Of a Secret nginx reads the certificate; kept out for anything else it would only close routes. */
function isHarmlessWithout(object: ObjectKey, { files }: Candidate): boolean {
  return (
    parseObjectKey(object)?.kind !== 'Secret' ||
    files.some(({ objects, content }) => objects[0] === object && content.includes('PRIVATE KEY-----'))
  );
}

function isIngress(object: ObjectKey): boolean {
  return parseObjectKey(object)?.kind === 'Ingress';
}
