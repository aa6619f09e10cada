/** Everything that can be switched off or taken away is. */
export const everythingOff = {
  config: {
    nginx: { http_port: 8000, https_port: 8443 },
    metrics: { enabled: false },
    debug: { enabled: false },
  },
  templates: { existingConfigMap: 'mine' },
  controller: { resources: { requests: null, limits: null } },
  service: { enabled: false },
  ingressClass: { create: false },
  rbac: { create: false },
  serviceAccount: { create: false, name: 'somebody' },
  podDisruptionBudget: { enabled: false },
  networkPolicy: { enabled: false },
  topologySpreadConstraints: [],
} as const;

const monitoring = { namespaceSelector: { matchLabels: { team: 'monitoring' } } };

/** Every value is another than the default one. */
export const everythingElse = {
  // A number that Go's own printing would write as 1e+06.
  replicas: 1_000_000,
  config: {
    server: { addr: '[::]:18080' },
    metrics: { addr: '0.0.0.0:19090' },
    kubernetes: {
      watch_ingress_without_class: true,
      default_ssl_certificate: 'web/tls',
      election_id: 'edge-leader',
    },
    nginx: {
      http_port: 80,
      https_port: 8443,
      worker_processes: 3,
      worker_shutdown_timeout: 86_400,
      shutdown_grace_period: 59,
      post_shutdown_grace_period: 7,
      resolver: ['192.0.2.53', '[2001:db8::53]:5353'],
    },
    log: { level: 'debug', format: 'text' },
  },
  templates: { files: { 'server.hbs': '# {{ mine }}\n', 'location.hbs': 'a: b\n' } },
  controller: {
    image: { tag: '2', pullPolicy: 'Never' },
    resources: { requests: { cpu: 1, memory: 134_217_728 }, limits: { 'ephemeral-storage': '1Gi' } },
    probes: { startup: { failureThreshold: 100 }, readiness: { successThreshold: 2 } },
    extraVolumeMounts: [{ name: 'extra', mountPath: '/extra' }],
  },
  nginx: {
    image: {
      repository: 'registry.example.com:5000/nginx',
      tag: '1.30',
      digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
      pullPolicy: 'Always',
    },
    resources: { limits: { cpu: 4 } },
    probes: { liveness: { periodSeconds: 7 } },
    agentPatience: 60,
    extraVolumeMounts: [{ name: 'extra', mountPath: '/extra', readOnly: true }],
  },
  imagePullSecrets: ['registry'],
  service: {
    publish: false,
    annotations: { 'example.com/balancer': 'fast' },
    ports: { http: 8000 },
    nodePorts: { http: 30_080 },
    externalTrafficPolicy: 'Cluster',
    loadBalancerClass: 'example.com/fast',
    loadBalancerIP: '192.0.2.1',
    loadBalancerSourceRanges: ['198.51.100.0/24', '2001:db8::/32'],
    allocateLoadBalancerNodePorts: false,
    externalIPs: ['203.0.113.1'],
    ipFamilyPolicy: 'PreferDualStack',
    ipFamilies: ['IPv4', 'IPv6'],
  },
  ingressClass: { name: 'gateway', controller: 'example.com/gateway', default: true },
  rbac: { nodes: true, debugAccess: true, clusterRoleName: 'edge-role' },
  serviceAccount: { name: 'edge', annotations: { 'example.com/role': 'edge' } },
  podDisruptionBudget: { minAvailable: 0 },
  networkPolicy: {
    trafficFrom: [{ ipBlock: { cidr: '198.51.100.0/24' } }],
    metricsFrom: [],
    extraIngress: [{ from: [monitoring], ports: [{ port: 'health' }] }],
  },
  podAnnotations: { 'example.com/note': 'yes' },
  // The selector's own label cannot be replaced.
  podLabels: { team: 'edge', 'app.kubernetes.io/name': 'mine' },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'edge', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'edge', operator: 'In', values: ['true'] }] }],
      },
    },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 2,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { team: 'edge' } },
    },
    { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 },
  ],
  priorityClassName: 'system-cluster-critical',
  sharedVolumeMedium: 'Memory',
  extraVolumes: [{ name: 'extra', emptyDir: { sizeLimit: '1Mi' } }],
} as const;
