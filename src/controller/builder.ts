import type { Chosen } from '../extensions/ledger.ts';
import type { Candidate } from '../model/candidate.ts';
import type { Applier } from '../nginx/apply.ts';
import type { Quarantine } from '../nginx/apply-result.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Stage } from '../observe/view.ts';
import type { RenderWorker } from '../worker/client.ts';
import type { LintMemory } from '../worker/linted.ts';
import type { BuildAnswer } from '../worker/protocol.ts';
import { buildRequest } from './build-request.ts';
import type { TrialBench } from './extension-trials.ts';

export interface BuilderOptions {
  readonly worker: RenderWorker;
  readonly applier: Applier;
  /** What the worker's lint found, for the applier. */
  readonly lints: LintMemory;
  readonly metrics: Metrics;
}

/** What the builds of a pass leave behind. */
export interface BuildNotes {
  /** Seconds. */
  readonly seconds: Partial<Record<Stage, number>>;
  readonly answers: WeakMap<Candidate, BuildAnswer>;
}

/** Has the worker build, and notes what it says beside the candidate. */
export class Builder {
  readonly #options: BuilderOptions;
  readonly #today: () => number;

  /** `today` is in milliseconds since the epoch, as coarse as a day. */
  constructor(options: BuilderOptions, today: () => number) {
    this.#options = options;
    this.#today = today;
  }

  /** @throws GatewayError of the worker's and the template's families */
  async build(notes: BuildNotes, without: Quarantine | 'skeleton', chosen: Chosen): Promise<Candidate> {
    const { worker, metrics, lints } = this.#options;
    const answer = await worker.build(buildRequest(without, chosen, this.#today()));
    for (const stage of ['translate', 'render', 'lint'] as const) {
      notes.seconds[stage] = (notes.seconds[stage] ?? 0) + answer.took[stage];
      metrics.observeStage(stage, answer.took[stage], 'success');
    }
    lints.remember(answer.candidate, answer.violations);
    notes.answers.set(answer.candidate, answer);
    return answer.candidate;
  }

  /** Where templates and plugins are tried, beside those who are kept out anyhow. */
  bench(notes: BuildNotes, keptOut: Quarantine): Omit<TrialBench, 'onRefused'> {
    const { applier, worker } = this.#options;
    return {
      probe: async (chosen, without) =>
        await applier.probe((one) => this.build(notes, one, chosen), new Map([...keptOut, ...without])),
      search: async (chosen) => await applier.check((one) => this.build(notes, one, chosen), keptOut),
      answerOf: (candidate) => notes.answers.get(candidate) ?? null,
      locate: async (chosen, without, line) =>
        await worker.locate(buildRequest(new Map([...keptOut, ...without]), chosen, this.#today()), line),
    };
  }
}
