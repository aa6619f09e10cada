import { Worker } from 'node:worker_threads';
import type { WireDelta } from '../cluster/wire.ts';
import { gatewayError, type GatewayError } from '../errors.ts';
import type { Explanation } from '../explain/explanation.ts';
import type { AskedRequest } from '../explain/request.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { KeptOut, Quarantine } from '../nginx/apply-result.ts';
import type { Logger } from '../observe/log.ts';
import { markerMemory, readMarker } from '../plugins/user/marker.ts';
import type { Route } from '../traffic/line.ts';
import type { Facts } from './facts.ts';
import { errorOf } from './failure.ts';
import type {
  BuildAnswer,
  BuildRequest,
  Located,
  Request,
  Response,
  WorkerData,
  WorkerInput,
} from './protocol.ts';

/** How the main thread sees the worker. */
export interface RenderWorkerOptions {
  readonly url: URL;
  readonly data: WorkerData;
  /** Milliseconds that one question may take before the worker is stopped. */
  readonly deadlineMs: number;
  /** Milliseconds that one call of a user's plugin may take. */
  readonly hookDeadlineMs: number;
  /** Heap of the worker in MB: a template that renders without end fails there and not here. */
  readonly heapMb: number;
  readonly logger: Logger;
  /** Gives the whole store: a new worker has to be told everything again. */
  readonly everything: () => WireDelta;
  readonly onRestart: (reason: string) => void;
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** A question without its number. */
type Question = Request extends infer One ? (One extends Request ? Omit<One, 'id'> : never) : never;

/**
 * The thread in which plugins, translation, templates and the lint run. The main thread cannot stop a loop of its
 * own; it can stop this one. After a crash or a missed deadline the next question starts a new worker.
 */
export class RenderWorker {
  readonly #options: RenderWorkerOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #next = 1;
  #memory = markerMemory();
  #watchdog: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: RenderWorkerOptions) {
    this.#options = options;
  }

  /** Tells the worker what became different in the store. */
  async update(delta: WireDelta): Promise<void> {
    // A worker that is not there yet is told everything when it starts.
    if (this.#worker !== null) {
      await this.#ask({ ask: 'update', delta });
    }
  }

  /** @throws GatewayError CNG_WORKER_CRASHED, CNG_WORKER_DEADLINE, or of the template's family */
  async build(build: BuildRequest): Promise<BuildAnswer> {
    return (await this.#ask({ ask: 'build', build })) as BuildAnswer;
  }

  /** Which line of which template wrote a line of that build. */
  async locate(build: BuildRequest, line: number): Promise<Located> {
    return (await this.#ask({ ask: 'locate', build, line })) as Located;
  }

  /** That build is served: its objects are the last good forms now. */
  async verified({ build }: BuildAnswer): Promise<void> {
    if (this.#worker !== null) {
      await this.#ask({ ask: 'verified', build });
    }
  }

  /** Who was kept out in an earlier life of the gateway and is the same now. */
  async keptOut(): Promise<Quarantine> {
    return new Map((await this.#ask({ ask: 'kept-out' })) as [ObjectKey, KeptOut][]);
  }

  /** The model of the last verified build as JSON text; `null` after a restart of the worker. */
  async model(): Promise<string> {
    return (await this.#ask({ ask: 'model' })) as string;
  }

  /** What nginx does with a request, by the model of the last verified build; null after a restart of the worker. */
  async explain(asked: AskedRequest): Promise<Explanation | null> {
    return (await this.#ask({ ask: 'explain', asked })) as Explanation | null;
  }

  /** What the metrics tell of the last verified build; `null` after a restart of the worker. */
  async facts(): Promise<Facts | null> {
    return (await this.#ask({ ask: 'facts' })) as Facts | null;
  }

  /** Which of these routes the last verified build counts no requests for; none where there is no such build. */
  async goneRoutes(routes: readonly Route[]): Promise<readonly Route[]> {
    // One that is not there yet has verified nothing.
    return this.#worker === null ? [] : ((await this.#ask({ ask: 'gone-routes', routes })) as Route[]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#worker !== null) {
      await this.#ask({ ask: 'flush' }).catch((error: unknown) => {
        this.#options.logger.warn('What is to survive a restart could not be written', { error });
      });
    }
    if (this.#watchdog !== null) {
      clearInterval(this.#watchdog);
    }
    await this.#worker?.terminate();
  }

  async #ask(question: Question): Promise<unknown> {
    if (this.#worker === null) {
      this.#start();
      if (question.ask !== 'update') {
        await this.#send({ ask: 'update', delta: this.#options.everything() });
      }
    }
    return this.#send(question);
  }

  #send(question: Question): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      const seconds = this.#options.deadlineMs / 1000;
      const timer = setTimeout(() => {
        this.#drop(gatewayError('CNG_WORKER_DEADLINE', { seconds }));
      }, this.#options.deadlineMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#worker?.postMessage({ id, ...question });
    });
  }

  #start(): void {
    const { url, data, heapMb } = this.#options;
    this.#memory = markerMemory();
    const input: WorkerInput = { data, memory: this.#memory };
    const worker = new Worker(url, {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
      env: {},
      execArgv: [],
    });
    worker.on('message', (response: Response) => this.#settle(response));
    worker.on('error', (cause) => {
      this.#drop(gatewayError('CNG_WORKER_CRASHED', { reason: cause.message }, { cause }), worker);
    });
    worker.on('exit', (code) => {
      this.#drop(gatewayError('CNG_WORKER_CRASHED', { reason: `exit code ${code}` }), worker);
    });
    worker.unref();
    this.#worker = worker;
    this.#watchPlugins();
  }

  /** The worker's thread cannot tell that a plugin of a user's loops: this one looks at what it is busy with. */
  #watchPlugins(): void {
    const { hookDeadlineMs } = this.#options;
    let seen = 0;
    let since = performance.now();
    this.#watchdog = setInterval(() => {
      const running = readMarker(this.#memory);
      const now = performance.now();
      if (running === null || running.call !== seen) {
        seen = running?.call ?? 0;
        since = now;
      } else if (now - since >= hookDeadlineMs) {
        const { plugin, object } = running;
        const where = object === '' ? '' : ` for ${object}`;
        const reason = `it did not return within ${hookDeadlineMs / 1000} seconds${where}`;
        this.#drop(gatewayError('CNG_PLUGIN_BROKEN', { plugin, object, file: plugin, line: '?', reason }));
      }
    }, hookDeadlineMs / 5);
    this.#watchdog.unref();
  }

  #settle(response: Response): void {
    if ('notice' in response) {
      this.#options.logger.warn(response.notice, response.fields);
      return;
    }
    const pending = this.#pending.get(response.id);
    if (pending === undefined) {
      return;
    }
    this.#pending.delete(response.id);
    clearTimeout(pending.timer);
    if ('failure' in response) {
      const error = errorOf(response.failure);
      pending.reject(error);
      if (response.isSpoilt === true) {
        this.#drop(error);
      }
    } else {
      pending.resolve(response.answer);
    }
  }

  /** Gives up on a worker: its questions fail, and the next one starts another. */
  #drop(error: GatewayError, which: Worker | null = this.#worker): void {
    if (which === null || which !== this.#worker) {
      return;
    }
    this.#worker = null;
    if (this.#watchdog !== null) {
      clearInterval(this.#watchdog);
    }
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(error);
    }
    this.#pending.clear();
    which.terminate().catch((cause: unknown) => {
      this.#options.logger.warn('A rendering worker did not end', { cause });
    });
    if (!this.#closed) {
      this.#options.onRestart(error.code);
    }
  }
}
