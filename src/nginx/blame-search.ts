import { originsOfLine, type Candidate } from '../model/candidate.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import type { Build, Fault, KeptOut, Quarantine } from './apply-result.ts';
import { faultOf, reasonOfQuarantine, type Complaint } from './blame-reason.ts';
import type { NginxMessage } from './message.ts';
import { suspectsOf, type Suspect } from './suspects.ts';

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
  /** Whether nginx serves this already, so that it needs no test. */
  readonly isVerified: (candidate: Candidate) => boolean;
  /** `judge` is called at most about this often, so that a flood of culprits cannot hold up everything. */
  readonly maxTrials: number;
}

export interface BlameResult {
  /** A candidate that passed, or null; then `fault` says why there is none. */
  readonly candidate: Candidate | null;
  readonly added: ReadonlyMap<ObjectKey, KeptOut>;
  /** Whom `candidate` was built without although nothing is known against them. */
  readonly waiting?: ReadonlyMap<ObjectKey, KeptOut>;
  readonly fault: Fault | null;
}

export interface Trial<J extends Judgement = Judgement> {
  readonly candidate: Candidate;
  readonly judgement: J;
}

export interface Accusation extends Suspect {
  readonly message: NginxMessage;
}

export interface Search extends BlameOptions {
  /** What the failed candidate was built without. */
  readonly quarantine: Quarantine;
  readonly added: Map<ObjectKey, KeptOut>;
  /** Objects that change nothing in the text when they are left out. */
  readonly powerless: Set<ObjectKey>;
  /** Kept out for a word or name that others have too, which was no cure. */
  readonly doubtful: Set<ObjectKey>;
  trials: number;
  /** Counts what `added` was told. */
  convictions: number;
  isSkeletonGood: boolean;
}

export function convict(search: Search, object: ObjectKey, reason: KeptOut): void {
  search.added.set(object, reason);
  search.convictions += 1;
}

export function reasonFor(
  search: Search,
  trial: Trial<Refusal>,
  { object, message, line }: Accusation,
): KeptOut {
  const complaint = { ...complaintOf(search, trial), message, accusing: line };
  return asKnown(search, object, reasonOfQuarantine(object, complaint));
}

/** Who is accused although it is kept out is so for its last good form. */
export function asKnown(search: Search, object: ObjectKey, reason: Reason): KeptOut {
  return keptOut(search, object) === undefined ? reason : { ...reason, closed: true };
}

export function keptOut(search: Search, object: ObjectKey): KeptOut | undefined {
  return search.added.get(object) ?? search.quarantine.get(object);
}

/** Who the independent messages of a refusal name, each object once. */
export function accusedIn(search: Search, trial: Trial<Refusal>): Accusation[] {
  const { candidate, judgement } = trial;
  const accused = new Map<ObjectKey, Accusation>();
  for (const message of judgement.messages.slice(0, judgement.independent)) {
    const suspects =
      judgement.stage === 'lint' ? ownersOfLine(candidate, message) : suspectsIn(search, trial, message);
    const free = likeliestFirst(
      suspects.filter(({ object }) => isFree(search, object)),
      message,
      candidate.changed,
    );
    for (const [index, suspect] of free.entries()) {
      if ((index === 0 || suspect.exact === true) && !accused.has(suspect.object)) {
        accused.set(suspect.object, { ...suspect, message });
      }
    }
  }
  return [...accused.values()];
}

/** Who is named by more than a word comes first; of the others those last whom nginx has served as they are. */
function likeliestFirst(
  suspects: readonly Suspect[],
  message: NginxMessage,
  changed: ReadonlySet<ObjectKey> | undefined,
): Suspect[] {
  function rank(suspect: Suspect): number {
    const isNamed = isOfFile(suspect) || (suspect.sure && message.line !== null);
    if (isNamed) {
      return 0;
    }
    return changed === undefined || changed.has(suspect.object) ? 1 : 2;
  }
  return [...suspects].sort((one, other) => rank(one) - rank(other));
}

/** Whether a message names the file that an object is made into. */
export function isOfFile({ sure, line }: Suspect): boolean {
  return sure && line === null;
}

function suspectsIn(search: Search, trial: Trial<Refusal>, message: NginxMessage): Suspect[] {
  const { configPath } = trial.judgement;
  return suspectsOf({ candidate: trial.candidate, configPath, stateDir: search.stateDir }, message);
}

/** Whose line the lint refuses, innermost first. */
export function ownersOfLine(candidate: Candidate, message: NginxMessage): Suspect[] {
  return originsOfLine(candidate.sourceMap, message.line ?? 0).map((object) => ({
    object,
    sure: true,
    line: message.line,
  }));
}

export function isFree(search: Search, object: ObjectKey): boolean {
  return keptOut(search, object)?.closed !== true && !search.powerless.has(object);
}

export function isRefused(trial: Trial): trial is Trial<Refusal> {
  return trial.judgement.kind === 'refused';
}

export function sameWords(before: Trial<Refusal>, after: Trial<Refusal>): boolean {
  return before.judgement.messages[0]?.text === after.judgement.messages[0]?.text;
}

/** Remembers those who were kept out for a word alone, where nginx goes on to say the same. */
export function doubt(
  search: Search,
  accused: readonly Accusation[],
  before: Trial<Refusal>,
  after: Trial,
): void {
  if (isRefused(after) && sameWords(before, after)) {
    for (const { object, sure, line, message } of accused) {
      if (!sure || (message.line === null && line !== null)) {
        search.doubtful.add(object);
      }
    }
  }
}

/** Lets those back in who were no cure, if that passes: all of them, else one by one. */
export async function acquit(search: Search, good: Trial): Promise<Trial> {
  const doubtful = [...search.doubtful].filter((object) => search.added.has(object));
  let best = good;
  for (const group of doubtful.length > 1 ? [doubtful, ...doubtful.map((one) => [one])] : [doubtful]) {
    const isOpen = group.length > 0 && group.every((object) => search.added.has(object));
    if (!isOpen || search.trials >= search.maxTrials) {
      continue;
    }
    const without = new Map([...search.added].filter(([object]) => !group.includes(object)));
    const trial = await judge(search, await buildWithout(search, without));
    if (trial.judgement.kind === 'good') {
      best = trial;
      for (const object of group) {
        search.added.delete(object);
      }
    }
  }
  return best;
}

export async function buildWithout(search: Search, without: Quarantine): Promise<Candidate> {
  return await search.build(new Map([...search.quarantine, ...without]));
}

export async function judge(search: Search, candidate: Candidate): Promise<Trial> {
  if (search.isVerified(candidate)) {
    return { candidate, judgement: { kind: 'good' } };
  }
  search.trials += 1;
  return { candidate, judgement: await search.judge(candidate) };
}

export function complaintOf(search: Search, trial: Trial<Refusal>): Complaint {
  const { stage, messages, configPath } = trial.judgement;
  const text = trial.candidate.text;
  return { stage, message: messages[0], text, configPath, stateDir: search.stateDir };
}

export function concluded(search: Search, trial: Trial): BlameResult {
  if (isRefused(trial)) {
    return given(search, faultOf('object', complaintOf(search, trial)));
  }
  return trial.judgement.kind === 'environment'
    ? given(search, trial.judgement.fault)
    : { candidate: trial.candidate, added: search.added, fault: null };
}

/** No candidate. Who was kept out for a word alone, without effect, is not handed out as a culprit. */
export function given(search: Search, fault: Fault): BlameResult {
  const added = new Map([...search.added].filter(([object]) => !search.doubtful.has(object)));
  return { candidate: null, added, fault };
}

/** Why an object is kept out that nothing is known against. */
export const waitingForTrial: KeptOut = {
  field: 'spec',
  message:
    'has not been tried yet: it came together with others that nginx refuses, and is tried without them; nothing has to be done',
  waiting: true,
};

export const notYetTried: KeptOut = {
  field: '',
  message: 'left out while the object at fault is searched for',
  closed: true,
};
