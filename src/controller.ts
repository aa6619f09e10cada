import { setTimeout as sleep } from 'node:timers/promises';
import type { EarlierCounts } from './cluster/kubernetes/disappearance.ts';
import { refOf, type Store } from './cluster/store.ts';
import { Agenda, type PassEnd } from './controller/agenda.ts';
import { buildRequest } from './controller/build-request.ts';
import type { TrialBench } from './controller/extension-trials.ts';
import type { OperatorExtensions } from './controller/operator-extensions.ts';
import { withTemplateVerdict } from './controller/template-verdict.ts';
import type { Chosen } from './extensions/ledger.ts';
import { deltaToWire } from './cluster/wire.ts';
import { History, type PassInfo } from './controller/history.ts';
import { isMarked, writeMarker } from './controller/marker.ts';
import type { Occasion } from './controller/pass-reason.ts';
import { QuarantineList } from './controller/quarantine.ts';
import { Vitals } from './controller/vitals.ts';
import { reasonOf } from './errors.ts';
import type { Candidate } from './model/candidate.ts';
import type { Kind, ObjectRef } from './model/object-ref.ts';
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
  readonly #quarantine = new QuarantineList();
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
      const due = this.#quarantine.nextDueAt();
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
      if (pass.occasions.has('extensions')) {
        this.#quarantine.releaseAll();
      }
      this.#quarantine.releaseChanged(changed);
      this.#quarantine.releaseDue(performance.now());
      extensions.readTemplates(store);
      pass.chosen = await extensions.settle(this.#bench(pass));
      const result = await applier.apply(
        (without) => this.#build(pass, without, pass.chosen),
        this.#quarantine.current(),
      );
      end = await this.#finish(pass, result);
    } catch (error) {
      // A worker that was stopped, a template that fails: nothing was changed, and traffic goes on.
      this.#vitals.lastFault = reasonOf(error);
      this.history.broken(pass, error);
      const keptOut = await extensions.blame(error, pass.chosen, (part) => this.#builds(pass, part));
      if (keptOut !== null) {
        this.#quarantine.add(keptOut.object, keptOut.reason, performance.now());
      }
    }
    this.#agenda.ended(pass.began, performance.now(), end);
    if (end === 'failed' || end === 'unfinished') {
      this.#touch('retry');
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

  #bench(pass: Pass): Omit<TrialBench, 'onRefused'> {
    const { applier, worker } = this.#options;
    const keptOut = this.#quarantine.current();
    return {
      probe: async (chosen, without) =>
        await applier.probe((one) => this.#build(pass, one, chosen), new Map([...keptOut, ...without])),
      search: async (chosen) => await applier.check((one) => this.#build(pass, one, chosen), keptOut),
      answerOf: (candidate) => pass.answers.get(candidate) ?? null,
      locate: async (chosen, without, line) =>
        await worker.locate(buildRequest(new Map([...keptOut, ...without]), chosen, this.#day * dayMs), line),
    };
  }

  /** Whether the cluster can be built with these, whatever nginx says to it. */
  async #builds(pass: Pass, chosen: Chosen): Promise<boolean> {
    this.#vitals.progress();
    try {
      this.#stopped.signal.throwIfAborted();
      await this.#build(pass, this.#quarantine.current(), chosen);
      return true;
    } catch (error) {
      this.#options.logger.debug('A build on trial failed', { error });
      return false;
    }
  }

  async #build(pass: Pass, without: Quarantine | 'skeleton', chosen: Chosen): Promise<Candidate> {
    const answer = await this.#options.worker.build(buildRequest(without, chosen, this.#day * dayMs));
    for (const stage of ['translate', 'render', 'lint'] as const) {
      pass.seconds[stage] = (pass.seconds[stage] ?? 0) + answer.took[stage];
      this.#options.metrics.observeStage(stage, answer.took[stage], 'success');
    }
    this.#options.lints.remember(answer.candidate, answer.violations);
    pass.answers.set(answer.candidate, answer);
    return answer.candidate;
  }

  async #finish(pass: Pass, result: ApplyResult): Promise<PassEnd> {
    this.#quarantine.replace(result.quarantined, performance.now());
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
      return result.added.length === 0 ? 'failed' : 'unfinished';
    }
    this.#vitals.beat(true);
    this.#vitals.lastFault = null;
    const answer = pass.answers.get(result.candidate) ?? null;
    if (answer !== null) {
      await this.#options.worker.verified(answer);
    }
    await extensions.accept(pass.chosen);
    await this.#mark(result.generation);
    const verdicts = withTemplateVerdict(answer?.verdicts ?? null, extensions.ledger);
    history.applied(pass, result, verdicts);
    if (verdicts !== null) {
      this.#options.onVerdicts?.(verdicts);
    }
    // Not before: whoever waits for it then finds the verdicts, too.
    this.#vitals.verifiedOnce = true;
    if (this.#agenda.pendingSince() === null) {
      this.#options.metrics.changePending(null);
    }
    return result.added.length === 0 ? 'succeeded' : 'searched';
  }

  /** Looked at each time: whoever removed the state folder has removed the marker as well. */
  async #mark(generation: string): Promise<void> {
    const { stateDir, counts } = this.#options;
    if (!(await isMarked(stateDir, generation))) {
      try {
        await writeMarker(stateDir, generation, counts());
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
