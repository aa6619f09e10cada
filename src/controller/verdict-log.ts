import { objectKey, type ObjectKey } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Logger } from '../observe/log.ts';

/** States about which there is something to do. */
const worrying = ['quarantined', 'rejected', 'conflict', 'served-with-difference'];

/** Says each verdict once: when it becomes different, and at the start only where there is something to do. */
export class VerdictLog {
  readonly #logger: Logger;
  #said: Map<ObjectKey, string> | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Logs what is different from the last call. */
  report(verdicts: readonly Verdict[]): void {
    const now = new Map<ObjectKey, string>();
    for (const verdict of verdicts) {
      const key = objectKey(verdict);
      const text = JSON.stringify([verdict.state, verdict.reasons]);
      now.set(key, text);
      if (this.#said?.get(key) !== text) {
        this.#say(key, verdict, this.#said === null);
      }
    }
    this.#said = now;
  }

  #say(key: ObjectKey, verdict: Verdict, first: boolean): void {
    const fields = { object: key, state: verdict.state, reasons: verdict.reasons };
    if (worrying.includes(verdict.state)) {
      this.#logger.warn('An object is not served as written', fields);
    } else if (!first && verdict.kind === 'Ingress') {
      this.#logger.info('The verdict on an object changed', fields);
    } else {
      this.#logger.debug('The verdict on an object changed', fields);
    }
  }
}
