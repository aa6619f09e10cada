import { reasonOf } from '../errors.ts';
import type { SourceMap } from '../model/candidate.ts';
import { objectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';
import type { ApplyResult } from '../nginx/apply-result.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { FailedConfig, GenerationInfo, Stage } from '../observe/view.ts';
import { Generations } from './generations.ts';
import { describeReasons, reloadReason, type Occasion } from './pass-reason.ts';
import { verdictsUnserved, type Unserved } from './unserved.ts';
import { VerdictLog } from './verdict-log.ts';

/** What is known of a pass from its beginning, and how long its stages took so far. */
export interface PassInfo {
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly occasions: ReadonlySet<Occasion>;
  readonly changed: readonly ObjectRef[];
  /** Seconds. */
  readonly seconds: Partial<Record<Stage, number>>;
}

/** The first pass changes everything; nobody reads 10,000 names. */
const mostNames = 100;

/** Keeps what came of each pass, and tells it: to the log, to the metrics, to the debug endpoint. */
export class History {
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #verdictLog: VerdictLog;
  readonly #generations = new Generations();
  #verdicts: readonly Verdict[] = [];
  /** Those of what is served. */
  #served: readonly Verdict[] = [];
  #failed: FailedConfig | null = null;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#verdictLog = new VerdictLog(logger);
  }

  /** The number of the next pass. */
  next(): number {
    return this.#generations.next();
  }

  /** Keeps the text that was refused, also where the rest went live. */
  tellFailure(pass: PassInfo, { failedText, fault, generation, added }: ApplyResult): void {
    if (failedText !== null && fault !== null) {
      const { stage, message } = fault;
      this.#failed = {
        generation,
        text: failedText.text,
        line: failedText.line,
        message,
        at: pass.at,
        stage: stage === 'build' ? 'render' : stage,
        objects: added,
      };
    }
  }

  /** The pass brought nothing to nginx: a fault of the machine or of the skeleton. */
  notApplied(pass: PassInfo, result: ApplyResult): void {
    this.#record(pass, result, 'failed');
    this.#metrics.reload(reloadReason(pass.occasions, pass.changed), 'failure');
    this.#metrics.attempt('failure');
    this.#logger.error('The configuration could not be applied; what is served stays', {
      ...fieldsOf(pass, result),
      fault: result.fault,
    });
  }

  /** A worker that was stopped, a template that fails: nothing was changed, and traffic goes on. */
  broken(pass: PassInfo, error: unknown): void {
    this.#generations.record(infoOf(pass, 'failed', { message: reasonOf(error) }), null);
    this.#metrics.attempt('failure');
    this.#logger.error('A pass failed; what is served stays', { error, generation: pass.number });
  }

  /** nginx verifiably serves the result. `verdicts` are those of the build that went live. */
  applied(pass: PassInfo, result: ApplyResult, verdicts: readonly Verdict[] | null): void {
    const isNew = result.outcome === 'applied';
    // Also where nginx already served this text when the gateway started.
    if (isNew || this.live() === null) {
      this.#record(pass, result, 'live');
      this.#metrics.live({ number: pass.number, generation: result.generation, at: pass.at });
    }
    if (isNew) {
      this.#metrics.reload(reloadReason(pass.occasions, pass.changed), 'success');
      const quarantined = [...result.quarantined.keys()];
      this.#logger.info('A generation is live', { ...fieldsOf(pass, result), quarantined });
    }
    this.#metrics.attempt('success');
    this.told(verdicts, result.quarantined.size);
  }

  /** What is served is as before, and there is more to say of it: a trial has found out who is at fault. */
  told(verdicts: readonly Verdict[] | null, quarantined: number): void {
    if (verdicts !== null) {
      this.#served = verdicts;
      this.#tell(verdicts);
    }
    this.#metrics.quarantined(quarantined);
  }

  /** A pass has failed: what is known of each object all the same. */
  unserved(parts: Omit<Unserved, 'before'>): readonly Verdict[] {
    const verdicts = verdictsUnserved({ ...parts, before: this.#served });
    this.#tell(verdicts);
    this.#metrics.quarantined(parts.quarantined.size);
    return verdicts;
  }

  /** The verdicts on what is served. */
  served(): readonly Verdict[] {
    return this.#served;
  }

  /** Somebody who is kept out was tried, and is refused again. */
  refusedAgain(result: ApplyResult, group: readonly ObjectKey[]): void {
    this.#logger.info('Objects that are kept out were tried and stay out', {
      objects: group.slice(0, mostNames),
      atFault: result.added,
      reason: result.fault?.message,
    });
  }

  live(): { number: number; generation: string } | null {
    return this.#generations.live();
  }

  generations(): readonly GenerationInfo[] {
    return this.#generations.list();
  }

  configText(number?: number): string | null {
    return this.#generations.text(number);
  }

  sourceMap(number?: number): SourceMap | null {
    return this.#generations.sourceMap(number);
  }

  failed(): FailedConfig | null {
    return this.#failed;
  }

  verdicts(): readonly Verdict[] {
    return this.#verdicts;
  }

  #tell(verdicts: readonly Verdict[]): void {
    this.#verdicts = verdicts;
    this.#metrics.verdicts(verdicts);
    this.#verdictLog.report(verdicts);
  }

  #record(pass: PassInfo, result: ApplyResult, outcome: GenerationInfo['outcome']): void {
    const info = infoOf(pass, outcome, {
      generation: result.generation,
      message: result.fault?.message ?? null,
      quarantined: [...result.quarantined.keys()],
    });
    this.#generations.record(info, result.candidate);
  }
}

function infoOf(
  pass: PassInfo,
  outcome: GenerationInfo['outcome'],
  more: Partial<Pick<GenerationInfo, 'generation' | 'message' | 'quarantined'>>,
): GenerationInfo {
  return {
    number: pass.number,
    generation: '',
    at: pass.at,
    reasons: describeReasons(pass.occasions, pass.changed),
    seconds: roundAll(pass.seconds),
    outcome,
    message: null,
    objectsChanged: pass.changed.slice(0, mostNames).map(objectKey),
    quarantined: [],
    textKept: true,
    ...more,
  };
}

function fieldsOf(pass: PassInfo, result: ApplyResult): Readonly<Record<string, unknown>> {
  return {
    generation: pass.number,
    hash: result.generation,
    reasons: describeReasons(pass.occasions, pass.changed),
    tests: result.tests,
    seconds: roundAll(pass.seconds),
  };
}

function roundAll(seconds: Partial<Record<Stage, number>>): Partial<Record<Stage, number>> {
  return Object.fromEntries(
    Object.entries(seconds).map(([stage, value]) => [stage, Math.round(value * 10_000) / 10_000]),
  );
}
