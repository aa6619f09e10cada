import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { ingressNginxPrefix, layoutOf, type Part, type TrafficSettings } from '../traffic/layout.ts';
import type { Snapshot } from '../traffic/protocol.ts';
import { CollectedHistogram, type CountedHistogram } from './collected-histogram.ts';
import type { BuildIdentity } from './metrics-labels.ts';

const prefix = 'cloud_native_gateway_traffic_';

/** Labels of a set of names. */
type Labels = Readonly<Record<string, string>>;

interface LabelledRow {
  readonly own: Labels;
  /** Null for what is of no Ingress. */
  readonly ingressNginx: Labels | null;
}

/** What the metrics read. */
export interface TrafficSource {
  /** All counts; the labels only where they are not those of `version`. */
  snapshot(version: number): Promise<Snapshot>;
}

/** A page does not wait longer for the thread that reads the log, in milliseconds: it has the counts of before. */
const patienceMs = 5_000;

/**
 * Registers the metrics of requests. They are counted by the thread that reads the traffic log, and fetched with the
 * function that is returned, before each page.
 */
export function registerTraffic(
  registry: Registry,
  identity: BuildIdentity,
  settings: TrafficSettings,
  source: TrafficSource,
): () => Promise<void> {
  const registers = [registry];
  const layout = layoutOf(settings);
  const constant = {
    controller_namespace: identity.podNamespace,
    controller_class: identity.controllerClass,
    controller_pod: identity.podName,
  };
  let snapshot: Snapshot | null = null;
  let version = 0;
  let routes: Labels[] = [];
  let rows: LabelledRow[] = [];

  function take(next: Snapshot): void {
    snapshot = next;
    version = next.version;
    if (next.labels === null) {
      return;
    }
    const { labels } = next;
    function host(name: string): Labels {
      return settings.perHost ? { host: name } : {};
    }

    routes = labels.routes.map(({ host: name, namespace, ingress, service, path, canary }) => ({
      ...host(name),
      namespace,
      ingress,
      service,
      canary,
      endpoint: path,
    }));
    rows = labels.rows.map(({ route: number, method, status }) => {
      const route = labels.routes[number];
      const own = { ...routes[number], method, status };
      if (route === undefined || (route.ingress === '' && !route.isOverflow)) {
        return { own, ingressNginx: null };
      }
      const { namespace, ingress, service, path, canaryUpstream } = route;
      return {
        own,
        ingressNginx: {
          ...constant,
          ...host(route.host),
          namespace,
          ingress,
          service,
          path,
          method,
          status,
          canary: canaryUpstream,
        },
      };
    });
  }

  const hosts = settings.perHost ? ['host'] : [];
  const ownLabels = [...hosts, 'namespace', 'ingress', 'service', 'canary', 'endpoint'];
  const ingressNginxLabels = [
    ...Object.keys(constant),
    ...hosts,
    'namespace',
    'ingress',
    'service',
    'path',
    'method',
    'status',
    'canary',
  ];

  function histogram(part: Part, labelNames: readonly string[], read: () => CountedHistogram[]): void {
    const { name, help, buckets } = part;
    // Made for its side effect: it registers itself.
    void new CollectedHistogram(
      { name, help, buckets: [...buckets], labelNames: [...labelNames], registers },
      read,
    );
  }

  for (const part of layout.routeParts.filter(({ isShown }) => isShown)) {
    histogram(part, ownLabels, () =>
      routes.map((own, index) =>
        counted(own, snapshot?.routeNumbers, index * layout.routeWidth + part.offset, part),
      ),
    );
  }
  for (const part of layout.rowParts) {
    histogram(part, ingressNginxLabels, () =>
      rows.flatMap(({ ingressNginx }, index) =>
        ingressNginx === null
          ? []
          : [counted(ingressNginx, snapshot?.rowNumbers, index * layout.rowWidth + part.offset, part)],
      ),
    );
  }

  function requests(
    name: string,
    help: string,
    labelNames: readonly string[],
    labelsOf: (row: LabelledRow) => Labels | null,
  ): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect: () => {
        counter.reset();
        for (const [index, row] of rows.entries()) {
          const labels = labelsOf(row);
          if (labels !== null) {
            counter.inc(labels, snapshot?.rowNumbers[index * layout.rowWidth] ?? 0);
          }
        }
      },
    });
  }

  if (layout.showsOwnCount) {
    requests(
      'http_requests_total',
      'Requests of clients, by route, method and status.',
      [...ownLabels, 'method', 'status'],
      ({ own }) => own,
    );
  }
  if (layout.showsIngressNginxCount) {
    requests(
      `${ingressNginxPrefix}requests`,
      'Requests of clients for locations of Ingresses.',
      ingressNginxLabels,
      ({ ingressNginx }) => ingressNginx,
    );
  }

  function figure(
    kind: 'counter' | 'gauge',
    name: string,
    help: string,
    read: (now: Snapshot) => number,
  ): void {
    function value(): number {
      return snapshot === null ? 0 : read(snapshot);
    }

    if (kind === 'gauge') {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(value()) });
    } else {
      const counter: Counter = new Counter({
        name,
        help,
        registers,
        collect: () => {
          counter.reset();
          counter.inc(value());
        },
      });
    }
  }

  figure(
    'counter',
    `${prefix}requests_total`,
    'Lines of the traffic log that were counted.',
    ({ lines }) => lines,
  );
  figure(
    'counter',
    `${prefix}dropped_total`,
    'Requests that are counted in the series "(overflow)" alone: metrics.max_series, or what a namespace may have of it, is reached.',
    ({ dropped }) => dropped,
  );
  figure(
    'gauge',
    `${prefix}series`,
    'Series of requests, of at most metrics.max_series.',
    ({ series }) => series,
  );
  figure(
    'counter',
    `${prefix}malformed_lines_total`,
    'Lines of the traffic log that are none of its own.',
    ({ malformed }) => malformed,
  );
  figure(
    'counter',
    `${prefix}log_gaps_total`,
    'Times that the traffic log was cut or taken away before it was read to its end.',
    ({ gaps }) => gaps,
  );
  figure(
    'counter',
    `${prefix}log_rotations_total`,
    'Times that the traffic log was put aside for being large.',
    ({ rotations }) => rotations,
  );
  figure(
    'gauge',
    `${prefix}log_unread_bytes`,
    'Bytes of the traffic log that are not read yet.',
    ({ behind }) => behind,
  );
  figure(
    'counter',
    `${prefix}reader_cpu_seconds_total`,
    'CPU seconds of the thread that reads the traffic log.',
    ({ cpuSeconds }) => cpuSeconds,
  );

  return async () => {
    const late = new Promise<null>((resolve) => {
      setTimeout(resolve, patienceMs, null).unref();
    });
    const next = await Promise.race([source.snapshot(version).catch(() => null), late]);
    if (next !== null) {
      take(next);
    }
  };
}

function counted(
  labels: Labels,
  numbers: Float64Array | undefined,
  start: number,
  { buckets, scale }: Part,
): CountedHistogram {
  const counts = numbers?.subarray(start, start + buckets.length + 1) ?? new Float64Array();
  return { labels, counts, sum: (numbers?.[start + buckets.length + 1] ?? 0) / scale };
}
