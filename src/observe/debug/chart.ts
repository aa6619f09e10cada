/** One line of a chart; null where nothing was measured. */
export interface ChartSeries {
  readonly name: string;
  /** One of those of the style sheet. */
  readonly colour: 0 | 1 | 2;
  readonly values: readonly (number | null)[];
}

export interface ChartOptions {
  /** Part of ids in the page; different for each chart of a page. */
  readonly id: string;
  readonly title: string;
  /** Milliseconds since the epoch, rising, one for each value. */
  readonly times: readonly number[];
  /** The span that is shown, milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly series: readonly ChartSeries[];
  /** A value with its unit. */
  readonly words: (value: number) => string;
}

/** A chart as the partial `chart` prints it; coordinates are those of the drawing. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** The same in words, for those who do not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly series: readonly {
    readonly colour: number;
    readonly name: string;
    readonly path: string;
    readonly area: string;
    readonly latest: string;
  }[];
  readonly horizontal: readonly { readonly y: number; readonly label: string; readonly labelY: number }[];
  readonly vertical: readonly { readonly x: number; readonly label: string; readonly isLast: boolean }[];
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly labelsY: number;
  readonly isEmpty: boolean;
  /** At most twelve spans, for the table. */
  readonly table: readonly { readonly time: string; readonly values: readonly string[] }[];
}

const width = 420;
const height = 180;
const margin = { left: 4, right: 4, top: 16, bottom: 20 } as const;
const tableRows = 12;
/** Milliseconds between two times on the axis, from spans of so many on. */
const steps = [
  { from: 1_800_000, step: 900_000 },
  { from: 720_000, step: 300_000 },
  { from: 0, step: 120_000 },
] as const;

/** Draws lines over time. Pure: what is now is `options.to`. */
export function chartOf(options: ChartOptions): Chart {
  const { id, title, times, from, to, series, words } = options;
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null));
  const top = niceTop(Math.max(0, ...known));
  const bottom = height - margin.bottom;
  const right = width - margin.right;
  function x(time: number): number {
    return tenth(margin.left + ((time - from) / Math.max(to - from, 1)) * (right - margin.left));
  }
  function y(value: number): number {
    return tenth(bottom - (value / top) * (bottom - margin.top));
  }
  return {
    id,
    title,
    description: describe(options),
    width,
    height,
    series: series.map(({ name, colour, values }) => {
      const runs = runsOf(values, times);
      return {
        colour,
        name,
        path: runs
          .map((run) => `M${run.map(([time, value]) => `${x(time)} ${y(value)}`).join('L')}`)
          .join(''),
        // Below several lines areas would hide each other.
        area: (series.length > 1 ? [] : runs)
          .map((run) => {
            const points = run.map(([time, value]) => `${x(time)} ${y(value)}`);
            return `M${x(run[0]?.[0] ?? from)} ${bottom}L${points.join('L')}L${x(run.at(-1)?.[0] ?? from)} ${bottom}Z`;
          })
          .join(''),
        latest: latestWords(values, words),
      };
    }),
    horizontal: [0.5, 1].map((share) => ({
      y: y(top * share),
      label: words(top * share),
      labelY: y(top * share) - 4,
    })),
    vertical: ticks(from, to).map((time) => ({
      x: x(time),
      label: clock(time),
      isLast: x(time) > right - 44,
    })),
    left: margin.left,
    right,
    bottom,
    labelsY: height - 5,
    isEmpty: known.length === 0,
    table: tableOf(options),
  };
}

/** 1, 2 or 5 times a power of ten, not below the largest value. */
function niceTop(largest: number): number {
  if (largest <= 0) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(largest));
  return ([1, 2, 5, 10].find((factor) => factor * power >= largest) ?? 10) * power;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Points that follow each other without one that was not measured. */
function runsOf(values: readonly (number | null)[], times: readonly number[]): [number, number][][] {
  const runs: [number, number][][] = [];
  let open: [number, number][] | null = null;
  for (const [index, value] of values.entries()) {
    const time = times[index];
    if (value === null || time === undefined) {
      open = null;
      continue;
    }
    if (open === null) {
      open = [];
      runs.push(open);
    }
    open.push([time, value]);
  }
  // A lone point is a line of no length, which round ends make visible.
  return runs.map((run) => (run.length === 1 ? [...run, ...run] : run));
}

function ticks(from: number, to: number): number[] {
  const step = steps.find((one) => to - from >= one.from)?.step ?? steps[0].step;
  const first = Math.ceil(from / step) * step;
  return Array.from(
    { length: Math.max(0, Math.floor((to - first) / step) + 1) },
    (_, index) => first + index * step,
  );
}

/** Hours and minutes in UTC. */
function clock(time: number): string {
  return new Date(time).toISOString().slice(11, 16);
}

function latestWords(values: readonly (number | null)[], words: (value: number) => string): string {
  const latest = values.findLast((value) => value !== null);
  return latest === undefined || latest === null ? 'none' : words(latest);
}

function describe({ title, times, series, words }: ChartOptions): string {
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined) {
    return `${title}: nothing was measured.`;
  }
  const parts = series.map(({ name, values }) => {
    const known = values.flatMap((value, index) =>
      value === null ? [] : [{ value, time: times[index] ?? 0 }],
    );
    if (known.length === 0) {
      return `${name}: none.`;
    }
    const most = known.reduce((best, one) => (one.value > best.value ? one : best));
    return `${name}: ${words(known.at(-1)?.value ?? 0)} at the end, at most ${words(most.value)} at ${clock(most.time)}.`;
  });
  return `${title} from ${clock(first)} to ${clock(last)} UTC. ${parts.join(' ')}`;
}

/** Means of equal spans, for whoever reads numbers. */
function tableOf({ times, series, words }: ChartOptions): Chart['table'] {
  const size = Math.max(1, Math.ceil(times.length / tableRows));
  const rows = Math.ceil(times.length / size);
  return Array.from({ length: rows }, (_, row) => ({
    time: clock(times[row * size] ?? 0),
    values: series.map(({ values }) => {
      const known = values.slice(row * size, (row + 1) * size).filter((value) => value !== null);
      return known.length === 0 ? '–' : words(known.reduce((sum, value) => sum + value, 0) / known.length);
    }),
  }));
}
