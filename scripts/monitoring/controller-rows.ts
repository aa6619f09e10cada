// The rows of the dashboard that are about the gateway itself.
import type { Row } from './panels.ts';
import { graph, job, query, span } from './queries.ts';

export const changes: Row = {
  title: 'Changes',
  panels: [
    graph('Reloads by reason', 'Verified ones, an hour.', 'none', [
      query(
        `sum by (reason) (rate(cloud_native_gateway_reloads_total{${job},result="success"}${span})) * 3600`,
        '{{reason}}',
      ),
    ]),
    graph('Failures', 'Reloads and tests that failed, an hour.', 'none', [
      query(
        `sum(rate(cloud_native_gateway_reloads_total{${job},result="failure"}${span})) * 3600`,
        'reloads',
      ),
      query(
        `sum by (result) (rate(cloud_native_gateway_nginx_tests_total{${job},result!="success"}${span})) * 3600`,
        'nginx -t: {{result}}',
      ),
    ]),
    graph(
      'Time of a pass',
      'Mean of each stage from a change to its being served.',
      's',
      [
        query(
          `sum by (stage) (rate(cloud_native_gateway_stage_duration_seconds_sum{${job}}[10m])) / (sum by (stage) (rate(cloud_native_gateway_stage_duration_seconds_count{${job}}[10m])) > 0)`,
          '{{stage}}',
        ),
      ],
      8,
      { stacked: true },
    ),
    graph(
      'Objects by state',
      'What became of them.',
      'none',
      [query(`max by (state) (ingress_objects{${job}})`, '{{state}}')],
      8,
    ),
    graph(
      'Waiting',
      'A change that is not served yet; a cluster that is not followed.',
      's',
      [
        query(
          `max by (instance) (cloud_native_gateway_change_pending_seconds{${job}})`,
          'change, {{instance}}',
        ),
        query(`max by (instance) (cloud_native_gateway_source_stale_seconds{${job}})`, 'stale, {{instance}}'),
      ],
      8,
    ),
  ],
};

export const cluster: Row = {
  title: 'Cluster',
  panels: [
    graph(
      'Silence of the API server',
      'Since something last came about a kind; a minute is usual.',
      's',
      [query(`max by (kind) (cloud_native_gateway_source_silence_seconds{${job}})`, '{{kind}}')],
      8,
    ),
    graph(
      'Lists and watches begun again',
      'An hour.',
      'none',
      [
        query(
          `sum by (kind, reason) (rate(cloud_native_gateway_source_restarts_total{${job}}${span})) * 3600`,
          '{{kind}}: {{reason}}',
        ),
      ],
      8,
    ),
    graph(
      'Written back',
      'Leaders (one is right), statuses behind, Events that wait.',
      'none',
      [
        query(`sum(cloud_native_gateway_leader{${job}})`, 'leaders'),
        query(`max(cloud_native_gateway_status_behind_objects{${job}})`, 'statuses behind'),
        query(`max(cloud_native_gateway_events_waiting{${job}})`, 'Events waiting'),
        query(`max by (output) (cloud_native_gateway_output_trouble{${job}})`, 'trouble: {{output}}'),
      ],
      8,
    ),
  ],
};

export const nginx: Row = {
  title: 'nginx and certificates',
  panels: [
    graph(
      'Connections',
      'Of clients, by what they do.',
      'none',
      [query(`sum by (state) (cloud_native_gateway_nginx_connections{${job}})`, '{{state}}')],
      8,
    ),
    graph(
      'New connections',
      'A second. What is accepted and not handled found no room (worker_connections).',
      'cps',
      [
        query(
          `sum by (state) (rate(cloud_native_gateway_nginx_connections_total{${job}}${span}))`,
          '{{state}}',
        ),
      ],
      8,
    ),
    graph(
      'Requests of nginx',
      'A second, with those that no Ingress takes and those of the gateway itself.',
      'reqps',
      [
        query(
          `sum by (instance) (rate(cloud_native_gateway_nginx_requests_total{${job}}${span}))`,
          '{{instance}}',
        ),
      ],
      8,
    ),
    {
      kind: 'table',
      title: 'Fewest endpoints',
      about: 'Services with the fewest ready endpoints in the configuration that is served.',
      unit: 'none',
      width: 12,
      queries: [
        query(
          `bottomk(20, min by (namespace, service, upstream) (cloud_native_gateway_upstream_endpoints{${job},namespace=~"$namespace"}))`,
        ),
      ],
      leastFirst: true,
      columns: { namespace: 'Namespace', service: 'Service', upstream: 'Upstream', Value: 'Endpoints' },
    },
    {
      kind: 'table',
      title: 'Certificates',
      about: 'Until they expire, the next ones first.',
      unit: 's',
      width: 12,
      queries: [
        query(
          `bottomk(20, min by (namespace, secret_name, host) (nginx_ingress_controller_ssl_expire_time_seconds{${job}}) - time())`,
        ),
      ],
      steps: [
        [-1e9, 'red'],
        [259_200, 'orange'],
        [1_209_600, 'green'],
      ],
      leastFirst: true,
      columns: { host: 'Host', namespace: 'Namespace', secret_name: 'Secret', Value: 'Left' },
    },
  ],
};

export const controller: Row = {
  title: 'Controller',
  panels: [
    graph(
      'Memory',
      'Of the controller; nginx is in the other container.',
      'bytes',
      [query(`process_resident_memory_bytes{${job}}`, '{{instance}}')],
      8,
    ),
    graph(
      'CPU',
      'Cores.',
      'none',
      [query(`rate(process_cpu_seconds_total{${job}}${span})`, '{{instance}}')],
      8,
    ),
    graph(
      'Lateness of the main thread',
      'p99: what a health check waits for at most.',
      's',
      [
        query(
          `histogram_quantile(0.99, sum by (instance, le) (rate(cloud_native_gateway_event_loop_delay_seconds_bucket{${job}}${span})))`,
          '{{instance}}',
        ),
      ],
      8,
    ),
    graph(
      'Counting requests',
      'Seconds of CPU a second of the thread that reads the traffic log.',
      'none',
      [query(`rate(cloud_native_gateway_traffic_reader_cpu_seconds_total{${job}}${span})`, '{{instance}}')],
      8,
    ),
    graph(
      'Series of requests',
      'And requests a second that found no series of their own (metrics.max_series).',
      'none',
      [
        query(`cloud_native_gateway_traffic_series{${job}}`, 'series, {{instance}}'),
        query(`rate(cloud_native_gateway_traffic_dropped_total{${job}}${span})`, 'dropped, {{instance}}'),
      ],
      8,
    ),
    graph(
      'Rendering thread replaced',
      'An hour, by reason.',
      'none',
      [
        query(
          `sum by (reason) (rate(cloud_native_gateway_worker_restarts_total{${job}}${span})) * 3600`,
          '{{reason}}',
        ),
      ],
      8,
    ),
  ],
};
