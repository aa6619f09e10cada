import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.ts';
import type { TrafficFilter, TrafficHistory, TrafficTotals, TrafficView } from '../observe/traffic-view.ts';
import type { Logger } from '../observe/log.ts';
import type { Route } from './line.ts';
import type { Snapshot, TrafficInput, TrafficMessage, TrafficQuestion, TrafficRequest } from './protocol.ts';

export interface TrafficClientOptions {
  readonly url: URL;
  readonly input: TrafficInput;
  readonly logger: Logger;
  /** Has nginx open its logs anew; false where it could not be asked. */
  readonly reopen: () => Promise<boolean>;
  /** Those of which nginx counts no requests any more: the metrics of a route that is gone go, too. */
  readonly gone: (routes: readonly Route[]) => Promise<readonly Route[]>;
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Milliseconds between two looks at which routes are gone, and before a thread that ended is replaced. */
const sweepMs = 10_000;
const restartMs = 2_000;
const heapMb = 256;

/** The thread that reads the traffic log, seen from the main one. One that ends is replaced, and counts on. */
export class TrafficClient implements TrafficView {
  readonly #options: TrafficClientOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #next = 1;
  #sweeper: NodeJS.Timeout | null = null;
  #restart: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: TrafficClientOptions) {
    this.#options = options;
  }

  start(): void {
    const worker = new Worker(this.#options.url, {
      workerData: this.#options.input,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
      env: {},
      execArgv: [],
    });
    worker.on('message', (message: TrafficMessage) => this.#take(message));
    worker.on('error', (error) => this.#dropped(worker, reasonOf(error)));
    worker.on('exit', (code) => this.#dropped(worker, `exit code ${code}`));
    worker.unref();
    this.#worker = worker;
    this.#sweeper ??= setInterval(() => {
      this.#sweep().catch((error: unknown) => {
        this.#options.logger.debug('Routes that are gone could not be told to the traffic reader', { error });
      });
    }, sweepMs).unref();
  }

  async snapshot(version: number): Promise<Snapshot> {
    return (await this.#ask({ ask: 'snapshot', version })) as Snapshot;
  }

  async history(filter?: TrafficFilter): Promise<TrafficHistory> {
    return (await this.#ask({ ask: 'history', filter: filter ?? null })) as TrafficHistory;
  }

  async totals(filter?: TrafficFilter): Promise<TrafficTotals> {
    return (await this.#ask({ ask: 'totals', filter: filter ?? null })) as TrafficTotals;
  }

  /** Reads what nginx has written, writes the counts down, and ends the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#sweeper !== null) {
      clearInterval(this.#sweeper);
    }
    if (this.#restart !== null) {
      clearTimeout(this.#restart);
    }
    const worker = this.#worker;
    if (worker !== null) {
      await this.#ask({ ask: 'close' }).catch((error: unknown) => {
        this.#options.logger.warn('Counts of requests could not be written down', { error });
      });
      await worker.terminate();
    }
  }

  async #sweep(): Promise<void> {
    const routes = (await this.#ask({ ask: 'routes' })) as Route[];
    const gone = await this.#options.gone(routes);
    await this.#ask({ ask: 'gone', routes: gone.map((route) => JSON.stringify(route)) });
  }

  #ask(question: TrafficQuestion): Promise<unknown> {
    const worker = this.#worker;
    if (worker === null) {
      return Promise.reject(new Error('the traffic reader is being replaced'));
    }
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      worker.postMessage({ id, ...question } satisfies TrafficRequest);
    });
  }

  #take(message: TrafficMessage): void {
    if ('reopen' in message) {
      void this.#reopen();
    } else if ('trouble' in message) {
      this.#options.logger.warn(message.trouble, { reason: message.reason });
    } else {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if ('failure' in message) {
        pending?.reject(new Error(message.failure));
      } else {
        pending?.resolve(message.answer);
      }
    }
  }

  async #reopen(): Promise<void> {
    let done = false;
    try {
      done = await this.#options.reopen();
    } catch (error) {
      this.#options.logger.warn('nginx could not be told to open its logs anew', { error });
    }
    this.#worker?.postMessage({ ask: 'reopened', done } satisfies TrafficRequest);
  }

  #dropped(worker: Worker, reason: string): void {
    if (worker !== this.#worker) {
      return;
    }
    this.#worker = null;
    for (const { reject } of this.#pending.values()) {
      reject(new Error(`the traffic reader ended: ${reason}`));
    }
    this.#pending.clear();
    if (!this.#closed) {
      this.#options.logger.error('The traffic reader ended and is replaced', { reason });
      this.#restart = setTimeout(() => this.start(), restartMs).unref();
    }
  }
}
