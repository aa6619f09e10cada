import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from './cluster/store.ts';
import { blameError, settleExtensions, type TrialBench } from './controller/extension-trials.ts';
import { withTemplateVerdict } from './controller/template-verdict.ts';
import { isGatewayError } from './errors.ts';
import type { Chosen, Ledger } from './extensions/ledger.ts';
import { driftsOf } from './extensions/report.ts';
import { readTemplateConfigMap } from './extensions/template-sources.ts';
import type { Trouble, Unit } from './extensions/unit.ts';
import { refOf } from './cluster/store.ts';
import { deltaToWire } from './cluster/wire.ts';
import { History, type PassInfo } from './controller/history.ts';
import { writeMarker } from './controller/marker.ts';
import type { Occasion } from './controller/pass-reason.ts';
import { QuarantineList } from './controller/quarantine.ts';
import { nextPassAt } from './controller/schedule.ts';
import { reasonOf } from './errors.ts';
import type { Candidate } from './model/candidate.ts';
import { objectKey, type ObjectRef } from './model/object-ref.ts';
import type { Verdict } from './model/verdict.ts';
import type { Applier } from './nginx/apply.ts';
import type { ApplyResult, Quarantine } from './nginx/apply-result.ts';
import type { Logger } from './observe/log.ts';
import type { Metrics } from './observe/metrics.ts';
import type { TemplateSource } from './render/template-check.ts';
import type { Liveness, Readiness, Stage } from './observe/view.ts';
import type { RenderWorker } from './worker/client.ts';
import type { LintMemory } from './worker/linted.ts';
import type { BuildAnswer, BuildRequest } from './worker/protocol.ts';

export interface ControllerOptions {
  readonly store: Store;
  readonly worker: RenderWorker;
  readonly applier: Applier;
  /** What the worker's lint found, for the applier. */
  readonly lints: LintMemory;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** What the operator adds. */
  readonly extensions: Ledger;
  /** Without what the operator adds. */
  readonly builtinTemplates: readonly TemplateSource[];
  /** `namespace/name` of the ConfigMap with templates, or empty. */
  readonly templateConfigMap: string;
  /** Where the marker of a complete generation is kept. */
  readonly stateDir: string;
  /** Told of all verdicts after each pass that succeeded; must return at once. */
  readonly onVerdicts?: (verdicts: readonly Verdict[]) => void;
}

/** How often nginx is asked whether it still serves the live generation. */
const heartbeatMs = 2000;
/** A reload or a restart may cost one or two; after this many there is nothing behind the port. */
const mostMissedBeats = 4;
/** No stage takes this long; a loop that says nothing for it, with work pending, is stuck. */
const stuckAfterMs = 300_000;
const dayMs = 86_400_000;

/** One pass while it runs. */
interface Pass extends PassInfo {
  readonly began: number;
  readonly answers: WeakMap<Candidate, BuildAnswer>;
  /** What the operator has added, as this pass takes it. */
  chosen: Chosen;
}

/**
 * The loop that joins the rooms. It is level-triggered: an event only marks the world dirty; a pass then takes
 * whatever is there, builds it, and has it applied. One pass runs at a time, and the newest state wins.
 */
export class Controller {
  readonly #options: ControllerOptions;
  /** What has been brought to nginx, for the endpoints. */
  readonly history: History;
  readonly #quarantine = new QuarantineList();
  #occasions = new Set<Occasion>();
  #sentVersion = 0;
  #changes: { firstAt: number; lastAt: number } | null = null;
  #occasionAt: number | null = null;
  #lastEndedAt: number | null = null;
  #lastTookMs = 0;
  #failuresInARow = 0;
  #progressAt = 0;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #day = dayOf(Date.now());
  #verifiedOnce = false;
  /** Why the last pass failed; null when it did not. */
  #lastFault: string | null = null;
  #marked: string | null = null;
  /** Heartbeats in a row that nobody answered. */
  #missedBeats = 0;
  #stopping = false;
  #stopped = new AbortController();
  #forgetStore: () => void = () => undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.history = new History(options);
  }

  /** Begins with a pass over what the store holds: call it when every source has been read completely once. */
  start(): void {
    this.#forgetStore = this.#options.store.onDirty(() => this.#changed());
    this.#touch('start');
    void this.#watchNginx();
  }

  /** nginx serves what an earlier gateway of this pod verified, built from a complete listing: ready at once. */
  adopt(): void {
    this.#verifiedOnce = true;
  }

  /** From now on not ready; endpoints are still followed. */
  drain(): void {
    this.#stopping = true;
  }

  /** Ends the loop when the pass under way has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopped.abort();
    this.#forgetStore();
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    await this.#running;
  }

  /** Told by the applier: something is going on. Builds and their lint are timed in the worker. */
  progress(stage: Stage | 'build', seconds: number, result: 'success' | 'failure'): void {
    this.#progressAt = performance.now();
    if (stage !== 'build' && stage !== 'lint') {
      this.#options.metrics.observeStage(stage, seconds, result);
    }
  }

  /** Something that the operator adds has changed. */
  extensionsChanged(): void {
    this.#occasions.add('extensions');
    this.#changed();
  }

  /** The world is not what it was. */
  #changed(): void {
    const now = performance.now();
    this.#changes = { firstAt: this.#changes?.firstAt ?? now, lastAt: now };
    this.#await();
  }

  /** A pass is due although nothing has changed. */
  #touch(occasion: Occasion): void {
    this.#occasions.add(occasion);
    this.#occasionAt ??= performance.now();
    this.#await();
  }

  /** Since when something waits for a pass; null when nothing does. */
  #pendingSince(): number | null {
    const since = Math.min(this.#changes?.firstAt ?? Infinity, this.#occasionAt ?? Infinity);
    return since === Infinity ? null : since;
  }

  #await(): void {
    this.#options.metrics.changePending(this.#pendingSince());
    this.#arm();
  }

  /** Sets the timer for what comes next: a pass, or another try of quarantined objects. */
  #arm(): void {
    if (this.#running !== null || this.#stopped.signal.aborted) {
      return;
    }
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    const now = performance.now();
    if (this.#pendingSince() === null) {
      const due = this.#quarantine.nextDueAt();
      this.#timer = due === null ? null : setTimeout(() => this.#touch('retry'), Math.max(due - now, 0));
      return;
    }
    const at = nextPassAt({
      changes: this.#changes,
      occasionAt: this.#occasionAt,
      lastEndedAt: this.#lastEndedAt,
      lastTookMs: this.#lastTookMs,
      failuresInARow: this.#failuresInARow,
    });
    this.#timer = setTimeout(
      () => {
        this.#running = this.#pass().finally(() => {
          this.#running = null;
          this.#arm();
        });
      },
      Math.max(at - now, 0),
    );
  }

  async #pass(): Promise<void> {
    const { store, worker, applier } = this.#options;
    const delta = store.changesSince(this.#sentVersion);
    const changed = [...delta.set.map(refOf), ...delta.deleted];
    const pass = this.#begin(changed);
    try {
      await worker.update(deltaToWire(delta));
      this.#sentVersion = delta.version;
      this.#quarantine.releaseChanged(changed);
      this.#quarantine.releaseDue(performance.now());
      this.#readTemplates();
      pass.chosen = await settleExtensions(this.#options.extensions, this.#bench(pass));
      const result = await applier.apply(
        (without) => this.#build(pass, without, pass.chosen),
        this.#quarantine.current(),
      );
      await this.#finish(pass, result);
    } catch (error) {
      // A worker that was stopped, a template that fails: nothing was changed, and traffic goes on.
      this.#failuresInARow += 1;
      this.#lastFault = reasonOf(error);
      this.#blame(pass.chosen, error);
      this.history.broken(pass, error);
    }
    this.#lastEndedAt = performance.now();
    this.#lastTookMs = this.#lastEndedAt - pass.began;
    if (this.#failuresInARow > 0) {
      this.#touch('retry');
    }
  }

  #begin(changed: readonly ObjectRef[]): Pass {
    const began = performance.now();
    this.#progressAt = began;
    const occasions = this.#occasions;
    this.#occasions = new Set();
    this.#changes = null;
    this.#occasionAt = null;
    return {
      number: this.history.next(),
      at: Date.now(),
      began,
      occasions,
      changed,
      seconds: {},
      answers: new WeakMap(),
      chosen: this.#options.extensions.choose(),
    };
  }

  /** The templates of a ConfigMap come with the objects, whatever their source. */
  #readTemplates(): void {
    const { store, extensions, templateConfigMap } = this.#options;
    const [namespace = '', name = ''] = templateConfigMap.split('/');
    if (name !== '') {
      const ref: ObjectRef = { kind: 'ConfigMap', namespace, name };
      const object = store.get(ref);
      const data = object?.kind === 'ConfigMap' ? object.data : null;
      extensions.offer('template ConfigMap', readTemplateConfigMap(objectKey(ref), data));
    }
  }

  #bench(pass: Pass): TrialBench {
    const { applier, worker } = this.#options;
    return {
      check: async (chosen) =>
        await applier.check((without) => this.#build(pass, without, chosen), this.#quarantine.current()),
      answerOf: (candidate) => pass.answers.get(candidate) ?? null,
      locate: async (chosen, line) =>
        await worker.locate(this.#request(this.#quarantine.current(), chosen), line),
      onRefused: (unit, trouble) => this.#tellRefused(unit, trouble),
    };
  }

  #tellRefused(unit: Unit, trouble: Trouble): void {
    const { logger, extensions } = this.#options;
    const kept = extensions.status().find((status) => status.unit.id === unit.id)?.inForce;
    logger.error('What an operator added is refused', {
      extension: unit.id,
      file: trouble.file,
      line: trouble.line,
      reason: trouble.message,
      inForce: kept === 'previous' ? 'its last good form' : 'what is built in, without it',
    });
  }

  /** A form that was good fails with new objects: without it the next pass may go well. */
  #blame(chosen: Chosen, error: unknown): void {
    const named = isGatewayError(error, 'CNG_PLUGIN_BROKEN') ? error.fields['object'] : '';
    const object = typeof named === 'string' ? named : '';
    const blamed = blameError(error, chosen);
    if (blamed !== null && object !== '' && !chosen.onTrial.includes(blamed.unit)) {
      // It has served others well: it is this object that it does not get along with.
      const message = `plugin ${blamed.unit.plugin?.name}: ${blamed.trouble.message}; until it is corrected the routes answer 503`;
      this.#quarantine.add(object, { field: 'metadata.annotations', message }, performance.now());
    } else if (blamed !== null) {
      this.#options.extensions.refuse(blamed.unit, blamed.trouble);
      this.#tellRefused(blamed.unit, blamed.trouble);
    }
  }

  #request(without: Quarantine | 'skeleton', chosen: Chosen): BuildRequest {
    const skeleton = without === 'skeleton';
    return {
      of: skeleton ? 'skeleton' : 'cluster',
      quarantine: skeleton ? [] : [...without],
      extensions: {
        units: chosen.units,
        missing: chosen.missing.flatMap(({ unit: { plugin }, trouble }) =>
          plugin === null ? [] : [{ plugin: plugin.name, reason: trouble.message }],
        ),
      },
      now: this.#day * dayMs,
    };
  }

  async #build(pass: Pass, without: Quarantine | 'skeleton', chosen: Chosen): Promise<Candidate> {
    const answer = await this.#options.worker.build(this.#request(without, chosen));
    for (const stage of ['translate', 'render', 'lint'] as const) {
      pass.seconds[stage] = (pass.seconds[stage] ?? 0) + answer.took[stage];
      this.#options.metrics.observeStage(stage, answer.took[stage], 'success');
    }
    this.#options.lints.remember(answer.candidate, answer.violations);
    pass.answers.set(answer.candidate, answer);
    return answer.candidate;
  }

  async #finish(pass: Pass, result: ApplyResult): Promise<void> {
    this.#quarantine.replace(result.quarantined, performance.now());
    const { reload, verify, stage, test, swap } = result.seconds;
    Object.assign(pass.seconds, { reload, verify, stage, test, swap });
    const { history } = this;
    history.tellFailure(pass, result);
    const { extensions } = this.#options;
    if (result.outcome === 'failed' && result.fault?.stage === 'verify') {
      // nginx took it and did not answer as it should: the private server may be what was replaced.
      for (const unit of pass.chosen.onTrial) {
        const trouble = { file: unit.from, line: null, message: result.fault.message };
        extensions.refuse(unit, trouble);
        this.#tellRefused(unit, trouble);
      }
    }
    if (result.outcome === 'failed') {
      this.#failuresInARow += 1;
      this.#lastFault = result.fault?.message ?? null;
      history.notApplied(pass, result);
      return;
    }
    this.#failuresInARow = 0;
    this.#missedBeats = 0;
    this.#lastFault = null;
    await this.#options.worker.verified();
    extensions.accept(pass.chosen.units);
    for (const { from } of driftsOf(this.#options.builtinTemplates, pass.chosen.onTrial)) {
      this.#options.logger.warn('A template was made for another built-in one: compare them', {
        template: from,
        page: '/debug/template',
      });
    }
    await this.#mark(result.generation);
    const verdicts = withTemplateVerdict(pass.answers.get(result.candidate)?.verdicts ?? null, extensions);
    history.applied(pass, result, verdicts);
    if (verdicts !== null) {
      this.#options.onVerdicts?.(verdicts);
    }
    // Not before: whoever waits for it then finds the verdicts, too.
    this.#verifiedOnce = true;
    if (this.#pendingSince() === null) {
      this.#options.metrics.changePending(null);
    }
  }

  async #mark(generation: string): Promise<void> {
    if (this.#marked !== generation) {
      try {
        await writeMarker(this.#options.stateDir, generation);
        this.#marked = generation;
      } catch (error) {
        this.#options.logger.warn('The marker of a complete generation could not be written', { error });
      }
    }
  }

  /** nginx may end or be replaced without a change in the cluster, and certificates expire without one. */
  async #watchNginx(): Promise<void> {
    const { applier, logger } = this.#options;
    while (!this.#stopped.signal.aborted) {
      await sleep(heartbeatMs, undefined, { signal: this.#stopped.signal, ref: false }).catch(
        () => undefined,
      );
      if (dayOf(Date.now()) !== this.#day) {
        this.#day = dayOf(Date.now());
        this.#touch('day');
      }
      if (this.#running !== null || this.#stopping || !this.#verifiedOnce) {
        continue;
      }
      const live = this.history.live();
      const answering = await applier.liveGeneration();
      this.#missedBeats = answering === null ? this.#missedBeats + 1 : 0;
      if (this.#running === null && live !== null && answering !== live.generation && !this.#stopping) {
        logger.warn('nginx does not answer with the live generation', { live: live.generation, answering });
        this.#touch('nginx-gone');
      }
    }
  }

  readiness(): Readiness {
    if (this.#stopping) {
      return { ready: false, reason: 'shutting down' };
    }
    if (this.#missedBeats >= mostMissedBeats) {
      return { ready: false, reason: 'nginx does not answer' };
    }
    if (this.#verifiedOnce) {
      return { ready: true, reason: null };
    }
    const why = this.#lastFault === null ? '' : `: ${this.#lastFault}`;
    return { ready: false, reason: `no generation has been verified yet${why}` };
  }

  liveness(): Liveness {
    const busy = this.#running !== null || this.#pendingSince() !== null;
    const silentMs = performance.now() - this.#progressAt;
    return busy && this.#progressAt > 0 && silentMs > stuckAfterMs
      ? {
          healthy: false,
          reason: `the loop has work and has made no progress for ${Math.round(silentMs / 1000)} s`,
        }
      : { healthy: true, reason: null };
  }
}

function dayOf(milliseconds: number): number {
  return Math.floor(milliseconds / dayMs);
}
