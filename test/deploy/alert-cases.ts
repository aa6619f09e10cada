/** What makes an alert fire: series with a value a minute, in promtool's notation. */
export interface AlertCase {
  readonly alert: string;
  readonly series: Readonly<Record<string, string>>;
  /** Minutes after which it does not fire yet, and those after which it does. */
  readonly quietAt: number;
  readonly firesAt: number;
  /** Of the alert that fires, beside `severity`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly description: string;
}

const pod = { job: 'gateway', instance: '10.0.0.7:9090' };
const target = 'job="gateway",instance="10.0.0.7:9090"';
const pair = 'namespace="web",secret_name="pair"';
const shop = 'namespace="web",ingress="shop"';

export const alertCases: readonly AlertCase[] = [
  {
    alert: 'CloudNativeGatewayAbsent',
    series: { other: '1x20' },
    quietAt: 4,
    firesAt: 6,
    labels: {},
    description: 'Prometheus has had no metrics of any gateway for 5 minutes.',
  },
  {
    alert: 'CloudNativeGatewayDown',
    series: { 'up{job="web/cloud-native-gateway",instance="10.0.0.7:9090"}': '1 0x20' },
    quietAt: 5,
    firesAt: 7,
    labels: { ...pod, job: 'web/cloud-native-gateway' },
    description: '10.0.0.7:9090 has not answered for 5 minutes.',
  },
  {
    alert: 'CloudNativeGatewayNotReady',
    series: { [`cloud_native_gateway_ready{${target}}`]: '1 0x20' },
    quietAt: 5,
    firesAt: 7,
    labels: pod,
    description: '10.0.0.7:9090 has not been ready for 5 minutes; its /ready says why.',
  },
  {
    alert: 'CloudNativeGatewayPassFailing',
    series: { [`cloud_native_gateway_last_attempt_successful{${target}}`]: '1 0x20' },
    quietAt: 10,
    firesAt: 12,
    labels: pod,
    description: 'No pass of 10.0.0.7:9090 has succeeded for 10 minutes; nginx serves what it had.',
  },
  {
    alert: 'CloudNativeGatewayReloadFailing',
    series: {
      [`cloud_native_gateway_reloads_total{${target},reason="objects",result="failure"}`]: '0x9 1x30',
      [`cloud_native_gateway_reloads_total{${target},reason="retry",result="failure"}`]: '0x14 2 4x30',
      [`cloud_native_gateway_reloads_total{${target},reason="objects",result="success"}`]: '0+9x60',
    },
    quietAt: 14,
    firesAt: 18,
    labels: pod,
    description: '5 reloads of 10.0.0.7:9090 have failed in 15 minutes.',
  },
  {
    alert: 'CloudNativeGatewayObjectsQuarantined',
    series: { [`cloud_native_gateway_quarantined_objects{${target}}`]: '0 2x20' },
    quietAt: 5,
    firesAt: 7,
    labels: pod,
    description: '2 objects are in quarantine on 10.0.0.7:9090; /debug/objects?state=quarantined names them.',
  },
  {
    alert: 'CloudNativeGatewayChangePending',
    series: { [`cloud_native_gateway_change_pending_seconds{${target}}`]: '0 60+60x20' },
    quietAt: 3,
    firesAt: 5,
    labels: pod,
    description: 'A change has waited for 5m 0s on 10.0.0.7:9090.',
  },
  {
    alert: 'CloudNativeGatewaySourceStale',
    series: { [`cloud_native_gateway_source_stale_seconds{${target}}`]: '0 60+60x20' },
    quietAt: 5,
    firesAt: 6,
    labels: pod,
    description: '10.0.0.7:9090 has not followed the API server for 6m 0s; it serves what it knew.',
  },
  {
    alert: 'CloudNativeGatewayWorkerRestarts',
    series: { [`cloud_native_gateway_worker_restarts_total{${target},reason="timeout"}`]: '0+1x60' },
    quietAt: 2,
    firesAt: 31,
    labels: { ...pod, reason: 'timeout' },
    description: 'The rendering thread of 10.0.0.7:9090 was replaced 30 times in 30 minutes (timeout).',
  },
  {
    alert: 'CloudNativeGatewayLeaderMissing',
    series: {
      'cloud_native_gateway_leader{job="gateway",instance="a"}': '1 0x20',
      'cloud_native_gateway_leader{job="gateway",instance="b"}': '0 1 0x20',
    },
    quietAt: 6,
    firesAt: 8,
    labels: { job: 'gateway' },
    description:
      'No replica of gateway has led for 5 minutes: nobody writes the status of Ingresses, nor Events.',
  },
  {
    alert: 'CloudNativeGatewayOutputTrouble',
    series: { [`cloud_native_gateway_output_trouble{${target},output="status"}`]: '0 1x30' },
    quietAt: 15,
    firesAt: 17,
    labels: { ...pod, output: 'status' },
    description:
      'Something has stood in the way of the status of 10.0.0.7:9090 for 15 minutes; /debug/ says what.',
  },
  {
    alert: 'CloudNativeGatewayErrors',
    series: {
      [`http_requests_total{${target},${shop},status="200",endpoint="/"}`]: '0+540x30',
      [`http_requests_total{${target},${shop},status="503",endpoint="/"}`]: '0+60x30',
      // Two requests, one of them an error.
      'http_requests_total{job="gateway",namespace="web",ingress="quiet",status="500"}': '0x5 1x30',
      'http_requests_total{job="gateway",namespace="web",ingress="quiet",status="200"}': '0x5 1x30',
    },
    quietAt: 5,
    firesAt: 12,
    labels: { job: 'gateway', namespace: 'web', ingress: 'shop' },
    description: '10% of the requests for web/shop have been answered with 5xx for 5 minutes.',
  },
  {
    alert: 'CloudNativeGatewaySlow',
    series: {
      [`http_requests_total{${target},${shop},status="200"}`]: '0+600x60',
      [`http_request_duration_seconds_bucket{${target},${shop},le="5"}`]: '0+300x60',
      [`http_request_duration_seconds_bucket{${target},${shop},le="10"}`]: '0+600x60',
      [`http_request_duration_seconds_bucket{${target},${shop},le="+Inf"}`]: '0+600x60',
    },
    quietAt: 15,
    firesAt: 20,
    labels: { job: 'gateway', namespace: 'web', ingress: 'shop' },
    description: 'Of the requests for web/shop, 5 % have taken more than 9.5s for 15 minutes.',
  },
  {
    alert: 'CloudNativeGatewayNoEndpoints',
    series: {
      [`nginx_ingress_controller_orphan_ingress{job="gateway",instance="a",${shop},type="no-endpoint"}`]:
        '1x5 _ 1x30',
      [`nginx_ingress_controller_orphan_ingress{job="gateway",instance="b",${shop},type="no-endpoint"}`]:
        '1x30',
    },
    quietAt: 9,
    firesAt: 10,
    labels: { job: 'gateway', namespace: 'web', ingress: 'shop', type: 'no-endpoint' },
    description: 'A backend of web/shop has had no ready endpoint for 10 minutes: its routes answer 503.',
  },
  {
    alert: 'CloudNativeGatewaySeriesDropped',
    series: { [`cloud_native_gateway_traffic_dropped_total{${target}}`]: '0x5 3x30' },
    quietAt: 5,
    firesAt: 15,
    labels: pod,
    description: '3 requests of 10.0.0.7:9090 were counted under "(overflow)" in 15 minutes.',
  },
  {
    alert: 'CloudNativeGatewayRequestsNotCounted',
    series: { [`cloud_native_gateway_traffic_log_gaps_total{${target}}`]: '0x5 1x30' },
    quietAt: 5,
    firesAt: 15,
    labels: pod,
    description: 'The traffic log of 10.0.0.7:9090 was lost 1 times in 15 minutes before it was read.',
  },
  {
    alert: 'CloudNativeGatewayCertificateExpiring',
    series: {
      // The clock of these tests begins at 0: 14 days are 1,209,600 s.
      [`nginx_ingress_controller_ssl_expire_time_seconds{${target},${pair},host="shop.test"}`]:
        '1300000x2 1209000x60',
      [`nginx_ingress_controller_ssl_expire_time_seconds{${target},${pair},host="old.test"}`]: '60x60',
    },
    quietAt: 17,
    firesAt: 19,
    labels: { job: 'gateway', namespace: 'web', secret_name: 'pair', host: 'shop.test' },
    description: 'The certificate of shop.test in web/pair expires in 13d 23h 31m 0s.',
  },
  {
    alert: 'CloudNativeGatewayCertificateExpired',
    series: {
      [`nginx_ingress_controller_ssl_expire_time_seconds{${target},${pair},host="shop.test"}`]: '600x60',
    },
    quietAt: 9,
    firesAt: 10,
    labels: { job: 'gateway', namespace: 'web', secret_name: 'pair', host: 'shop.test' },
    description: 'The certificate of shop.test in web/pair has expired: clients refuse it.',
  },
];
