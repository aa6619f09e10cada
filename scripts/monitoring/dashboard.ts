// What the Grafana dashboard shows; scripts/monitoring.ts writes deploy/monitoring/dashboard.json from it.
import { changes, cluster, controller, nginx } from './controller-rows.ts';
import { dashboardJson, type Variable } from './panels.ts';
import { job } from './queries.ts';
import { errors, latency, overview, traffic } from './traffic-rows.ts';

const variables: readonly Variable[] = [
  { name: 'job', label: 'Gateway', query: 'label_values(cloud_native_gateway_build_info, job)' },
  { name: 'namespace', label: 'Namespace', query: `label_values(http_requests_total{${job}}, namespace)` },
  {
    name: 'ingress',
    label: 'Ingress',
    query: `label_values(http_requests_total{${job},namespace=~"$namespace"}, ingress)`,
  },
];

/** The dashboard as Grafana imports it. */
export function dashboard(): object {
  return dashboardJson('cloud-native-gateway', 'cloud-native-gateway', variables, [
    overview,
    traffic,
    latency,
    errors,
    changes,
    cluster,
    nginx,
    controller,
  ]);
}
