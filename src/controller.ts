import { setTimeout as sleep } from 'node:timers/promises';
import type { EarlierCounts } from './cluster/kubernetes/disappearance.ts';
import { refOf, type Store } from './cluster/store.ts';
import { Agenda, type PassEnd } from './controller/agenda.ts';
import { Builder } from './controller/builder.ts';
import type { OperatorExtensions } from './controller/operator-extensions.ts';
import { withTemplateVerdict } from './controller/template-verdict.ts';
import type { Chosen } from './extensions/ledger.ts';
import { deltaToWire } from './cluster/wire.ts';
import { History, type PassInfo } from './controller/history.ts';
import { keepMarked } from './controller/marker.ts';
import type { Occasion } from './controller/pass-reason.ts';
import { Probation } from './controller/probation.ts';
import { UnservedChanges } from './controller/unserved.ts';
import { Vitals } from './controller/vitals.ts';
import { reasonOf } from './errors.ts';
import type { Candidate } from './model/candidate.ts';
import type { Kind, ObjectKey, ObjectRef } from './model/object-ref.ts';
import type { Verdict } from './model/verdict.ts';
import type { Applier } from './nginx/apply.ts';
import type { ApplyResult, Quarantine } from './nginx/apply-result.ts';
import type { Logger } from './observe/log.ts';
import type { Metrics } from './observe/metrics.ts';
import type { Liveness, Readiness, Stage } from './observe/view.ts';
import type { RenderWorker } from './worker/client.ts';
import type { LintMemory } from './worker/linted.ts';
import type { BuildAnswer } from './worker/protocol.ts';

export interface ControllerOptions {
  readonly store: Store;
  readonly worker: RenderWorker;
  readonly applier: Applier;
  /** What the worker's lint found, for the applier. */
  readonly lints: LintMemory;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** What the operator adds. */
  readonly extensions: OperatorExtensions;
  /** Where the marker of a complete generation is kept. */
  readonly stateDir: string;
  /** How many objects there are, kept beside the marker. */
  readonly counts: () => EarlierCounts;
  /** Told of all verdicts after each pass that succeeded; must return at once. */
  readonly onVerdicts?: (verdicts: readonly Verdict[]) => void;
}

/** How often nginx is asked whether it still serves the live generation. */
const heartbeatMs = 2000;
const dayMs = 86_400_000;
/** How long the first trials may keep a gateway from being ready that already serves everybody else. */
const longestTrialsMs = 60_000;
const trialOccasion: ReadonlySet<Occasion> = new Set(['retry']);

/** A late certificate or endpoint fails requests; a late route is only late. */
const urgentKinds: readonly Kind[] = ['Secret', 'EndpointSlice', 'Endpoints'];

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
  readonly #probation: Probation;
  readonly #builder: Builder;
  readonly #unserved = new UnservedChanges();
  /** Until when, after the first generation, a gateway waits for trials before it is ready. */
  #readyAt: number | null = null;
  readonly #vitals = new Vitals();
  readonly #agenda = new Agenda();
  #sentVersion = 0;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #day = dayOf(Date.now());
  #stopped = new AbortController();
  #forgetStore: () => void = () => undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.history = new History(options);
    this.#builder = new Builder(options, () => this.#day * dayMs);
    this.#probation = new Probation({ ...options, history: this.history });
  }

  /** Begins with a pass over what the store holds: call it when every source has been read completely once. */
  start(): void {
    this.#forgetStore = this.#options.store.onDirty((kinds) => this.#changed(kinds));
    this.#touch('start');
    void this.#watchNginx();
  }

  /** nginx serves what an earlier gateway of this pod verified, built from a complete listing: ready at once. */
  adopt(): void {
    this.#vitals.verifiedOnce = true;
  }

  /** From now on not ready; endpoints are still followed. */
  drain(): void {
    this.#vitals.stopping = true;
  }

  /** Ends the loop when the pass under way has ended. */
  async stop(): Promise<void> {
    this.#vitals.stopping = true;
    this.#stopped.abort();
    this.#forgetStore();
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    await this.#running;
  }

  /** Told by the applier: something is going on. Builds and their lint are timed in the worker. */
  progress(stage: Stage | 'build', seconds: number, result: 'success' | 'failure'): void {
    this.#vitals.progress();
    if (stage !== 'build' && stage !== 'lint') {
      this.#options.metrics.observeStage(stage, seconds, result);
    }
  }

  /** Something that the operator adds has changed. */
  extensionsChanged(): void {
    this.#agenda.note('extensions');
    this.#changed(new Set());
  }

  /** The world is not what it was. */
  #changed(kinds: ReadonlySet<Kind>): void {
    this.#agenda.changed(
      performance.now(),
      urgentKinds.some((kind) => kinds.has(kind)),
    );
    this.#await();
  }

  /** A pass is due although nothing has changed. */
  #touch(occasion: Occasion): void {
    this.#agenda.touch(occasion, performance.now());
    this.#await();
  }

  #await(): void {
    this.#options.metrics.changePending(this.#agenda.pendingSince());
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
    if (this.#agenda.pendingSince() === null) {
      const due = this.#probation.list.nextDueAt();
      this.#timer = due === null ? null : setTimeout(() => this.#touch('retry'), Math.max(due - now, 0));
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#running = this.#pass().finally(() => {
          this.#running = null;
          this.#arm();
        });
      },
      Math.max(this.#agenda.nextAt() - now, 0),
    );
  }

  async #pass(): Promise<void> {
    const { store, worker, applier, extensions } = this.#options;
    const delta = store.changesSince(this.#sentVersion);
    const changed = [...delta.set.map(refOf), ...delta.deleted];
    const pass = this.#begin(changed);
    let end: PassEnd = 'failed';
    try {
      await worker.update(deltaToWire(delta));
      this.#sentVersion = delta.version;
      this.#unserved.take(delta);
      await this.#probation.take(delta, pass.occasions.has('extensions'));
      extensions.readTemplates(store);
      pass.chosen = await extensions.settle(this.#builder.bench(pass, this.#probation.list.current()));
      const result = await applier.apply(
        (without) => this.#builder.build(pass, without, pass.chosen),
        this.#probation.list.current(),
      );
      end = await this.#finish(pass, this.#probation.settle(result, pass.answers.get(result.candidate)));
    } catch (error) {
      await this.#broken(pass, error);
    }
    this.#agenda.ended(pass.began, performance.now(), end);
    if (end === 'succeeded' || end === 'searched') {
      await this.#tryKeptOut(pass);
    }
    if (end === 'failed' || end === 'unfinished') {
      this.#touch('retry');
    }
  }

  /** Tries who is kept out, as long as nothing else is due. */
  async #tryKeptOut(pass: Pass): Promise<void> {
    await this.#probation.tryAll({
      hasTime: () => !this.#stopped.signal.aborted && this.#agenda.nextAt() > performance.now(),
      tryGroup: async (group, keptOut) => await this.#tryGroup(pass, group, keptOut),
      onError: async (error) => await this.#broken(pass, error),
      tell: async () => await this.#tellQuarantine(pass),
    });
    this.#becomeReady();
  }

  async #tryGroup(pass: Pass, group: readonly ObjectKey[], keptOut: Quarantine): Promise<ApplyResult> {
    this.#vitals.progress();
    this.#becomeReady();
    const trial = {
      ...pass,
      number: this.history.next(),
      occasions: trialOccasion,
      changed: [],
      seconds: {},
    };
    const result = await this.#options.applier.trial(
      (without) => this.#builder.build(trial, without, trial.chosen),
      keptOut,
      group,
    );
    if (result.outcome !== 'failed') {
      await this.#finish(trial, result);
    } else if (result.fault?.kind === 'object') {
      this.history.tellFailure(trial, result);
      this.history.refusedAgain(result, group);
    } else {
      this.history.notApplied(trial, result);
    }
    return result;
  }

  /** What is served is the same, and of some who are not something else is known: their verdicts, and what is remembered. */
  async #tellQuarantine(pass: Pass): Promise<void> {
    const quarantine = this.#probation.list.current();
    const candidate = await this.#builder.build(pass, quarantine, pass.chosen);
    const answer = pass.answers.get(candidate);
    if (answer === undefined || candidate.generation !== this.history.live()?.generation) {
      // Another form takes the place of one: the next pass brings it and tells all.
      this.#touch('retry');
      return;
    }
    await this.#options.worker.verified(answer);
    const verdicts = withTemplateVerdict(answer.verdicts, this.#options.extensions.ledger);
    this.history.told(verdicts, quarantine.size);
    this.#options.onVerdicts?.(verdicts ?? []);
  }

  /** A worker that was stopped, a template that fails: nothing was changed, and traffic goes on. */
  async #broken(pass: Pass, error: unknown): Promise<void> {
    const { extensions } = this.#options;
    this.#vitals.lastFault = reasonOf(error);
    this.history.broken(pass, error);
    const keptOut = await extensions.blame(error, pass.chosen, (part) => this.#builds(pass, part));
    if (keptOut !== null) {
      this.#probation.list.add(keptOut.object, keptOut.reason, performance.now());
    }
    const served = this.history.served();
    this.#tellUnserved(
      [...served, ...this.#unserved.unbuilt(served)],
      this.#unserved.keys(),
      reasonOf(error),
    );
  }

  #tellUnserved(now: readonly Verdict[], changed: ReadonlySet<ObjectKey> | null, fault: string): void {
    const quarantined = this.#probation.list.current();
    const verdicts = this.history.unserved({ now, changed, quarantined, fault });
    // At a start it is not known of anybody else either what becomes of it.
    if (this.history.served().length > 0) {
      this.#options.onVerdicts?.(verdicts);
    }
  }

  /** Ready when nobody waits for a trial whom nginx has never served; a flood of culprits delays that by a minute at most. */
  #becomeReady(): void {
    if (this.#readyAt === null || this.#vitals.verifiedOnce) {
      return;
    }
    if (!this.#probation.list.hasWaiting() || performance.now() >= this.#readyAt) {
      this.#vitals.verifiedOnce = true;
    } else {
      this.#vitals.lastFault = 'objects that came together with refused ones are still being tried';
    }
  }

  #begin(changed: readonly ObjectRef[]): Pass {
    const began = performance.now();
    this.#vitals.progress();
    return {
      number: this.history.next(),
      at: Date.now(),
      began,
      occasions: this.#agenda.begin(),
      changed,
      seconds: {},
      answers: new WeakMap(),
      chosen: this.#options.extensions.ledger.choose(),
    };
  }

  /** Whether the cluster can be built with these, whatever nginx says to it. */
  async #builds(pass: Pass, chosen: Chosen): Promise<boolean> {
    this.#vitals.progress();
    try {
      this.#stopped.signal.throwIfAborted();
      await this.#builder.build(pass, this.#probation.list.current(), chosen);
      return true;
    } catch (error) {
      this.#options.logger.debug('A build on trial failed', { error });
      return false;
    }
  }

  async #finish(pass: Pass, result: ApplyResult): Promise<PassEnd> {
    const { reload, verify, stage, test, swap } = result.seconds;
    Object.assign(pass.seconds, { reload, verify, stage, test, swap });
    const { history } = this;
    history.tellFailure(pass, result);
    const { extensions } = this.#options;
    if (result.outcome === 'failed' && result.fault?.stage === 'verify') {
      extensions.refuseUnverified(pass.chosen, result.fault.message);
    }
    if (result.outcome === 'failed') {
      this.#vitals.lastFault = result.fault?.message ?? null;
      history.notApplied(pass, result);
      const built = pass.answers.get(result.candidate)?.verdicts ?? [];
      this.#tellUnserved(
        built,
        result.candidate.changed ?? null,
        result.fault?.message ?? 'the apply failed',
      );
      return result.added.length === 0 ? 'failed' : 'unfinished';
    }
    this.#vitals.beat(true);
    this.#vitals.lastFault = null;
    const answer = pass.answers.get(result.candidate) ?? null;
    if (answer !== null) {
      await this.#options.worker.verified(answer);
    }
    await extensions.accept(pass.chosen);
    await keepMarked(this.#options, result.generation);
    const verdicts = withTemplateVerdict(answer?.verdicts ?? null, extensions.ledger);
    history.applied(pass, result, verdicts);
    if (verdicts !== null) {
      this.#options.onVerdicts?.(verdicts);
    }
    this.#unserved.clear();
    // Not before: whoever waits for it then finds the verdicts, too.
    this.#readyAt ??= performance.now() + longestTrialsMs;
    this.#becomeReady();
    if (this.#agenda.pendingSince() === null) {
      this.#options.metrics.changePending(null);
    }
    return result.added.length === 0 ? 'succeeded' : 'searched';
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
      if (this.#running !== null || this.#vitals.stopping || !this.#vitals.verifiedOnce) {
        continue;
      }
      const live = this.history.live();
      const answering = await applier.liveGeneration();
      this.#vitals.beat(answering !== null);
      if (
        this.#running === null &&
        live !== null &&
        answering !== live.generation &&
        !this.#vitals.stopping
      ) {
        logger.warn('nginx does not answer with the live generation', { live: live.generation, answering });
        this.#touch('nginx-gone');
      }
    }
  }

  readiness(): Readiness {
    return this.#vitals.readiness();
  }

  liveness(): Liveness {
    return this.#vitals.liveness(this.#running !== null || this.#agenda.pendingSince() !== null);
  }
}

function dayOf(milliseconds: number): number {
  return Math.floor(milliseconds / dayMs);
}
