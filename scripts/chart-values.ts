// The values of the Helm chart: what each does, what is allowed and its default. values.yaml, values.schema.json and the
// table in deploy/helm/README.md are written from here (scripts/chart.ts).
import type { JsonSchema } from '../src/config/json-schema.ts';
import { configKey, configSchema } from './chart-config.ts';

/** One value of the chart, or a group of them. */
export type ChartEntry = ChartValue | ChartGroup;

export interface ChartValue {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly fallback: unknown;
}

export interface ChartGroup {
  readonly description: string;
  readonly entries: Readonly<Record<string, ChartEntry>>;
}

const flag: JsonSchema = { type: 'boolean' };
const text: JsonSchema = { type: 'string' };
const texts: JsonSchema = { type: 'array', items: text };
/** A part of the Kubernetes API that is passed on as it is; the API server checks it. */
const free: JsonSchema = { type: 'object' };
const freeList: JsonSchema = { type: 'array', items: free };
const textMap: JsonSchema = { type: 'object', additionalProperties: text };
const objectName: JsonSchema = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  maxLength: 253,
};
const optionalName: JsonSchema = { anyOf: [{ const: '' }, objectName] };
const countOrPercent: JsonSchema = {
  anyOf: [
    { type: 'integer', minimum: 0 },
    { type: 'string', pattern: '^([0-9]{1,2}|100)%$' },
  ],
};
const cidrs: JsonSchema = {
  type: 'array',
  items: { type: 'string', pattern: '^[0-9a-fA-F.:]+/[0-9]{1,3}$' },
};
const port: JsonSchema = { type: 'integer', minimum: 1, maximum: 65_535 };
const quantities: JsonSchema = {
  type: 'object',
  additionalProperties: {
    anyOf: [
      { type: 'number', minimum: 0 },
      { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?$' },
    ],
  },
};

function whole(minimum: number, maximum = 2_147_483_647): JsonSchema {
  return { type: 'integer', minimum, maximum };
}

function oneOf(...values: readonly string[]): JsonSchema {
  return { enum: values };
}

function value(description: string, fallback: unknown, schema: JsonSchema): ChartValue {
  return { description, schema, fallback };
}

function group(description: string, entries: Readonly<Record<string, ChartEntry>>): ChartGroup {
  return { description, entries };
}

function image(repository: string): ChartGroup {
  return group('Where your own build of the image lies.', {
    repository: value('Without tag and digest.', repository, {
      type: 'string',
      pattern: '^[^\\s:@]+(:[0-9]+/[^\\s:@]+)?$',
    }),
    tag: value("In quotes. Empty: the chart's `appVersion`.", '', {
      type: 'string',
      pattern: '^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$',
    }),
    digest: value('Pins the image, as in `sha256:…`. Empty: the tag alone.', '', {
      type: 'string',
      pattern: '^(sha256:[0-9a-f]{64})?$',
    }),
    pullPolicy: value('When the node fetches it.', 'IfNotPresent', oneOf('IfNotPresent', 'Always', 'Never')),
  });
}

function resources(description: string, fallback: unknown): ChartValue {
  return value(description, fallback, {
    type: 'object',
    additionalProperties: false,
    properties: { requests: quantities, limits: quantities },
  });
}

/** The handler of a probe belongs to the program; only its times can be chosen. */
function probe(
  description: string,
  fallback: Readonly<Record<string, number>>,
  isReadiness = false,
): ChartValue {
  return value(description, fallback, {
    type: 'object',
    additionalProperties: false,
    properties: {
      initialDelaySeconds: whole(0),
      periodSeconds: whole(1),
      timeoutSeconds: whole(1),
      failureThreshold: whole(1),
      ...(isReadiness ? { successThreshold: whole(1) } : { terminationGracePeriodSeconds: whole(1) }),
    },
  });
}

function mounts(container: string): ChartValue {
  return value(`Mounts of \`extraVolumes\` in the container of ${container}.`, [], {
    type: 'array',
    items: { type: 'object', required: ['name', 'mountPath'] },
  });
}

const controller = group('The container that watches the cluster and writes nginx.conf.', {
  image: image('cloud-native-gateway'),
  resources: resources('Without a limit of CPUs: throttled, it would be late with every change.', {
    requests: { cpu: '100m', memory: '256Mi' },
    limits: { memory: '1Gi' },
  }),
  probes: group('Times of its probes.', {
    startup: probe('Until `/healthz` answers.', { periodSeconds: 2, failureThreshold: 60 }),
    liveness: probe('Whether `/healthz` answers.', {
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    }),
    readiness: probe(
      'Whether `/ready` answers 200.',
      { periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 2 },
      true,
    ),
  }),
  extraVolumeMounts: mounts('the controller'),
});

const nginx = group('The container of nginx, which carries the traffic, and of its agent.', {
  image: image('cloud-native-gateway-nginx'),
  resources: resources(
    'The number of worker processes follows the limit of CPUs (without one, the CPUs of the node), unless `config.nginx.worker_processes` is a number. The memory of the master about doubles in a reload.',
    { requests: { cpu: '200m', memory: '256Mi' }, limits: { cpu: '2', memory: '1Gi' } },
  ),
  probes: group('Times of its probe.', {
    liveness: probe('Whether the agent answers.', {
      periodSeconds: 20,
      timeoutSeconds: 10,
      failureThreshold: 3,
      terminationGracePeriodSeconds: 30,
    }),
  }),
  agentPatience: value(
    'Seconds that nginx serves on at the end of the pod without a word from the controller.',
    45,
    whole(1, 3600),
  ),
  extraVolumeMounts: mounts('nginx'),
});

const service = group('The Service that takes the traffic.', {
  enabled: value('Whether there is one.', true, flag),
  publish: value(
    'Whether its addresses are written into the status of Ingresses (`kubernetes.publish_service` of the config file), where `config` names no other Service and no addresses.',
    true,
    flag,
  ),
  type: value('Its type.', 'LoadBalancer', oneOf('LoadBalancer', 'NodePort', 'ClusterIP')),
  annotations: value('For the load balancer of your cloud.', {}, textMap),
  ports: group('The ports that clients use.', {
    http: value('For HTTP.', 80, port),
    https: value('For HTTPS.', 443, port),
  }),
  nodePorts: value(
    'Fixed ports of the nodes, as in `{http: 30080, https: 30443}`. Empty: chosen by the cluster.',
    {},
    {
      type: 'object',
      additionalProperties: false,
      properties: { http: port, https: port },
    },
  ),
  externalTrafficPolicy: value(
    '`Local` keeps the address of the client and leads no request over a second node. Not used with ClusterIP.',
    'Local',
    oneOf('Local', 'Cluster'),
  ),
  loadBalancerClass: value('Which implementation makes the load balancer. Empty: the default one.', '', text),
  loadBalancerIP: value('The address to ask for, where the implementation still reads it.', '', text),
  loadBalancerSourceRanges: value('Who may connect, as CIDRs. Empty: everybody.', [], cidrs),
  allocateLoadBalancerNodePorts: value('Whether a load balancer needs ports of the nodes.', true, flag),
  externalIPs: value('Addresses that are led to the nodes by other means.', [], texts),
  ipFamilyPolicy: value(
    "Empty: the cluster's default.",
    '',
    oneOf('', 'SingleStack', 'PreferDualStack', 'RequireDualStack'),
  ),
  ipFamilies: value("Empty: the cluster's default.", [], { type: 'array', items: oneOf('IPv4', 'IPv6') }),
});

const ingressClass = group('The class of Ingresses that is served.', {
  create: value(
    'Whether the IngressClass is made. Off where it exists, for example that of ingress-nginx.',
    true,
    flag,
  ),
  name: value(
    'Its name, also `kubernetes.ingress_class` of the config file.',
    'nginx',
    configKey('kubernetes', 'ingress_class'),
  ),
  controller: value(
    'Its `spec.controller`, also `kubernetes.controller_class` of the config file.',
    'cloud-native-gateway/nginx',
    configKey('kubernetes', 'controller_class'),
  ),
  default: value(
    'Whether it is the default class. Off: an Ingress that names no class stays with whoever serves it today.',
    false,
    flag,
  ),
});

const networkPolicy = group('What may reach the pods.', {
  enabled: value('Whether it is narrowed at all.', true, flag),
  trafficFrom: value(
    'Who may reach the ports of nginx, as peers of a NetworkPolicy. Empty: everybody.',
    [],
    freeList,
  ),
  metricsFrom: value(
    'Who may reach `/metrics`, as peers of a NetworkPolicy. Empty: everybody.',
    [{ namespaceSelector: {} }],
    freeList,
  ),
  extraIngress: value('More rules, as in `spec.ingress` of a NetworkPolicy.', [], freeList),
});

const spread = ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'ScheduleAnyway',
}));

/** All values, in the order in which they are shown. */
export const chartValues: Readonly<Record<string, ChartEntry>> = {
  replicas: value('How many pods.', 2, whole(0)),
  config: value(
    'The config file; docs/configuration.md has every key. `log.level` takes effect at once, other keys with the next start (`kubectl rollout restart`). What the pod decides (`nginx.binary_path`, `reload_script`, `config_path`, `state_dir`) is added by the chart, and the class comes from `ingressClass`.',
    {
      nginx: { http_port: 80, https_port: 443, shutdown_grace_period: 15, worker_shutdown_timeout: 240 },
      log: { level: 'info', format: 'json' },
    },
    configSchema(),
  ),
  templates: group('Templates that replace built-in ones (docs/templates.md).', {
    files: value(
      'By name, as in `{server.hbs: "…"}`: put into the ConfigMap `gateway-template`.',
      {},
      {
        type: 'object',
        additionalProperties: false,
        // A mounted ConfigMap is flat.
        patternProperties: { '^[-A-Za-z0-9_.]+\\.hbs$': text },
      },
    ),
    existingConfigMap: value('A ConfigMap of your own in the place of `files`.', '', optionalName),
  }),
  controller,
  nginx,
  imagePullSecrets: value('Names of Secrets to fetch the images with.', [], {
    type: 'array',
    items: objectName,
  }),
  service,
  ingressClass,
  rbac: group(
    'What the controller may do. With `config.kubernetes.namespace` it may read and write that namespace alone, and read what the config names in others.',
    {
      create: value('Whether the roles and their bindings are made.', true, flag),
      nodes: value(
        'Whether nodes may be read in any case. They may where the status of Ingresses needs their addresses: where neither a Service nor fixed addresses are published.',
        false,
        flag,
      ),
      debugAccess: value(
        'Whether the controller may ask the API server about the tokens of those who read the debug pages (`config.debug.addr` beyond loopback), and there is a ClusterRole to bind readers to, named like the other one with `-debug-reader`.',
        false,
        flag,
      ),
      clusterRoleName: value(
        'The name of the ClusterRole, and of the Roles that `config.kubernetes.namespace` has made. Another one for a second gateway in the same cluster (it also needs its own `ingressClass`).',
        'gateway-cluster-role',
        objectName,
      ),
    },
  ),
  serviceAccount: group('Whose token the controller has.', {
    create: value('Whether it is made.', true, flag),
    name: value('Its name.', 'gateway-service-account', objectName),
    annotations: value('Its annotations.', {}, textMap),
  }),
  podDisruptionBudget: group('How many pods may be away at a time on purpose.', {
    enabled: value('Whether that is limited.', true, flag),
    maxUnavailable: value('A number or a percentage.', 1, countOrPercent),
    minAvailable: value('Used in the place of `maxUnavailable` unless empty.', '', {
      anyOf: [{ const: '' }, countOrPercent],
    }),
  }),
  networkPolicy,
  terminationGracePeriodSeconds: value(
    '`auto`: as long as the end of a pod may take (docs/operations.md), which is `nginx.agentPatience`, `config.nginx.worker_shutdown_timeout`, `config.nginx.post_shutdown_grace_period` and 15 s to spare.',
    'auto',
    { anyOf: [{ const: 'auto' }, whole(1)] },
  ),
  podAnnotations: value('Annotations of the pods.', {}, textMap),
  podLabels: value('Labels of the pods beside those that select them.', {}, textMap),
  nodeSelector: value('Labels of the nodes to run on.', {}, textMap),
  tolerations: value('Taints of nodes that are tolerated.', [], freeList),
  affinity: value('Nearness to nodes and pods.', {}, free),
  topologySpreadConstraints: value(
    'Spreads the pods over nodes and zones. A constraint without `labelSelector` gets that of the pods.',
    spread,
    { type: 'array', items: { type: 'object', required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] } },
  ),
  priorityClassName: value('Empty: the default priority.', '', optionalName),
  sharedVolumeMedium: value(
    'Where the folder that both containers share lies. Private keys are in it: `Memory` keeps them off the disks of nodes, and counts for the limits of memory.',
    '',
    oneOf('', 'Memory'),
  ),
  extraVolumes: value('Volumes for `extraVolumeMounts` of the containers.', [], {
    type: 'array',
    items: { type: 'object', required: ['name'], properties: { name: objectName } },
  }),
};
