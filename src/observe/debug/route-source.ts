import type { Model } from '../../model/model.ts';
import type { ControllerView } from '../view.ts';
import { routesOf, type RouteRow } from './route-table.ts';

/** Milliseconds that routes are kept after somebody looked: at 10,000 hosts they are some 10 MB. */
const keptMs = 60_000;

interface Kept {
  readonly number: number | null;
  readonly rows: Promise<readonly RouteRow[] | null>;
}

/** The routes of the live generation, made from its model when somebody looks. */
export class RouteSource {
  readonly #view: ControllerView;
  #kept: Kept | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(view: ControllerView) {
    this.#view = view;
  }

  /** In the order of nginx.conf; null before the first generation. */
  async rows(): Promise<readonly RouteRow[] | null> {
    const number = this.#view.live()?.number ?? null;
    let kept = this.#kept;
    if (kept === null || kept.number !== number) {
      kept = { number, rows: this.#read() };
      this.#kept = kept;
    }
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => {
      this.#kept = null;
    }, keptMs);
    this.#timer.unref();
    try {
      const rows = await kept.rows;
      if (rows === null) {
        this.#kept = null;
      }
      return rows;
    } catch (error) {
      this.#kept = null;
      throw error;
    }
  }

  async #read(): Promise<readonly RouteRow[] | null> {
    const model = ((await this.#view.model()) ?? null) as Model | null;
    return model === null ? null : routesOf(model);
  }
}
