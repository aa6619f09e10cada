import type { TrafficFilter } from '../observe/traffic-view.ts';
import type { TrafficSettings } from './layout.ts';
import type { Route } from './line.ts';

/** What the thread is started with. */
export interface TrafficInput {
  readonly settings: TrafficSettings;
  /** The folder of the traffic log, and the file in which counts outlive the gateway. */
  readonly folder: string;
  readonly savedPath: string;
  readonly rotateBytes: number;
}

/** Labels of a route, and where its numbers are in `Snapshot.routeNumbers`, in blocks of `Layout.routeWidth`. */
export interface RouteLabels extends Route {
  readonly isOverflow: boolean;
}

/** A row: the number of its route in `Snapshot.labels.routes`, and what it has of its own. */
export interface RowLabels {
  readonly route: number;
  readonly method: string;
  readonly status: string;
}

export interface Labels {
  readonly routes: readonly RouteLabels[];
  readonly rows: readonly RowLabels[];
}

/** All counts of one moment, block after block in the order of the labels. */
export interface Snapshot {
  readonly version: number;
  /** Null where they are those of the version that was asked with. */
  readonly labels: Labels | null;
  readonly routeNumbers: Float64Array<ArrayBuffer>;
  readonly rowNumbers: Float64Array<ArrayBuffer>;
  readonly series: number;
  readonly lines: number;
  readonly dropped: number;
  readonly malformed: number;
  readonly gaps: number;
  readonly rotations: number;
  /** Bytes that are not read yet. */
  readonly behind: number;
  /** CPU seconds of the thread. */
  readonly cpuSeconds: number;
}

/** Questions to the thread. */
export type TrafficQuestion =
  | { readonly ask: 'snapshot'; readonly version: number }
  | { readonly ask: 'history'; readonly filter: TrafficFilter | null }
  | { readonly ask: 'totals'; readonly filter: TrafficFilter | null }
  /** The routes that there are, for `gone`. */
  | { readonly ask: 'routes' }
  /** Which of these routes are those of no object any more, by their labels as JSON. */
  | { readonly ask: 'gone'; readonly routes: readonly string[] }
  /** Reads what there is, writes the counts down, and ends. */
  | { readonly ask: 'close' };

export type TrafficMessage =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: string }
  /** Have nginx open its logs anew, and answer with `reopened`. */
  | { readonly reopen: true }
  | { readonly trouble: string; readonly reason: string };

export type TrafficRequest =
  (TrafficQuestion & { readonly id: number }) | { readonly ask: 'reopened'; readonly done: boolean };
