/** What the config file says about the traffic metrics, as plain data. */
export interface TrafficSettings {
  /** `http_requests_total` and its kin. */
  readonly ownNames: boolean;
  /** `nginx_ingress_controller_requests` and its kin. */
  readonly ingressNginxNames: boolean;
  readonly perHost: boolean;
  /** `2xx` in the place of `200`. */
  readonly statusClasses: boolean;
  /** Names of metrics that are left out, those of ingress-nginx with or without its prefix. */
  readonly exclude: readonly string[];
  /** Limits of histograms: seconds, bytes, bytes. */
  readonly timeBuckets: readonly number[];
  readonly lengthBuckets: readonly number[];
  readonly sizeBuckets: readonly number[];
  /** All series of requests together. */
  readonly maxSeries: number;
}

/** What a line measures. Times are whole milliseconds, as nginx writes them; -1 for what there was not. */
export interface Measures {
  requestTime: number;
  /** Of all tries of a request together. */
  upstreamTime: number;
  /** These three of requests with a single try alone, as in ingress-nginx. */
  connectTime: number;
  headerTime: number;
  responseTime: number;
  /** Bytes. */
  requestLength: number;
  bytesSent: number;
}

/** One histogram within a block of numbers: a count for each bucket, one for what is beyond, and the sum. */
export interface Part {
  readonly name: string;
  readonly help: string;
  readonly measure: keyof Measures;
  /** In the unit of the metric. */
  readonly buckets: readonly number[];
  /** In the unit of the measure. */
  readonly limits: Float64Array;
  /** Units of the measure in one of the metric. */
  readonly scale: number;
  /** Where in its block it begins. */
  readonly offset: number;
  /** It is on the metrics page. */
  readonly isShown: boolean;
}

/** How the numbers of a route and of a row lie. A row is a route with one method and status. */
export interface Layout {
  readonly routeParts: readonly Part[];
  readonly routeWidth: number;
  /** The first number of a row is its count of requests. */
  readonly rowParts: readonly Part[];
  readonly rowWidth: number;
  /** What each costs of `maxSeries`. */
  readonly seriesPerRoute: number;
  readonly seriesPerRow: number;
  readonly showsOwnCount: boolean;
  readonly showsIngressNginxCount: boolean;
}

export const ingressNginxPrefix = 'nginx_ingress_controller_';

/** Where `routeParts` has what views are made from. */
export const durationPart = 0;
export const upstreamPart = 1;
export const requestSizePart = 2;
export const responseSizePart = 3;

type Form = readonly [name: string, help: string, measure: keyof Measures, kind: 'time' | 'length' | 'size'];

const ownForms: readonly Form[] = [
  [
    'http_request_duration_seconds',
    'From the first byte of a request to the last of its answer.',
    'requestTime',
    'time',
  ],
  [
    'http_upstream_duration_seconds',
    'What backends took, all tries of a request together.',
    'upstreamTime',
    'time',
  ],
  ['http_request_size_bytes', 'Bytes of requests, heads included.', 'requestLength', 'size'],
  ['http_response_size_bytes', 'Bytes of answers, heads included.', 'bytesSent', 'size'],
];

const ingressNginxForms: readonly Form[] = [
  ['request_duration_seconds', 'Seconds that requests took.', 'requestTime', 'time'],
  [
    'response_duration_seconds',
    'Seconds until backends had answered; of requests with one try.',
    'responseTime',
    'time',
  ],
  [
    'connect_duration_seconds',
    'Seconds until backends were connected; of requests with one try.',
    'connectTime',
    'time',
  ],
  [
    'header_duration_seconds',
    'Seconds until the head of an answer; of requests with one try.',
    'headerTime',
    'time',
  ],
  ['request_size', 'Bytes of requests, heads included.', 'requestLength', 'length'],
  ['response_size', 'Bytes of answers, heads included.', 'bytesSent', 'length'],
  ['bytes_sent', 'Bytes of answers, heads included, in other buckets.', 'bytesSent', 'size'],
];

/** A counter and, with buckets, what Prometheus makes of a histogram: `+Inf`, sum and count. */
function seriesOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { buckets, isShown }) => sum + (isShown ? buckets.length + 3 : 0), 0);
}

export function layoutOf(settings: TrafficSettings): Layout {
  const { ownNames, ingressNginxNames } = settings;
  const left = new Set(settings.exclude.flatMap((name) => [name, name.replace(ingressNginxPrefix, '')]));
  const own = partsOf(ownForms, '', 0, settings, (name) => ownNames && !left.has(name));
  // Where none of them is shown, rows are but a count.
  const shown = ingressNginxNames ? ingressNginxForms.filter(([name]) => !left.has(name)) : [];
  const theirs = partsOf(shown, ingressNginxPrefix, 1, settings, () => true);
  const showsOwnCount = ownNames && !left.has('http_requests_total');
  const showsIngressNginxCount = ingressNginxNames && !left.has('requests');
  return {
    routeParts: own.parts,
    routeWidth: own.width,
    rowParts: theirs.parts,
    rowWidth: theirs.width,
    seriesPerRoute: seriesOf(own.parts),
    seriesPerRow: Number(showsOwnCount) + Number(showsIngressNginxCount) + seriesOf(theirs.parts),
    showsOwnCount,
    showsIngressNginxCount,
  };
}

function partsOf(
  forms: readonly Form[],
  prefix: string,
  start: number,
  settings: TrafficSettings,
  isShown: (name: string) => boolean,
): { readonly parts: Part[]; readonly width: number } {
  const byKind = {
    time: settings.timeBuckets,
    length: settings.lengthBuckets,
    size: settings.sizeBuckets,
  };
  let offset = start;
  const parts = forms.map(([name, help, measure, kind]): Part => {
    const buckets = byKind[kind];
    const scale = kind === 'time' ? 1000 : 1;
    const part = {
      name: `${prefix}${name}`,
      help,
      measure,
      buckets,
      limits: Float64Array.from(buckets, (limit) => limit * scale),
      scale,
      offset,
      isShown: isShown(name),
    };
    offset += buckets.length + 2;
    return part;
  });
  return { parts, width: offset };
}
