import type { Store } from '../cluster/store.ts';
import { isGatewayError } from '../errors.ts';
import type { GoodForms } from '../extensions/good-forms.ts';
import type { Chosen, Ledger } from '../extensions/ledger.ts';
import { driftsOf } from '../extensions/report.ts';
import { readTemplateConfigMap } from '../extensions/template-sources.ts';
import type { Trouble, Unit } from '../extensions/unit.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import type { Logger } from '../observe/log.ts';
import type { TemplateSource } from '../render/template-check.ts';
import { blameError, settleExtensions, type TrialBench } from './extension-trials.ts';
import { findOutgrown, isOfNobody } from './outgrown.ts';

export interface OperatorExtensionsOptions {
  readonly ledger: Ledger;
  /** Where the good forms are kept over restarts. */
  readonly goodForms: GoodForms;
  /** Without what the operator adds. */
  readonly builtinTemplates: readonly TemplateSource[];
  /** `namespace/name` of the ConfigMap with templates, or empty. */
  readonly templateConfigMap: string;
  readonly logger: Logger;
}

/** An object that a plugin does not get along with. */
export interface KeptOut {
  readonly object: ObjectKey;
  readonly reason: Reason;
}

/** A busy machine may miss a deadline once through nobody's fault. */
const failuresBeforeBlame = 2;

/** What the controller does with templates and plugins of the operator: has them tried, falls back, and tells it. */
export class OperatorExtensions {
  readonly #options: OperatorExtensionsOptions;
  /** Builds in a row that failed with everything proved. */
  #failures = 0;

  constructor(options: OperatorExtensionsOptions) {
    this.#options = options;
  }

  get ledger(): Ledger {
    return this.#options.ledger;
  }

  /** The templates of a ConfigMap come with the objects, whatever their source. */
  readTemplates(store: Store): void {
    const { ledger, templateConfigMap } = this.#options;
    const [namespace = '', name = ''] = templateConfigMap.split('/');
    if (name !== '') {
      const ref: ObjectRef = { kind: 'ConfigMap', namespace, name };
      const object = store.get(ref);
      const data = object?.kind === 'ConfigMap' ? object.data : null;
      ledger.offer('template ConfigMap', readTemplateConfigMap(objectKey(ref), data));
    }
  }

  /** What the pass is made with: what is new has been tried before. */
  async settle(bench: Omit<TrialBench, 'onRefused'>): Promise<Chosen> {
    return await settleExtensions(this.#options.ledger, {
      ...bench,
      onRefused: (unit, trouble) => this.#tellRefused(unit, trouble),
    });
  }

  /**
   * Finds out whose fault it is that a build failed, takes that form out of use, and returns the object to keep out
   * where it is a single one that a plugin fails for. `builds` tells whether a build succeeds with this choice.
   */
  async blame(
    error: unknown,
    chosen: Chosen,
    builds: (part: Chosen) => Promise<boolean>,
  ): Promise<KeptOut | null> {
    const named = isGatewayError(error, 'CNG_PLUGIN_BROKEN') ? error.fields['object'] : '';
    const object = typeof named === 'string' ? named : '';
    const blamed = blameError(error, chosen);
    if (blamed !== null && object !== '' && !chosen.onTrial.includes(blamed.unit)) {
      // It has served others well: it is this object that it does not get along with.
      const message = `plugin ${blamed.unit.plugin?.name}: ${blamed.trouble.message}; until it is corrected the routes answer 503`;
      return { object, reason: { field: 'metadata.annotations', message } };
    }
    if (blamed !== null) {
      this.#refuse(blamed.unit, blamed.trouble);
    } else if (chosen.units.length > 0 && isOfNobody(error)) {
      this.#failures += 1;
      if (this.#failures >= failuresBeforeBlame) {
        const outgrown = await findOutgrown(error, chosen, builds);
        if (outgrown !== null) {
          this.#refuse(outgrown.unit, outgrown.trouble);
        }
        this.#failures = 0;
      }
    }
    return null;
  }

  /** nginx took it and did not answer as it should: the private server may be what a new form has replaced. */
  refuseUnverified(chosen: Chosen, message: string): void {
    const { ledger } = this.#options;
    for (const unit of chosen.onTrial.filter((each) => !ledger.isGood(each))) {
      this.#refuse(unit, { file: unit.from, line: null, message });
    }
  }

  /** nginx verifiably serves what was built with these. */
  async accept(chosen: Chosen): Promise<void> {
    const { ledger, goodForms, builtinTemplates, logger } = this.#options;
    this.#failures = 0;
    ledger.accept(chosen.units);
    for (const { from } of driftsOf(builtinTemplates, chosen.onTrial)) {
      logger.warn('A template was made for another built-in one: compare them', {
        template: from,
        page: '/debug/template',
      });
    }
    try {
      await goodForms.write(ledger.goodForms());
    } catch (error) {
      logger.warn('The good forms of templates and plugins could not be kept for a restart', { error });
    }
  }

  #refuse(unit: Unit, trouble: Trouble): void {
    this.#tellRefused(unit, this.#options.ledger.refuse(unit, trouble));
  }

  #tellRefused(unit: Unit, trouble: Trouble): void {
    const { logger, ledger } = this.#options;
    const kept = ledger.hasPrevious(unit);
    logger.error('What an operator added is refused', {
      extension: unit.id,
      file: trouble.file,
      line: trouble.line,
      reason: trouble.message,
      inForce: kept ? 'its last good form' : 'what is built in, without it',
    });
  }
}
