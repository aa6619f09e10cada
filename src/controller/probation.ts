import { refOf, type Delta, type Store } from '../cluster/store.ts';
import { objectKey, parseObjectKey, type ObjectKey } from '../model/object-ref.ts';
import { waitingForTrial } from '../nginx/blame-search.ts';
import type { ApplyResult, Quarantine } from '../nginx/apply-result.ts';
import type { RenderWorker } from '../worker/client.ts';
import type { BuildAnswer } from '../worker/protocol.ts';
import type { History } from './history.ts';
import { Mentions } from './mentions.ts';
import { QuarantineList } from './quarantine.ts';

export interface ProbationOptions {
  readonly store: Store;
  readonly worker: RenderWorker;
  readonly history: History;
}

/** What the controller does in the trials of a pass. */
export interface TrialHooks {
  /** Whether there is time for another trial: nothing else is due. */
  readonly hasTime: () => boolean;
  /** Tries a group, and takes over what comes of it where that is served. */
  readonly tryGroup: (group: readonly ObjectKey[], keptOut: Quarantine) => Promise<ApplyResult>;
  /** A trial could not be made. */
  readonly onError: (error: unknown) => Promise<void>;
  /** What is served is the same, and something else is known of some who are not. */
  readonly tell: () => Promise<void>;
}

/** Lets those who are kept out in again, beside what is served. */
export class Probation {
  readonly list = new QuarantineList();
  readonly #options: ProbationOptions;
  readonly #mentions = new Mentions();
  #isRecalled = false;

  constructor(options: ProbationOptions) {
    this.#options = options;
  }

  /**
   * Looks whom a change may have mended; they are tried when everybody else has been served. So is what is new of a
   * namespace with many culprits. `isAll`: something has changed that every object is built with.
   */
  async take({ set, deleted }: Delta, isAll: boolean): Promise<void> {
    const { worker, store, history } = this.#options;
    const { list } = this;
    const now = performance.now();
    if (!this.#isRecalled) {
      list.recall(await worker.keptOut(), now);
      this.#isRecalled = true;
    }
    list.forget(deleted);
    if (isAll) {
      list.releaseAll(now);
    }
    const changed = set.map(refOf);
    list.releaseChanged(
      [...changed, ...deleted],
      (key, other) => {
        const ref = parseObjectKey(key);
        const object = ref === null ? null : store.get(ref);
        return object !== null && this.#mentions.has(object, other);
      },
      now,
    );
    const served = new Set(history.served().map(objectKey));
    const fresh = changed.filter((ref) => ref.kind === 'Ingress' && !served.has(objectKey(ref)));
    for (const key of served.size === 0 ? [] : list.distrusted(fresh)) {
      list.add(key, waitingForTrial, now);
    }
  }

  /** Takes over what a pass over everything came to: who says again what is served is kept out no longer. */
  settle(result: ApplyResult, answer: BuildAnswer | undefined): ApplyResult {
    const mended = result.outcome === 'failed' ? [] : (answer?.mended ?? []);
    const quarantined = new Map([...result.quarantined].filter(([object]) => !mended.includes(object)));
    this.list.replace(quarantined, performance.now());
    return { ...result, quarantined };
  }

  /**
   * Lets in who is due, group by group, until a pass is due: a change waits for one test at most, whoever is tried.
   */
  async tryAll({ hasTime, tryGroup, onError, tell }: TrialHooks): Promise<void> {
    let isUntold = false;
    while (hasTime()) {
      const group = this.list.nextTrial(performance.now());
      if (group === null) {
        break;
      }
      try {
        const result = await tryGroup(group, this.list.current());
        this.list.tried(group, result, performance.now());
        isUntold = result.outcome === 'failed' && (isUntold || result.added.length > 0);
      } catch (error) {
        this.list.postpone(group, performance.now());
        await onError(error);
      }
    }
    try {
      if (isUntold) {
        await tell();
      }
    } catch (error) {
      await onError(error);
    }
  }
}
