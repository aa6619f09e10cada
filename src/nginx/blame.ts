import { originsOfLine, type Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import type { Build, Fault, Quarantine } from './apply-result.ts';
import { faultOf, faultOfSkeleton, reasonOfQuarantine, type Complaint } from './blame-reason.ts';
import type { NginxMessage } from './message.ts';
import { objectsOf, suspectsOf, type Suspect } from './suspects.ts';

/** Why a text is no good, in the form that blame reads: messages, the decisive one first. */
export interface Refusal {
  readonly kind: 'refused';
  readonly stage: 'lint' | 'test';
  readonly messages: readonly NginxMessage[];
  /** How many of the messages stand for themselves: nginx stops at its first error, the lint need not. */
  readonly independent: number;
  /** The file name that the messages use for the candidate. */
  readonly configPath: string;
}

export type Judgement =
  | { readonly kind: 'good' }
  | Refusal
  /** Nothing was learnt about the text. */
  | { readonly kind: 'environment'; readonly fault: Fault };

export interface BlameOptions {
  readonly build: Build;
  /** Lints, stages and tests a candidate. */
  readonly judge: (candidate: Candidate) => Promise<Judgement>;
  readonly stateDir: string;
  /** `judge` is called at most about this often, so that a flood of culprits cannot hold up everything. */
  readonly maxTrials: number;
}

export interface BlameResult {
  /** A candidate that passed, or null; then `fault` says why there is none. */
  readonly candidate: Candidate | null;
  readonly added: ReadonlyMap<ObjectKey, Reason>;
  readonly fault: Fault | null;
}

/** Beyond this many culprits the search goes on by halves. */
const singles = 3;

/** Each lint round costs a render and no nginx; several culprits may hide behind one broken brace. */
const lintRounds = 16;

interface Trial<J extends Judgement = Judgement> {
  readonly candidate: Candidate;
  readonly judgement: J;
}

interface Accusation extends Suspect {
  readonly message: NginxMessage;
}

interface Search extends BlameOptions {
  /** What the failed candidate was built without. */
  readonly quarantine: Quarantine;
  readonly added: Map<ObjectKey, Reason>;
  /** Objects that change nothing in the text when they are left out. */
  readonly powerless: Set<ObjectKey>;
  trials: number;
}

/**
 * Finds the objects that make a candidate fail, and a candidate without them that passes. The skeleton is tried
 * first: if that fails too, nobody is blamed. For up to three culprits that are named one trial each, beside the
 * skeleton's. `quarantine` is what the failed candidate was built without.
 */
export async function findCulprits(
  options: BlameOptions,
  quarantine: Quarantine,
  failed: Trial<Refusal>,
): Promise<BlameResult> {
  const search: Search = { ...options, quarantine, added: new Map(), powerless: new Set(), trials: 0 };
  const skeleton = await judge(search, await options.build('skeleton'));
  if (isRefused(skeleton)) {
    return given(search, faultOfSkeleton(complaintOf(search, skeleton)));
  }
  if (skeleton.judgement.kind === 'environment') {
    return given(search, skeleton.judgement.fault);
  }
  const last = await oneByOne(search, failed);
  return isRefused(last) ? await byHalves(search, last) : concluded(search, last);
}

/** Leaves out who is named, until nobody is named, all is well, or too many were. */
async function oneByOne(search: Search, failed: Trial<Refusal>): Promise<Trial> {
  const doubtful = new Set<ObjectKey>();
  let trial: Trial = failed;
  for (let tested = 0, linted = 0; isRefused(trial) && tested < singles && linted < lintRounds;) {
    const before: Trial<Refusal> = trial;
    const accused = accusedIn(search, before);
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
      search.added.set(object, without.get(object) ?? notYetTried);
    }
    trial = await judge(search, candidate);
    if (before.judgement.stage === 'lint') {
      linted += 1;
    } else {
      tested += 1;
    }
    const [one] = accused;
    if (one?.sure === false && isRefused(trial) && sameWords(before, trial)) {
      doubtful.add(one.object);
    }
  }
  return trial.judgement.kind === 'good' ? await acquit(search, trial, doubtful) : trial;
}

/** Lets those back in who only shared a name with the culprit, if that passes. */
async function acquit(search: Search, good: Trial, doubtful: ReadonlySet<ObjectKey>): Promise<Trial> {
  if (doubtful.size === 0) {
    return good;
  }
  const without = new Map([...search.added].filter(([object]) => !doubtful.has(object)));
  const trial = await judge(search, await buildWithout(search, without));
  if (trial.judgement.kind !== 'good') {
    return good;
  }
  for (const object of doubtful) {
    search.added.delete(object);
  }
  return trial;
}

/** Objects to let in, and what is known of letting them all in. */
interface Group {
  readonly objects: readonly ObjectKey[];
  /** A trial with this group and others inside that was refused. */
  readonly refused: Trial<Refusal>;
  /** How many objects were inside then, and how many had been added to the quarantine. */
  readonly inside: number;
  readonly added: number;
}

/**
 * Lets objects in group by group. `kept` is always a set that passed together; a group that fails with it is
 * split, or loses the one who is named. At most log2(n) + 1 trials for one culprit among n whom
 * nothing names.
 */
async function byHalves(search: Search, failed: Trial<Refusal>): Promise<BlameResult> {
  const all = objectsOf(failed.candidate).filter((object) => isFree(search, object));
  let waiting = halvesOf(all, failed, all.length, search.added.size);
  let kept = new Set<ObjectKey>();
  let last: Trial | null = null;
  async function tryWith(inside: ReadonlySet<ObjectKey>): Promise<Trial> {
    const without = new Map(search.added);
    for (const object of all) {
      if (!inside.has(object) && !without.has(object)) {
        without.set(object, notYetTried);
      }
    }
    return await judge(search, await buildWithout(search, without));
  }
  for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
    if (search.trials >= search.maxTrials) {
      return given(search, exhausted(search, failed));
    }
    const inside = new Set([...kept, ...group.objects]);
    // All that stood beside it has passed: with it the set is the one that was refused before.
    const isKnown = inside.size === group.inside && search.added.size === group.added;
    const trial: Trial = isKnown ? group.refused : await tryWith(inside);
    if (!isRefused(trial)) {
      if (trial.judgement.kind === 'environment') {
        return given(search, trial.judgement.fault);
      }
      kept = inside;
      last = trial;
      continue;
    }
    const [first] = group.objects;
    const named = accusedIn(search, trial).find(({ object }) => inside.has(object));
    if (named !== undefined) {
      search.added.set(named.object, reasonFor(search, trial, named));
      if (kept.delete(named.object)) {
        last = null;
      }
      const objects = group.objects.filter((object) => object !== named.object);
      waiting.unshift({ ...group, objects });
    } else if (first === undefined) {
      return given(search, faultOf('object', complaintOf(search, trial)));
    } else if (group.objects.length === 1) {
      search.added.set(first, reasonOfQuarantine(first, complaintOf(search, trial)));
      // Most often it was the only one: all others together are worth a trial before they are halved.
      waiting = waiting.length === 0 ? [] : [{ ...group, objects: waiting.flatMap((one) => one.objects) }];
    } else {
      waiting.unshift(...halvesOf(group.objects, trial, inside.size, search.added.size));
    }
  }
  return concluded(search, last ?? (await tryWith(kept)));
}

function reasonFor(search: Search, trial: Trial<Refusal>, { object, message, line }: Accusation): Reason {
  return reasonOfQuarantine(object, { ...complaintOf(search, trial), message, accusing: line });
}

/** Who the independent messages of a refusal name, each object once. */
function accusedIn(search: Search, trial: Trial<Refusal>): Accusation[] {
  const { candidate, judgement } = trial;
  const accused = new Map<ObjectKey, Accusation>();
  for (const message of judgement.messages.slice(0, judgement.independent)) {
    const suspects =
      judgement.stage === 'lint' ? ownersOfLine(candidate, message) : suspectsIn(search, trial, message);
    const suspect = suspects.find(({ object }) => isFree(search, object));
    if (suspect !== undefined && !accused.has(suspect.object)) {
      accused.set(suspect.object, { ...suspect, message });
    }
  }
  return [...accused.values()];
}

function suspectsIn(search: Search, trial: Trial<Refusal>, message: NginxMessage): Suspect[] {
  const { configPath } = trial.judgement;
  return suspectsOf({ candidate: trial.candidate, configPath, stateDir: search.stateDir }, message);
}

function ownersOfLine(candidate: Candidate, message: NginxMessage): Suspect[] {
  return originsOfLine(candidate.sourceMap, message.line ?? 0).map((object) => ({
    object,
    sure: true,
    line: message.line,
  }));
}

function isFree(search: Search, object: ObjectKey): boolean {
  return !search.added.has(object) && !search.quarantine.has(object) && !search.powerless.has(object);
}

function isRefused(trial: Trial): trial is Trial<Refusal> {
  return trial.judgement.kind === 'refused';
}

function sameWords(before: Trial<Refusal>, after: Trial<Refusal>): boolean {
  return before.judgement.messages[0]?.text === after.judgement.messages[0]?.text;
}

async function buildWithout(search: Search, without: Quarantine): Promise<Candidate> {
  return await search.build(new Map([...search.quarantine, ...without]));
}

async function judge(search: Search, candidate: Candidate): Promise<Trial> {
  search.trials += 1;
  return { candidate, judgement: await search.judge(candidate) };
}

function complaintOf(search: Search, trial: Trial<Refusal>): Complaint {
  const { stage, messages, configPath } = trial.judgement;
  const text = trial.candidate.text;
  return { stage, message: messages[0], text, configPath, stateDir: search.stateDir };
}

function concluded(search: Search, trial: Trial): BlameResult {
  if (isRefused(trial)) {
    return given(search, faultOf('object', complaintOf(search, trial)));
  }
  return trial.judgement.kind === 'environment'
    ? given(search, trial.judgement.fault)
    : { candidate: trial.candidate, added: search.added, fault: null };
}

function given(search: Search, fault: Fault): BlameResult {
  return { candidate: null, added: search.added, fault };
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

const notYetTried: Reason = { field: '', message: 'left out while the object at fault is searched for' };

function halvesOf(
  objects: readonly ObjectKey[],
  refused: Trial<Refusal>,
  inside: number,
  added: number,
): Group[] {
  const middle = Math.ceil(objects.length / 2);
  return [objects.slice(0, middle), objects.slice(middle)]
    .filter((half) => half.length > 0)
    .map((half) => ({ objects: half, refused, inside, added }));
}
