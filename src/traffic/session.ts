import { readFile, rename, writeFile } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';
import { TrafficBook, type RouteEntry } from './book.ts';
import { layoutOf } from './layout.ts';
import { LogReader } from './log-reader.ts';
import type { Labels, Snapshot, TrafficInput, TrafficQuestion } from './protocol.ts';
import { readSaved, restore, save } from './saved.ts';
import { historyOf, totalsOf } from './views.ts';

/** Milliseconds between two looks at the log, and between two times that the counts are written down. */
const passMs = 250;
const persistMs = 5_000;

export interface SessionHooks {
  readonly reopen: () => Promise<boolean>;
  readonly trouble: (what: string, reason: string) => void;
}

/** The counts and positions could not be written down. */
class NotWritten extends Error {}

/** What the thread does, without the thread: reads on and on, and answers. */
export class TrafficSession {
  readonly #input: TrafficInput;
  readonly #hooks: SessionHooks;
  readonly #book: TrafficBook;
  readonly #reader: LogReader;
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #persistedAt = performance.now();
  #persisted = '';
  /** What was told last, apart: writing fails now and then while reading works. */
  #readTrouble = '';
  #writeTrouble = '';
  #closed = false;

  private constructor(input: TrafficInput, hooks: SessionHooks) {
    this.#input = input;
    this.#hooks = hooks;
    this.#book = new TrafficBook(input.settings, layoutOf(input.settings));
    this.#reader = new LogReader(this.#book, {
      folder: input.folder,
      rotateBytes: input.rotateBytes,
      reopen: hooks.reopen,
      persist: async () => await this.#persist(),
    });
  }

  /** Takes up the counts and positions of an earlier session and begins to read. */
  static async open(input: TrafficInput, hooks: SessionHooks): Promise<TrafficSession> {
    const session = new TrafficSession(input, hooks);
    const text = await readFile(input.savedPath, 'utf8').catch(() => null);
    const saved = text === null ? null : readSaved(text);
    if (text !== null && (saved === null || !restore(saved, session.#book))) {
      hooks.trouble('Counts of an earlier gateway are of another form and begin anew', input.savedPath);
    }
    await session.#reader.open(saved?.files ?? [], saved?.gaps ?? 0);
    session.#await();
    return session;
  }

  #await(): void {
    this.#timer = setTimeout(() => {
      void this.#pass().finally(() => {
        if (!this.#closed) {
          this.#await();
        }
      });
    }, passMs);
  }

  /** One at a time. What goes wrong is told once, and tried again. */
  async #pass(): Promise<void> {
    this.#running = this.#running.then(async () => {
      try {
        await this.#reader.pass();
        if (performance.now() - this.#persistedAt >= persistMs) {
          await this.#persist();
        }
        this.#readTrouble = '';
      } catch (error) {
        const reason = reasonOf(error);
        if (error instanceof NotWritten) {
          // Reading comes first: it worked.
          this.#readTrouble = '';
        } else if (reason !== this.#readTrouble) {
          this.#readTrouble = reason;
          this.#hooks.trouble('The traffic log cannot be read', reason);
        }
      }
    });
    await this.#running;
  }

  /** No sync: after a loss of power nginx has no log of before either. Throws `NotWritten`, which has been told. */
  async #persist(): Promise<void> {
    this.#persistedAt = performance.now();
    const text = JSON.stringify(save(this.#book, this.#reader.positions(), this.#reader.gaps));
    if (text === this.#persisted) {
      return;
    }
    try {
      const unfinished = `${this.#input.savedPath}.new`;
      await writeFile(unfinished, text, { mode: 0o640 });
      await rename(unfinished, this.#input.savedPath);
      this.#persisted = text;
      this.#writeTrouble = '';
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#writeTrouble) {
        this.#writeTrouble = reason;
        this.#hooks.trouble('The counts of requests cannot be written down', reason);
      }
      throw new NotWritten(reason, { cause: error });
    }
  }

  async answer(question: TrafficQuestion): Promise<unknown> {
    switch (question.ask) {
      case 'snapshot':
        await this.#pass();
        return await this.#snapshot(question.version);
      case 'history':
        return historyOf(this.#book, question.filter, Date.now());
      case 'totals':
        return totalsOf(this.#book, question.filter);
      case 'routes':
        return [...this.#book.routes].map(({ labels }) => labels);
      case 'gone': {
        const gone = new Set(question.routes);
        this.#book.sweep((route) => !gone.has(JSON.stringify(route.labels)), performance.now());
        return null;
      }
      case 'close':
        await this.#close();
        return null;
      default:
        return question satisfies never;
    }
  }

  async #snapshot(version: number): Promise<Snapshot> {
    const behind = await this.#reader.behind();
    const { layout, series, lines, dropped, malformed } = this.#book;
    const routes = [...this.#book.routes];
    const rows = routes.flatMap((route) => [...route.rows]);
    return {
      version: this.#book.version,
      labels: version === this.#book.version ? null : this.#labels(routes),
      routeNumbers: gathered(this.#book.routeNumbers, routes, layout.routeWidth),
      rowNumbers: gathered(this.#book.rowNumbers, rows, layout.rowWidth),
      series,
      lines,
      dropped,
      malformed,
      gaps: this.#reader.gaps,
      rotations: this.#reader.rotations,
      behind,
      cpuSeconds: threadCpuSeconds(),
    };
  }

  #labels(routes: readonly RouteEntry[]): Labels {
    return {
      routes: routes.map((route) => ({ ...route.labels, isOverflow: this.#book.isOverflow(route) })),
      rows: routes.flatMap(({ rows }, index) =>
        [...rows].map(({ method, status }) => ({ route: index, method, status })),
      ),
    };
  }

  async #close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    try {
      await this.#pass();
      await this.#persist();
    } finally {
      await this.#reader.close();
    }
  }
}

function threadCpuSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

/** Blocks of one array, one behind the other. */
function gathered(
  numbers: Float64Array,
  entries: readonly { readonly start: number }[],
  width: number,
): Float64Array<ArrayBuffer> {
  const found = new Float64Array(entries.length * width);
  for (const [index, { start }] of entries.entries()) {
    found.set(numbers.subarray(start, start + width), index * width);
  }
  return found;
}
