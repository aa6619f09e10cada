import { Blocks } from './blocks.ts';
import { History } from './history.ts';
import { durationPart, type Layout, type TrafficSettings } from './layout.ts';
import { idOf, readKey, type Line, type Route, type RowName } from './line.ts';
import { statusClasses } from '../observe/traffic-view.ts';
import { bucketOf, classNumber, observe } from './summary.ts';

/** What several rows have in common. */
export interface RouteEntry {
  readonly labels: Route;
  /** Where its numbers begin. */
  readonly start: number;
  readonly history: History | null;
  readonly rows: Set<RowEntry>;
  /** `performance.now()`. */
  lastAt: number;
  /** Since when the objects that it is of are gone; null while they are there. */
  goneSince: number | null;
}

export interface RowEntry {
  readonly route: RouteEntry;
  readonly method: string;
  readonly status: string;
  readonly statusClass: number;
  readonly start: number;
}

/** Ingresses whose last hour is kept. */
const mostHistories = 1000;
/** Rows of one route: a backend that answers with every status there is takes no room of others. */
const mostRowsPerRoute = 64;
/** Keys that are known beside rows, of statuses that share one: more are read anew each time. */
const keysPerRow = 8;
/** How long what is of no object any more stays after its last request, in milliseconds. */
export const graceMs = 60_000;

/** Its path; nothing else stands beside it. */
export const overflowPath = '(overflow)';

/**
 * Counts the lines of the traffic log by route, method and status. Everything is a number in an array: a line costs one
 * look into a map. What would be more series than allowed is counted in rows of its own, one for each class of status.
 */
export class TrafficBook {
  readonly settings: TrafficSettings;
  readonly layout: Layout;
  readonly #routeBlocks: Blocks;
  readonly #rowBlocks: Blocks;
  readonly #byKey = new Map<string, RowEntry>();
  readonly #routes = new Map<string, RouteEntry>();
  readonly #histories = new Map<string, History>();
  readonly #all: History;
  #overflow: RouteEntry | null = null;
  #series = 0;
  /** Series of each namespace; those of the rows for all others under `overflowPath`. */
  readonly #used = new Map<string, number>();
  #rowCount = 0;
  /** Becomes another when rows or routes come or go. */
  version = 1;
  /** Lines counted, those of them that had no row of their own, and those that are none of ours. */
  lines = 0;
  dropped = 0;
  malformed = 0;

  constructor(settings: TrafficSettings, layout: Layout) {
    this.settings = settings;
    this.layout = layout;
    this.#routeBlocks = new Blocks(layout.routeWidth);
    this.#rowBlocks = new Blocks(layout.rowWidth);
    this.#all = new History(layout);
  }

  record(line: Line): void {
    const row = this.#byKey.get(line.key) ?? this.#open(line.key);
    if (row === null) {
      this.malformed += 1;
      return;
    }
    this.lines += 1;
    if (row.route === this.#overflow) {
      this.dropped += 1;
    }
    const { route } = row;
    route.lastAt = performance.now();
    const { routeParts, rowParts } = this.layout;
    const rows = this.#rowBlocks.numbers;
    rows[row.start] = (rows[row.start] ?? 0) + 1;
    for (const part of rowParts) {
      const value = line[part.measure];
      if (value >= 0) {
        observe(part, rows, row.start + part.offset, value);
      }
    }
    const routes = this.#routeBlocks.numbers;
    for (const part of routeParts) {
      const value = line[part.measure];
      if (value >= 0) {
        observe(part, routes, route.start + part.offset, value);
      }
    }
    const limits = routeParts[durationPart]?.limits ?? new Float64Array();
    const bucket = bucketOf(limits, line.requestTime);
    const upstream = bucketOf(limits, line.upstreamTime);
    this.#all.add(line, row.statusClass, bucket, upstream);
    route.history?.add(line, row.statusClass, bucket, upstream);
  }

  /** The row of a key that is seen for the first time. */
  #open(key: string): RowEntry | null {
    const name = readKey(key);
    if (name === null) {
      return null;
    }
    const row = this.row(name);
    if (row.route !== this.#overflow && this.#byKey.size < keysPerRow * (this.#rowCount + 16)) {
      this.#byKey.set(key, row);
    }
    return row;
  }

  /** The row of a name; the one for all others where it would be one too many. */
  row(name: RowName): RowEntry {
    const status = this.settings.statusClasses ? `${name.status[0] ?? ''}xx` : name.status;
    const route = this.#route(name);
    const known = route === null ? undefined : find(route.rows, name.method, status);
    if (known !== undefined) {
      return known;
    }
    const isTooMany = (route?.rows.size ?? 0) >= mostRowsPerRoute || !this.#hasRoom(name.namespace, route);
    return isTooMany
      ? this.overflow(name.status)
      : this.#addRow(route ?? this.#addRoute(name), name.method, status);
  }

  /** The row of a name that had one when it was written down: there was room then. */
  restored(name: RowName): RowEntry {
    const route = this.#route(name) ?? this.#addRoute(name);
    return find(route.rows, name.method, name.status) ?? this.#addRow(route, name.method, name.status);
  }

  /**
   * Whether a namespace may have one row more. It gets half of what the others leave: one that makes up paths and
   * statuses takes no room of others, whose errors would be seen no more.
   */
  #hasRoom(namespace: string, route: RouteEntry | null): boolean {
    const { seriesPerRoute, seriesPerRow } = this.layout;
    // What everything else is counted in has its place from the start.
    const reserved = seriesPerRoute + statusClasses.length * seriesPerRow;
    const own = this.#used.get(namespace) ?? 0;
    const others = this.#series - own - (this.#used.get(overflowPath) ?? 0);
    const wanted = own + seriesPerRow + (route === null ? seriesPerRoute : 0);
    return 2 * wanted <= this.settings.maxSeries - reserved - others;
  }

  /** The row that counts what has none of its own, for the class of a status. */
  overflow(status: string): RowEntry {
    const labels = { host: '', namespace: '', ingress: '', service: '', canary: '', canaryUpstream: '' };
    this.#overflow ??= this.#addRoute({ ...labels, path: overflowPath });
    const shown = /^[1-5]/u.test(status) ? `${status[0] ?? ''}xx` : '000';
    return find(this.#overflow.rows, 'OTHER', shown) ?? this.#addRow(this.#overflow, 'OTHER', shown);
  }

  #use(labels: Route, series: number): void {
    const user = isOverflow(labels) ? overflowPath : labels.namespace;
    const used = (this.#used.get(user) ?? 0) + series;
    if (used === 0) {
      this.#used.delete(user);
    } else {
      this.#used.set(user, used);
    }
    this.#series += series;
  }

  #route(name: Route): RouteEntry | null {
    return this.#routes.get(idOf(name)) ?? null;
  }

  #addRoute({ host, namespace, ingress, service, path, canary, canaryUpstream }: Route): RouteEntry {
    const labels = { host, namespace, ingress, service, path, canary, canaryUpstream };
    const route: RouteEntry = {
      labels,
      start: this.#routeBlocks.take(),
      history: this.#history(namespace, ingress),
      rows: new Set(),
      lastAt: performance.now(),
      goneSince: null,
    };
    this.#routes.set(idOf(labels), route);
    this.#use(labels, this.layout.seriesPerRoute);
    this.version += 1;
    return route;
  }

  #addRow(route: RouteEntry, method: string, status: string): RowEntry {
    const start = this.#rowBlocks.take();
    const row = { route, method, status, statusClass: classNumber(status), start };
    route.rows.add(row);
    this.#rowCount += 1;
    this.#use(route.labels, this.layout.seriesPerRow);
    this.version += 1;
    return row;
  }

  #history(namespace: string, ingress: string): History | null {
    const key = `${namespace}/${ingress}`;
    const found = this.#histories.get(key);
    if (found !== undefined || ingress === '' || this.#histories.size >= mostHistories) {
      return found ?? null;
    }
    const made = new History(this.layout);
    this.#histories.set(key, made);
    return made;
  }

  get routes(): Iterable<RouteEntry> {
    return this.#routes.values();
  }

  get routeNumbers(): Float64Array {
    return this.#routeBlocks.numbers;
  }

  get rowNumbers(): Float64Array {
    return this.#rowBlocks.numbers;
  }

  get series(): number {
    return this.#series;
  }

  isOverflow(route: RouteEntry): boolean {
    return route === this.#overflow;
  }

  /** The histories of a namespace, or of one Ingress in it; the one of all requests without. */
  histories(namespace: string | null, ingress: string | null): History[] {
    if (namespace === null) {
      return [this.#all];
    }
    return [...this.#histories].flatMap(([key, history]) =>
      (ingress === null ? key.startsWith(`${namespace}/`) : key === `${namespace}/${ingress}`)
        ? [history]
        : [],
    );
  }

  /**
   * Takes note of which routes are those of no object any more, and forgets those that have been so, without a
   * request, for a while. `now` is a `performance.now()`.
   */
  sweep(isThere: (route: RouteEntry) => boolean, now: number): void {
    for (const [id, route] of this.#routes) {
      if (route.labels.ingress === '' || isThere(route)) {
        route.goneSince = null;
      } else {
        route.goneSince ??= now;
        if (now - Math.max(route.goneSince, route.lastAt) >= graceMs) {
          this.#forget(id, route);
        }
      }
    }
  }

  #forget(id: string, route: RouteEntry): void {
    this.#routes.delete(id);
    this.#routeBlocks.giveBack(route.start);
    for (const row of route.rows) {
      this.#rowBlocks.giveBack(row.start);
    }
    for (const [key, row] of this.#byKey) {
      if (row.route === route) {
        this.#byKey.delete(key);
      }
    }
    this.#rowCount -= route.rows.size;
    this.#use(route.labels, -this.layout.seriesPerRoute - route.rows.size * this.layout.seriesPerRow);
    this.version += 1;
    const { namespace, ingress } = route.labels;
    const isLast = ![...this.#routes.values()].some(
      ({ labels }) => labels.namespace === namespace && labels.ingress === ingress,
    );
    if (isLast) {
      this.#histories.delete(`${namespace}/${ingress}`);
    }
  }
}

/** Whether a route is the one that counts what has none of its own. */
export function isOverflow({ path, ingress }: Route): boolean {
  return path === overflowPath && ingress === '';
}

function find(rows: ReadonlySet<RowEntry>, method: string, status: string): RowEntry | undefined {
  for (const row of rows) {
    if (row.method === method && row.status === status) {
      return row;
    }
  }
  return undefined;
}
