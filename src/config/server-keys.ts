import { listenAddress } from './address.ts';
import { key } from './key.ts';
import { boolean, buckets, list, oneOf, path, text, whole } from './value-kind.ts';

export const server = {
  description: 'The HTTP server of the probes: `/healthz` and `/ready`.',
  keys: {
    addr: key('addr', listenAddress(), ':8080', 'Where `/healthz` and `/ready` are served.'),
    readTimeoutSeconds: key(
      'read_timeout',
      whole('seconds', 1, 3600),
      30,
      'How long a request may take to arrive. Holds for the metrics and debug servers too.',
    ),
    writeTimeoutSeconds: key(
      'write_timeout',
      whole('seconds', 1, 3600),
      30,
      'How long a connection may stand still while an answer is sent. Holds for the metrics and debug servers too.',
    ),
    idleTimeoutSeconds: key(
      'idle_timeout',
      whole('seconds', 1, 3600),
      60,
      'How long a kept-alive connection may wait for its next request. Holds for the metrics and debug servers too.',
    ),
  },
} as const;

export const metrics = {
  description: 'Metrics for Prometheus.',
  keys: {
    enabled: key('enabled', boolean(), true, 'Whether `/metrics` is served.'),
    addr: key('addr', listenAddress(), ':9090', 'Where `/metrics` is served.'),
    traffic: key(
      'traffic',
      boolean(),
      true,
      'Whether requests are counted: nginx writes a log of its own for it, in `state_dir` (docs/metrics.md).',
    ),
    ownNames: key(
      'own_names',
      boolean(),
      true,
      'Whether requests are told as `http_requests_total` and its kin.',
    ),
    ingressNginxNames: key(
      'ingress_nginx_names',
      boolean(),
      true,
      'Whether requests are told as `nginx_ingress_controller_requests` and its kin, for dashboards and alerts that know them.',
    ),
    maxSeries: key(
      'max_series',
      whole('series', 1000, 10_000_000),
      100_000,
      'How many series requests may have, both sets of names together. What would be more is counted in one of the path `(overflow)`.',
    ),
    logSizeMb: key(
      'log_size',
      whole('MB', 1, 32),
      16,
      'The size of the log for counting requests at which it is put aside and read to its end, in MB of 1,048,576 bytes.',
    ),
    perHost: key(
      'per_host',
      boolean(),
      false,
      'Whether request metrics carry the label `host`: that of the rule, never that of a request.',
    ),
    reportStatusClasses: key(
      'report_status_classes',
      boolean(),
      false,
      'Whether the label `status` is a class (`2xx`) instead of a code.',
    ),
    exclude: key(
      'exclude',
      list(
        text('metric name', 'the name of a metric', /^[a-zA-Z_:][a-zA-Z0-9_:]*$/u, {
          max: 200,
          empty: false,
        }),
      ),
      [],
      'Request metrics that are not told, those of ingress-nginx with or without their prefix.',
    ),
    timeBucketsSeconds: key(
      'time_buckets',
      buckets(),
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      'Limits of the histograms of durations, in seconds.',
    ),
    lengthBucketsBytes: key(
      'length_buckets',
      buckets(),
      [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
      'Limits of the histograms `…_request_size` and `…_response_size`, in bytes.',
    ),
    sizeBucketsBytes: key(
      'size_buckets',
      buckets(),
      [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000],
      'Limits of the histograms of sizes and of bytes sent, in bytes.',
    ),
  },
} as const;

export const debug = {
  description: 'The debug endpoint: the live configuration, the model and the verdict on every object.',
  keys: {
    enabled: key('enabled', boolean(), true, 'Whether `/debug/` is served.'),
    addr: key(
      'addr',
      listenAddress(),
      '127.0.0.1:8081',
      'Where `/debug/` is served. It shows the whole configuration, without secrets. Beyond loopback readers need a bearer token that the API server knows (docs/operations.md).',
    ),
  },
} as const;

export const plugins = {
  description: 'Plugins beside the built-in ones.',
  keys: {
    directory: key(
      'directory',
      path(),
      '',
      'A folder with plugins of your own (docs/plugins.md). Empty: none.',
    ),
    disabled: key(
      'disabled',
      list(text('plugin name', 'the name of a plugin', /^[a-z][a-z0-9-]*$/u, { max: 100, empty: false })),
      [],
      'Plugins that are not loaded, built-in ones included.',
    ),
  },
} as const;

export const log = {
  description: 'Logs of the gateway itself. The access log of nginx is another.',
  keys: {
    level: key(
      'level',
      oneOf(['debug', 'info', 'warn', 'error']),
      'info',
      'The least level that is written. An edit takes effect without a restart.',
      { live: true },
    ),
    format: key(
      'format',
      oneOf(['json', 'text']),
      'json',
      '`json` writes one JSON object a line, `text` lines for people.',
    ),
    filePath: key(
      'file_path',
      path(),
      '',
      'A file that gets the log as well as the console does. Empty: console only.',
    ),
    maxSizeMb: key(
      'max_size',
      whole('MB', 1, 10_240),
      100,
      'The size that neither the log file nor an old one exceeds, in MB of 1,048,576 bytes.',
    ),
    maxBackups: key(
      'max_backups',
      whole('files', 0, 1000),
      3,
      'How many old log files are kept, as `<file_path>.1` (the newest) and so on. 0 keeps none.',
    ),
    maxAgeDays: key(
      'max_age',
      whole('days', 1, 3650),
      7,
      'How long an old log file is kept, counted from its last line.',
    ),
  },
} as const;
