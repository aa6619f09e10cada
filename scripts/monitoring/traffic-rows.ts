// The rows of the dashboard that are about requests.
import type { Row } from './panels.ts';
import { graph, job, quantile, quantiles, query, requests, route, span, stat } from './queries.ts';

export const overview: Row = {
  title: 'Overview',
  panels: [
    stat(
      'Ready pods',
      'Pods whose /ready says yes.',
      'none',
      [query(`sum(cloud_native_gateway_ready{${job}})`)],
      {
        steps: [
          [0, 'red'],
          [1, 'green'],
        ],
      },
    ),
    stat('Requests', 'A second, all pods together.', 'reqps', [query(requests(''))]),
    stat(
      '5xx',
      'Of all requests.',
      'percentunit',
      [query(`(${requests('', ',status=~"5.."')} or vector(0)) / (${requests('')} > 0)`)],
      {
        steps: [
          [0, 'green'],
          [0.01, 'yellow'],
          [0.05, 'red'],
        ],
      },
    ),
    stat('Latency p95', 'From the first byte of a request to the last of its answer.', 's', [
      query(quantile(0.95, 'http_request_duration_seconds')),
    ]),
    stat(
      'Quarantined',
      'Objects that nginx refuses: /debug/objects?state=quarantined.',
      'none',
      [query(`max(cloud_native_gateway_quarantined_objects{${job}})`)],
      {
        steps: [
          [0, 'green'],
          [1, 'orange'],
        ],
      },
    ),
    stat(
      'Change waits',
      'How long a change has waited to be served; 0 where none does.',
      's',
      [query(`max(cloud_native_gateway_change_pending_seconds{${job}})`)],
      {
        steps: [
          [0, 'green'],
          [30, 'yellow'],
          [120, 'red'],
        ],
      },
    ),
    stat(
      'Stale',
      'How long the API server has not been followed; 0 where it is.',
      's',
      [query(`max(cloud_native_gateway_source_stale_seconds{${job}})`)],
      {
        steps: [
          [0, 'green'],
          [60, 'yellow'],
          [300, 'red'],
        ],
      },
    ),
    stat(
      'Next certificate',
      'Until the first certificate expires.',
      's',
      [query(`min(nginx_ingress_controller_ssl_expire_time_seconds{${job}}) - time()`)],
      {
        steps: [
          [-1e9, 'red'],
          [259_200, 'orange'],
          [1_209_600, 'green'],
        ],
      },
    ),
  ],
};

export const traffic: Row = {
  title: 'Traffic',
  panels: [
    graph(
      'Requests by status',
      'A second, by class of status.',
      'reqps',
      [
        query(
          `sum by (class) (label_replace(rate(http_requests_total{${route}}${span}), "class", "\${1}xx", "status", "(.).*"))`,
          '{{class}}',
        ),
      ],
      12,
      { stacked: true },
    ),
    graph('Requests by Ingress', 'A second, of the ten busiest.', 'reqps', [
      query(`topk(10, ${requests(' by (namespace, ingress)')})`, '{{namespace}}/{{ingress}}'),
    ]),
    graph('Requests by method', 'A second.', 'reqps', [query(requests(' by (method)'), '{{method}}')], 8),
    graph(
      'Bytes',
      'A second, heads included.',
      'Bps',
      [
        query(`sum(rate(http_request_size_bytes_sum{${route}}${span}))`, 'received'),
        query(`sum(rate(http_response_size_bytes_sum{${route}}${span}))`, 'sent'),
      ],
      8,
    ),
    graph(
      'Requests by pod',
      'A second: whether all pods carry their share.',
      'reqps',
      [query(requests(' by (instance)'), '{{instance}}')],
      8,
    ),
  ],
};

export const latency: Row = {
  title: 'Latency',
  panels: [
    graph(
      'Requests',
      'From the first byte of a request to the last of its answer.',
      's',
      quantiles.map(([q, name]) => query(quantile(q, 'http_request_duration_seconds'), name)),
    ),
    graph(
      'Backends',
      'What backends took, all tries of a request together.',
      's',
      quantiles.map(([q, name]) => query(quantile(q, 'http_upstream_duration_seconds'), name)),
    ),
    graph('p95 by Ingress', 'Of the ten slowest.', 's', [
      query(
        `topk(10, ${quantile(0.95, 'http_request_duration_seconds', 'namespace, ingress')})`,
        '{{namespace}}/{{ingress}}',
      ),
    ]),
    {
      kind: 'table',
      title: 'Slowest routes',
      about: 'Mean time of a request now, by path of the rule.',
      unit: 's',
      width: 12,
      queries: [
        query(
          `topk(20, sum by (namespace, ingress, endpoint) (rate(http_request_duration_seconds_sum{${route}}${span})) / (sum by (namespace, ingress, endpoint) (rate(http_request_duration_seconds_count{${route}}${span})) > 0))`,
        ),
      ],
      columns: { namespace: 'Namespace', ingress: 'Ingress', endpoint: 'Path', Value: 'Mean' },
    },
  ],
};

export const errors: Row = {
  title: 'Errors',
  panels: [
    graph('5xx by Ingress', 'Of its requests, of the ten worst.', 'percentunit', [
      query(
        `topk(10, ${requests(' by (namespace, ingress)', ',status=~"5.."')} / (${requests(' by (namespace, ingress)')} > 0))`,
        '{{namespace}}/{{ingress}}',
      ),
    ]),
    graph('4xx by Ingress', 'A second, of the ten with most.', 'reqps', [
      query(
        `topk(10, ${requests(' by (namespace, ingress)', ',status=~"4.."')})`,
        '{{namespace}}/{{ingress}}',
      ),
    ]),
    {
      kind: 'table',
      title: 'Routes with 5xx',
      about: 'Answers a second now, by path of the rule and status.',
      unit: 'reqps',
      width: 24,
      queries: [
        query(
          `topk(20, ${requests(' by (namespace, ingress, service, endpoint, status)', ',status=~"5.."')})`,
        ),
      ],
      columns: {
        namespace: 'Namespace',
        ingress: 'Ingress',
        service: 'Service',
        endpoint: 'Path',
        status: 'Status',
        Value: 'Answers',
      },
    },
  ],
};
