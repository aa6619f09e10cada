import { objectKey } from '../../model/object-ref.ts';
import type { Verdict } from '../../model/verdict.ts';
import { isDnsSubdomain } from '../ingest-meta.ts';
import type { Store } from '../store.ts';
import type { Said, SaidByObject } from './event-memory.ts';
import type { EventQueue, Pending } from './event-queue.ts';
import { eventText, isWorry, stateOfPrint, verdictPrint } from './event-text.ts';
import { createPacer } from './timing.ts';

export interface EventChangesOptions {
  readonly store: Pick<Store, 'get'>;
  readonly queue: Pick<EventQueue, 'put' | 'remove' | 'keepOnly'>;
  /** Whether no gateway has ever run here; null while that is not known. */
  isFirstEver(): boolean | null;
  /** Whether another replica may have told what is seen now. */
  isDoubtful(): boolean;
  /** A change for which there was no room. */
  onOverflow(): void;
}

/**
 * Finds the changes that are worth telling. For an Ingress that is a new one, and each change of its verdict; for other
 * objects whatever is a reason to worry, and its end. What is seen first, after the start, is no change: the memory
 * says what had been told before. Without memory nothing of it is told, unless no gateway has run here before; then
 * only what is a reason to worry is.
 */
export interface EventChanges {
  /** What has been told about each object, or was settled without being told. */
  readonly said: SaidByObject;
  /** Counts changes of `said` from the first look on; 0 before it. */
  readonly revision: number;
  /** What an earlier process has told; null for no memory. Called once, before the first look. */
  remember(said: SaidByObject | null): void;
  /** Compares all verdicts with what was said, and puts what is to be told into the queue. */
  look(verdicts: readonly Verdict[]): Promise<void>;
  /** Whether what the first look has shown turns out to be news after all, so that another look is due. */
  isLookDue(): boolean;
  /** The change has been told, or never will be. */
  settle(pending: Pending): void;
}

export function createEventChanges(options: EventChangesOptions): EventChanges {
  const { store, queue } = options;
  /** By `Kind/namespace/name`. */
  const said = new Map<string, Said>();
  /** Reasons to worry that the first look showed, until it is known whether they are news; null after that. */
  let firstWorries: Set<string> | null = new Set();
  let hasMemory = false;
  let isFirstLook = true;
  let revision = 0;

  function settle(key: string, now: Said): void {
    queue.remove(key);
    said.set(key, now);
    revision += 1;
  }

  /** Whether a verdict that is seen first, without memory, is passed over. */
  function isPassedOver(key: string, verdict: Verdict): boolean {
    if (!isFirstLook || hasMemory) {
      return false;
    }
    if (isWorry(verdict.state)) {
      if (options.isFirstEver() === true) {
        return false;
      }
      firstWorries?.add(key);
    }
    return true;
  }

  function lookAt(key: string, verdict: Verdict): void {
    const { kind, namespace, name } = verdict;
    const meta = store.get({ kind, namespace, name })?.meta;
    const uid = meta?.uid ?? '';
    const print = verdictPrint(verdict);
    const before = said.get(key);
    // An object of the same name that was made anew is another one.
    const isSame = before !== undefined && (before.uid === '' || uid === '' || before.uid === uid);
    if (isSame && before.print === print) {
      queue.remove(key);
      return;
    }
    const isNews = isWorthTelling(verdict, isSame ? stateOfPrint(before.print) : null);
    if (!isNews || isPassedOver(key, verdict)) {
      settle(key, { uid, print });
      return;
    }
    const overflow = queue.put({
      key,
      print,
      subject: { ref: { kind, namespace, name }, uid, resourceVersion: meta?.resourceVersion ?? '' },
      text: eventText(verdict),
      isDoubtful: options.isDoubtful(),
    });
    if (overflow !== null) {
      settle(overflow.key, { uid: overflow.subject.uid, print: overflow.print });
      options.onOverflow();
    }
  }

  function forgetAllBut(seen: ReadonlySet<string>): void {
    for (const key of said.keys()) {
      if (!seen.has(key)) {
        said.delete(key);
        revision += 1;
      }
    }
    queue.keepOnly(seen);
  }

  return {
    said,
    get revision() {
      return isFirstLook ? 0 : revision;
    },
    remember(loaded) {
      hasMemory = loaded !== null;
      for (const [key, one] of loaded ?? []) {
        said.set(key, one);
      }
    },
    async look(verdicts) {
      const pacer = createPacer();
      const seen = new Set<string>();
      for (const verdict of verdicts) {
        // Names that no object can have stand for whole kinds and for what could not be read.
        if (isDnsSubdomain(verdict.name)) {
          const key = objectKey(verdict);
          seen.add(key);
          lookAt(key, verdict);
        }
        if (pacer.isDue()) {
          await pacer.rest();
        }
      }
      forgetAllBut(seen);
      isFirstLook = false;
    },
    isLookDue() {
      const isFirst = options.isFirstEver();
      if (isFirst === null || firstWorries === null || isFirstLook) {
        return false;
      }
      const worries = firstWorries;
      firstWorries = null;
      if (isFirst) {
        for (const key of worries) {
          said.delete(key);
        }
      }
      return isFirst && worries.size > 0;
    },
    settle: ({ key, subject, print }) => settle(key, { uid: subject.uid, print }),
  };
}

/** @param before the state that was told last; null for an object that is new */
function isWorthTelling(verdict: Verdict, before: string | null): boolean {
  if (verdict.kind !== 'Ingress') {
    return isWorry(verdict.state) || (before !== null && before !== 'served' && before !== 'ignored');
  }
  // Ingresses of other gateways are ignored, which is no news unless they were ours.
  return verdict.state !== 'ignored' || (before !== null && before !== 'ignored');
}
