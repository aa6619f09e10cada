/**
 * What dashboards and alerts of ingress-nginx ask, in the shapes in which its own dashboards and its users' rules have
 * them: metric names, labels, matchers and groupings. Each must have an answer here.
 */
export const ingressNginxQueries: Readonly<Record<string, string>> = (() => {
  const own = 'controller_pod=~".*",controller_class=~".*",controller_namespace=~".*"';
  const chosen = `${own},ingress=~".*"`;
  const prefix = 'nginx_ingress_controller_';
  function rate(metric: string, selector: string): string {
    return `rate(${prefix}${metric}{${selector}}[2m])`;
  }
  return {
    'request volume': `round(sum(i${rate('requests', own)}), 0.001)`,
    'volume by Ingress': `round(sum(i${rate('requests', chosen)}) by (ingress), 0.001)`,
    'success rate': `sum(${rate('requests', `${own},status!~"[4-5].*"`)}) / sum(${rate('requests', own)})`,
    'success rate by Ingress': `sum(${rate('requests', `${chosen},status!~"[4-5].*"`)}) by (ingress) / sum(${rate('requests', chosen)}) by (ingress)`,
    'errors by path': `sum by (path) (${rate('requests', 'ingress=~".*",status=~"[4-5].*"')})`,
    '5xx ratio, as in alerts': `100 * sum(${rate('requests', 'status=~"5.+"')}) / sum(${rate('requests', '')})`,
    'by method, path, service': `sum by (method, path, namespace, ingress, service, canary) (${rate('requests', own)})`,
    connections: `sum(avg_over_time(${prefix}nginx_process_connections{${own},state="active"}[2m]))`,
    'accepted and handled': `sum by (state) (${rate('nginx_process_connections_total', `${own},state=~"accepted|handled"`)})`,
    'requests of nginx': `sum(${rate('nginx_process_requests_total', own)})`,
    reloads: `avg(i${rate('success', own)}) * 60`,
    'failed reloads': `sum(${rate('errors', own)})`,
    'last reload': `${prefix}config_last_reload_successful{${own}}`,
    'time of the last reload': `time() - ${prefix}config_last_reload_successful_timestamp_seconds{${own}}`,
    'configurations that differ': `count(count by (config) (count_values("config", ${prefix}config_hash{${own}})))`,
    received: `sum(i${rate('request_size_sum', own)}) by (ingress)`,
    sent: `- sum(i${rate('response_size_sum', own)}) by (ingress)`,
    'bytes sent': `sum(${rate('bytes_sent_sum', own)})`,
    p50: `histogram_quantile(0.50, sum(${rate('request_duration_seconds_bucket', `ingress!="",${chosen}`)}) by (le, ingress))`,
    p99: `histogram_quantile(0.99, sum(${rate('request_duration_seconds_bucket', `ingress!="",${chosen}`)}) by (le, ingress))`,
    'p95 of backends': `histogram_quantile(0.95, sum by (le, path) (${rate('response_duration_seconds_bucket', chosen)}))`,
    'mean of backends by path': `sum by (path) (${rate('response_duration_seconds_sum', chosen)}) / sum by (path) (${rate('response_duration_seconds_count', chosen)})`,
    'mean size by path': `sum by (path) (${rate('response_size_sum', chosen)}) / sum by (path) (${rate('response_size_count', chosen)})`,
    'connect time': `sum(${rate('connect_duration_seconds_sum', chosen)}) / sum(${rate('connect_duration_seconds_count', chosen)})`,
    'header time': `sum(${rate('header_duration_seconds_sum', chosen)}) / sum(${rate('header_duration_seconds_count', chosen)})`,
    'certificates expire': `avg(${prefix}ssl_expire_time_seconds{namespace=~".*",class=~".*"}) by (host) - time()`,
    'certificates by Secret': `min by (namespace, secret_name, identifier) (${prefix}ssl_expire_time_seconds) - time() < 3600 * 24 * 4000`,
    certificates: `${prefix}ssl_certificate_info{host!=""}`,
    leader: `${prefix}leader_election_status{${own}} == 1`,
    build: `${prefix}build_info{${own}}`,
    orphans: `count(${prefix}orphan_ingress{${own},type="no-endpoint"} == 1)`,
  };
})();
