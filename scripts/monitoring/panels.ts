// The parts of a Grafana dashboard: panels as they are thought of, and the JSON that Grafana wants.

/** One curve, or one per series that the expression gives. */
export interface Query {
  readonly expr: string;
  /** In Grafana's form, as in `{{ingress}}`. */
  readonly legend: string;
}

export interface Panel {
  /** `stat`: one number now; `graph`: over time; `table`: one line per series, now. */
  readonly kind: 'stat' | 'graph' | 'table';
  readonly title: string;
  readonly about: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly Query[];
  /** Values from which a colour holds, least first; without them there is one colour. */
  readonly steps?: readonly (readonly [from: number, color: Color])[];
  /** Curves stand upon each other. */
  readonly stacked?: true;
  /** Of a table: names of its columns by label; the last one is `Value`. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Of a table: the least values come first. */
  readonly leastFirst?: true;
}

export type Color = 'green' | 'yellow' | 'orange' | 'red' | 'blue';

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** As in `label_values(metric, label)`. */
  readonly query: string;
}

const columns = 24;
const heights = { stat: 4, graph: 8, table: 8 } as const;
const source = { type: 'prometheus', uid: '${datasource}' };

/** The panels of all rows, each with its place: from left to right, as many in a line as there is room for. */
export function placePanels(rows: readonly Row[]): object[] {
  const placed: object[] = [];
  let id = 0;
  let y = 0;
  for (const row of rows) {
    id += 1;
    const gridPos = { x: 0, y, w: columns, h: 1 };
    placed.push({ type: 'row', id, title: row.title, collapsed: false, panels: [], gridPos });
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      const height = heights[panel.kind];
      if (x + panel.width > columns) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      id += 1;
      placed.push({ id, gridPos: { x, y, w: panel.width, h: height }, ...panelJson(panel) });
      x += panel.width;
      lineHeight = Math.max(lineHeight, height);
    }
    y += lineHeight;
  }
  return placed;
}

function panelJson(panel: Panel): object {
  const shared = { title: panel.title, description: panel.about, datasource: source };
  const isNow = panel.kind !== 'graph';
  const targets = panel.queries.map(({ expr, legend }, index) => ({
    datasource: source,
    refId: String.fromCharCode('A'.charCodeAt(0) + index),
    expr,
    legendFormat: legend,
    ...(isNow ? { instant: true, range: false } : { range: true }),
    ...(panel.kind === 'table' && { format: 'table' }),
  }));
  const [first = [0, 'blue'] as const] = panel.steps ?? [];
  const thresholds = {
    mode: 'absolute',
    // Grafana's own form for the least value.
    steps: (panel.steps ?? [first]).map(([value, color], index) => ({
      color,
      value: index === 0 ? null : value,
    })),
  };
  const defaults = { unit: panel.unit, thresholds };
  if (panel.kind === 'stat') {
    const options = {
      reduceOptions: { calcs: ['lastNotNull'] },
      colorMode: panel.steps === undefined ? 'none' : 'value',
      graphMode: 'none',
      textMode: panel.queries.length > 1 ? 'value_and_name' : 'value',
    };
    return { type: 'stat', ...shared, targets, fieldConfig: { defaults, overrides: [] }, options };
  }
  if (panel.kind === 'table') {
    return { type: 'table', ...shared, targets, ...tableJson(panel, defaults) };
  }
  const custom = {
    lineWidth: 1,
    fillOpacity: panel.stacked === true ? 40 : 8,
    showPoints: 'never',
    stacking: { mode: panel.stacked === true ? 'normal' : 'none' },
  };
  return {
    type: 'timeseries',
    ...shared,
    targets,
    fieldConfig: {
      defaults: { ...defaults, min: 0, color: { mode: 'palette-classic' }, custom },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}

function tableJson({ columns: named = {}, leastFirst, steps }: Panel, defaults: object): object {
  const names = Object.keys(named);
  return {
    fieldConfig: {
      // The unit is of the values alone.
      defaults: {},
      overrides: names
        .filter((name) => name.startsWith('Value'))
        .map((name) => ({
          matcher: { id: 'byName', options: named[name] },
          properties: [
            ...Object.entries(defaults).map(([id, value]) => ({ id, value: value as unknown })),
            ...(steps === undefined ? [] : [{ id: 'custom.cellOptions', value: { type: 'color-text' } }]),
          ],
        })),
    },
    options: { showHeader: true, sortBy: [{ displayName: named['Value'], desc: leastFirst !== true }] },
    transformations: [
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true },
          indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
          renameByName: named,
        },
      },
    ],
  };
}

/** The whole dashboard. `uid` is its address in Grafana and never changes. */
export function dashboardJson(
  uid: string,
  title: string,
  variables: readonly Variable[],
  rows: readonly Row[],
): object {
  const chosen = variables.map(({ name, label, query }) => ({
    type: 'query',
    name,
    label,
    datasource: source,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
  }));
  return {
    uid,
    title,
    tags: ['cloud-native-gateway', 'ingress', 'nginx'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    graphTooltip: 1,
    templating: {
      list: [
        { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus', current: {} },
        ...chosen,
      ],
    },
    annotations: {
      list: [
        {
          name: 'Reloads',
          datasource: source,
          enable: false,
          iconColor: 'blue',
          expr: 'sum by (reason) (increase(cloud_native_gateway_reloads_total{job=~"$job",result="success"}[1m])) > 0',
          titleFormat: 'Reload',
          textFormat: '{{reason}}',
        },
      ],
    },
    panels: placePanels(rows),
  };
}
