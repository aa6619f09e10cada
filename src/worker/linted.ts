import type { Candidate } from '../model/candidate.ts';
import type { Violation } from '../nginx/lint.ts';

/**
 * The lint runs in the worker, with the build; the applier asks for it where it needs it. This remembers what the
 * worker found.
 */
export class LintMemory {
  readonly #found = new WeakMap<Candidate, readonly Violation[]>();

  remember(candidate: Candidate, violations: readonly Violation[]): void {
    this.#found.set(candidate, violations);
  }

  /** @throws TypeError for a candidate that no worker has linted: it must never reach nginx */
  of(candidate: Candidate): readonly Violation[] {
    const violations = this.#found.get(candidate);
    if (violations === undefined) {
      throw new TypeError('a candidate that has not been linted');
    }
    return violations;
  }
}
