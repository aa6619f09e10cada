import type { Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Fault, KeptOut } from './apply-result.ts';
import { faultOf, reasonOfQuarantine } from './blame-reason.ts';
import {
  accusedIn,
  acquit,
  asKnown,
  buildWithout,
  complaintOf,
  concluded,
  convict,
  doubt,
  given,
  isFree,
  isRefused,
  judge,
  keptOut,
  notYetTried,
  reasonFor,
  waitingForTrial,
  type Accusation,
  type BlameResult,
  type Refusal,
  type Search,
  type Trial,
} from './blame-search.ts';
import { objectsOf } from './suspects.ts';

/** Objects to let in, and what is known of letting them all in. */
interface Group {
  readonly objects: readonly ObjectKey[];
  /** A trial with this group and others inside that was refused. */
  readonly refused: Trial<Refusal>;
  /** How many objects were inside then, and what was known of others. */
  readonly inside: number;
  readonly convictions: number;
}

/**
 * Lets objects in group by group. `kept` is always a set that passed together; a group that fails with it is
 * split, or loses the one who is named. At most log2(n) + 1 trials for one culprit among n whom
 * nothing names.
 */
export async function byHalves(search: Search, failed: Trial<Refusal>): Promise<BlameResult> {
  const all = objectsOf(failed.candidate).filter((object) => isFree(search, object));
  let waiting = halvesOf(all, failed, all.length, search.convictions);
  let kept = new Set<ObjectKey>();
  let last: Trial | null = null;
  /** Whose place is taken by their last good form, where they have one. */
  const decided = new Set<ObjectKey>();
  let accusation: { readonly named: Accusation; readonly trial: Trial<Refusal> } | null = null;
  async function buildWith(
    inside: ReadonlySet<ObjectKey>,
    more: readonly (readonly [ObjectKey, KeptOut])[] = [],
  ): Promise<Candidate> {
    const without = new Map(search.added);
    for (const object of all) {
      if (!inside.has(object) && !decided.has(object)) {
        without.set(object, notYetTried);
      }
    }
    return await buildWithout(search, new Map([...without, ...more]));
  }
  async function tryWith(inside: ReadonlySet<ObjectKey>): Promise<Trial> {
    return await judge(search, await buildWith(inside));
  }
  for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
    if (search.trials >= search.maxTrials) {
      return await goOnLater(search, failed, { all, kept, decided, last, build: buildWith });
    }
    const inside = new Set([...kept, ...group.objects]);
    // All that stood beside it has passed: with it the set is the one that was refused before.
    const isKnown = inside.size === group.inside && search.convictions === group.convictions;
    const trial: Trial = isKnown ? group.refused : await tryWith(inside);
    if (accusation !== null) {
      doubt(search, [accusation.named], accusation.trial, trial);
      accusation = null;
    }
    if (!isRefused(trial)) {
      if (trial.judgement.kind === 'environment') {
        return given(search, trial.judgement.fault);
      }
      kept = inside;
      last = trial;
      continue;
    }
    const [first] = group.objects;
    const named = accusedIn(search, trial).find(
      ({ object }) => inside.has(object) || keptOut(search, object) !== undefined,
    );
    if (named !== undefined) {
      convict(search, named.object, reasonFor(search, trial, named));
      accusation = { named, trial };
      decided.add(named.object);
      if (kept.delete(named.object)) {
        last = null;
      }
      const objects = group.objects.filter((object) => object !== named.object);
      waiting.unshift({ ...group, objects });
    } else if (first === undefined) {
      // Only last good forms are new in it.
      if (!closeForms(search)) {
        return given(search, faultOf('object', complaintOf(search, trial)));
      }
      waiting.unshift(group);
    } else if (group.objects.length === 1) {
      convict(search, first, asKnown(search, first, reasonOfQuarantine(first, complaintOf(search, trial))));
      decided.add(first);
      const others = kept;
      const trialOfForm = await tryGoodForm(search, first, (reason) => buildWith(others, [[first, reason]]));
      if (trialOfForm?.judgement.kind === 'environment') {
        return given(search, trialOfForm.judgement.fault);
      }
      last = trialOfForm ?? last;
      // Most often it was the only one: all others together are worth a trial before they are halved.
      waiting = waiting.length === 0 ? [] : [{ ...group, objects: waiting.flatMap((one) => one.objects) }];
    } else {
      waiting.unshift(...halvesOf(group.objects, trial, inside.size, search.convictions));
    }
  }
  const good = last ?? (await tryWith(kept));
  return concluded(search, good.judgement.kind === 'good' ? await acquit(search, good) : good);
}

/**
 * So many are at fault that the search goes on beside what has passed; who is not in that waits. Where nothing has
 * passed there is no candidate.
 */
async function goOnLater(
  search: Search,
  failed: Trial<Refusal>,
  { all, kept, decided, last, build }: Found,
): Promise<BlameResult> {
  const known = given(search, exhausted(search, failed));
  const good = last ?? (kept.size === 0 ? null : await judge(search, await build(kept)));
  if (good === null || good.judgement.kind !== 'good') {
    return known;
  }
  const waiting = new Map(
    [...all, ...search.doubtful]
      .filter((object) => !kept.has(object) && !(decided.has(object) && known.added.has(object)))
      .map((object) => [object, waitingForTrial]),
  );
  return { ...known, candidate: good.candidate, waiting };
}

/** What a search has found when it stops. */
interface Found {
  readonly all: readonly ObjectKey[];
  readonly kept: ReadonlySet<ObjectKey>;
  readonly decided: ReadonlySet<ObjectKey>;
  readonly last: Trial | null;
  readonly build: (inside: ReadonlySet<ObjectKey>) => Promise<Candidate>;
}

/**
 * The last good form of an object takes its place and must pass, too: else others would be blamed for it, and 503 takes
 * its place. Returns the trial of it; null where there is no such form, or it is refused.
 */
async function tryGoodForm(
  search: Search,
  object: ObjectKey,
  withOthers: (reason: KeptOut) => Promise<Candidate>,
): Promise<Trial | null> {
  const reason = search.added.get(object);
  if (reason === undefined || reason.closed === true) {
    return null;
  }
  const closed: KeptOut = { ...reason, closed: true };
  const candidate = await withOthers(reason);
  if (candidate.generation === (await withOthers(closed)).generation) {
    return null;
  }
  const trial = await judge(search, candidate);
  if (isRefused(trial)) {
    convict(search, object, closed);
    return null;
  }
  return trial;
}

/** Puts 503 in the place of every last good form; false where there is none any more. */
function closeForms(search: Search): boolean {
  const open = [...search.quarantine, ...search.added].filter(
    ([object]) => keptOut(search, object)?.closed !== true,
  );
  for (const [object, reason] of open) {
    convict(search, object, { ...reason, closed: true });
  }
  return open.length > 0;
}

function halvesOf(
  objects: readonly ObjectKey[],
  refused: Trial<Refusal>,
  inside: number,
  convictions: number,
): Group[] {
  const middle = Math.ceil(objects.length / 2);
  return [objects.slice(0, middle), objects.slice(middle)]
    .filter((half) => half.length > 0)
    .map((half) => ({ objects: half, refused, inside, convictions }));
}

function exhausted(search: Search, trial: Trial<Refusal>): Fault {
  const first = faultOf('object', complaintOf(search, trial));
  return {
    ...first,
    message:
      `${first.message}; more objects are at fault than ${search.trials} tests could find, ` +
      `${search.added.size} are known and the search goes on with the next apply`,
  };
}
