import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { formatConfigError } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { GatewayConfig } from '../../src/config/sections.ts';
import { podKeys } from '../../scripts/chart-config.ts';
import { schemaProblems } from './api-schema.ts';
import { chart, findHelm, namespace, renderChart, runHelm } from './helm.ts';
import { at, type KubeObject, listAt, only, parseObjects, parseYaml, titleOf } from './kube-object.ts';
import { kustomize } from './kustomize.ts';
import { referenceProblems } from './references.ts';
import { refused } from './refused-values.ts';
import { everythingElse, everythingOff } from './value-sets.ts';

const root = join(import.meta.dirname, '../..');
const found = findHelm();
const helm = 'path' in found ? found.path : '';
const skip = 'missing' in found && found.missing;

function generate(...args: readonly string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'scripts/chart.ts'), ...args], { encoding: 'utf8' });
}

/** The settings that the gateway reads in the pod, and the ones that it would refuse. */
function configOf(objects: readonly KubeObject[]): GatewayConfig {
  const text = at(only(objects, 'ConfigMap', 'gateway-config'), 'data', 'gateway.yaml');
  const loaded = loadConfig(String(text), {}, 'gateway.yaml');
  if ('errors' in loaded) {
    assert.fail(loaded.errors.map(formatConfigError).join('\n'));
  }
  return loaded.config;
}

function container(objects: readonly KubeObject[], name: string): unknown {
  const containers = listAt(only(objects, 'Deployment'), 'spec', 'template', 'spec', 'containers');
  return containers.find((candidate) => at(candidate, 'name') === name);
}

async function assertSound(objects: readonly KubeObject[], external: readonly string[] = []): Promise<void> {
  const problems = await Promise.all(objects.map(schemaProblems));
  assert.deepEqual([...problems.flat(), ...referenceProblems(objects, external)], []);
}

test('the generated files of the chart are current', () => {
  const { status, stderr } = generate('--check');
  assert.equal(status, 0, stderr);
});

test('the check of generated files names each one that is stale, and a run makes them current', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cng-chart-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(root, 'deploy/helm'), folder, { recursive: true });
  const readme = join(folder, 'README.md');
  writeFileSync(readme, readFileSync(readme, 'utf8').replace('| `replicas` | `2`', '| `replicas` | `3`'));
  rmSync(join(folder, 'cloud-native-gateway/values.schema.json'));

  const stale = generate('--check', '--folder', folder);
  assert.equal(stale.status, 1);
  assert.match(stale.stderr, /stale .*: cloud-native-gateway\/values\.schema\.json, README\.md; run: node/);
  assert.equal(generate('--folder', folder).status, 0);
  assert.equal(generate('--check', '--folder', folder).status, 0);
});

test('the chart has the version of the program', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const { version: own, appVersion } = parseYaml(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as {
    version: string;
    appVersion: string;
  };
  assert.deepEqual([own, appVersion], [version, version]);
});

describe('with Helm', { skip }, () => {
  test('lint finds nothing', () => {
    const { status, stdout, stderr } = runHelm(helm, ['lint', '--strict', chart], {});
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stdout, /WARNING|ERROR/);
  });

  /*
   * What may differ: the labels helm.sh/chart and app.kubernetes.io/managed-by, which Helm's own rules ask for; the
   * Namespace, which is made by hand or by `helm install --create-namespace` (all else stands in the one that Helm is
   * told, here that of the kustomization); comments and the order of keys in gateway.yaml.
   */
  test('default values make the objects of deploy/kubernetes', () => {
    const own = Object.fromEntries(
      renderChart(helm, {}).map((object) => [titleOf(object), comparable(object)]),
    );
    const wanted = kustomize(join(root, 'deploy/kubernetes'))
      .filter(({ kind }) => kind !== 'Namespace')
      .map((object) => [titleOf(object), comparable(object)] as const);

    assert.deepEqual(own, Object.fromEntries(wanted));
  });

  test('default values are sound, in another namespace too', async () => {
    const objects = renderChart(helm, {});
    await assertSound(objects);
    configOf(objects);

    const { status, stdout, stderr } = runHelm(
      helm,
      ['template', 'another', chart, '--namespace', 'edge'],
      {},
    );
    assert.equal(status, 0, stderr);
    const elsewhere = parseObjects(stdout);
    assert.equal(only(elsewhere, 'Deployment').metadata.namespace, 'edge');
    assert.deepEqual(referenceProblems(elsewhere), []);
  });

  test('every toggle off leaves the Deployment, its configuration and nothing that is gone', async () => {
    const objects = renderChart(helm, everythingOff);
    assert.deepEqual(objects.map(titleOf).sort(), [
      'ConfigMap gateway-config',
      'Deployment cloud-native-gateway',
    ]);
    await assertSound(objects, ['ServiceAccount somebody', 'ConfigMap mine']);
    assert.equal(configOf(objects).nginx.templatePath, '/etc/nginx/template');
    assert.deepEqual(
      listAt(container(objects, 'controller'), 'ports').map((port) => at(port, 'name')),
      ['health'],
    );
    const pod = at(only(objects, 'Deployment'), 'spec', 'template', 'spec');
    assert.equal(at(pod, 'topologySpreadConstraints'), undefined);
    // No port below 1024: nothing to ask of the node.
    assert.equal(at(pod, 'securityContext', 'sysctls'), undefined);
  });

  test('every value changed arrives where it belongs', async () => {
    const objects = renderChart(helm, everythingElse);
    await assertSound(objects);
    const config = configOf(objects);
    const deployment = only(objects, 'Deployment');
    const pod = at(deployment, 'spec', 'template', 'spec');

    assert.equal(config.kubernetes.ingressClass, 'gateway');
    assert.equal(config.kubernetes.controllerClass, 'example.com/gateway');
    assert.equal(config.kubernetes.publishService, '');
    assert.equal(config.nginx.workerShutdownTimeoutSeconds, 86_400);
    assert.equal(config.nginx.templatePath, '/etc/nginx/template');
    assert.deepEqual(config.nginx.resolver.length, 2);
    assert.equal(at(deployment, 'spec', 'replicas'), 1_000_000);
    assert.equal(at(pod, 'terminationGracePeriodSeconds'), 86_400 + 60 + 7 + 15);
    assert.equal(
      at(deployment, 'spec', 'template', 'metadata', 'labels', 'app.kubernetes.io/name'),
      namespace,
    );
    assert.deepEqual(at(pod, 'imagePullSecrets'), [{ name: 'registry' }]);
    assert.equal(at(pod, 'topologySpreadConstraints', 0, 'labelSelector', 'matchLabels', 'team'), 'edge');
    assert.equal(at(pod, 'topologySpreadConstraints', 1, 'topologyKey'), 'rack');
    for (const [field, value] of Object.entries({
      nodeSelector: everythingElse.nodeSelector,
      tolerations: everythingElse.tolerations,
      affinity: everythingElse.affinity,
      priorityClassName: 'system-cluster-critical',
      serviceAccountName: 'edge',
    })) {
      assert.deepEqual(at(pod, field), value, field);
    }

    const nginx = container(objects, 'nginx');
    assert.equal(
      at(nginx, 'image'),
      `registry.example.com:5000/nginx:1.30@sha256:${'0123456789abcdef'.repeat(4)}`,
    );
    assert.equal(at(nginx, 'imagePullPolicy'), 'Always');
    assert.equal(at(nginx, 'livenessProbe', 'periodSeconds'), 7);
    assert.deepEqual(at(nginx, 'livenessProbe', 'exec', 'command', 1), 'status');
    assert.equal(at(nginx, 'resources', 'limits', 'cpu'), 4);
    assert.deepEqual(
      listAt(nginx, 'env').map((variable) => at(variable, 'value')),
      ['/run/gateway', '60', '86410'],
    );
    const controller = container(objects, 'controller');
    assert.equal(at(controller, 'image'), 'cloud-native-gateway:2');
    assert.deepEqual(
      listAt(controller, 'ports').map((port) => at(port, 'containerPort')),
      [18_080, 19_090],
    );
    // The number in the config file counts, which a variable would override.
    assert.ok(
      listAt(controller, 'env').every((variable) => at(variable, 'name') !== 'CNG_NGINX_WORKER_PROCESSES'),
    );

    const { spec } = only(objects, 'Service');
    assert.deepEqual(
      listAt(spec, 'ports').map((port) => [at(port, 'port'), at(port, 'nodePort')]),
      [
        [8000, 30_080],
        [443, undefined],
      ],
    );
    for (const field of [
      'loadBalancerClass',
      'loadBalancerIP',
      'loadBalancerSourceRanges',
      'externalIPs',
    ] as const) {
      assert.deepEqual(at(spec, field), everythingElse.service[field], field);
    }
    assert.equal(at(spec, 'allocateLoadBalancerNodePorts'), false);
    assert.equal(at(spec, 'externalTrafficPolicy'), 'Cluster');

    assert.deepEqual(at(only(objects, 'PodDisruptionBudget'), 'spec', 'minAvailable'), 0);
    assert.equal(at(only(objects, 'PodDisruptionBudget'), 'spec', 'maxUnavailable'), undefined);
    const rules = listAt(only(objects, 'NetworkPolicy'), 'spec', 'ingress');
    assert.deepEqual(at(rules[0], 'from'), everythingElse.networkPolicy.trafficFrom);
    assert.equal(at(rules[1], 'from'), undefined);
    assert.deepEqual(rules[2], everythingElse.networkPolicy.extraIngress[0]);
    assert.equal(
      at(
        only(objects, 'IngressClass', 'gateway'),
        'metadata',
        'annotations',
        'ingressclass.kubernetes.io/is-default-class',
      ),
      'true',
    );
    const given = listAt(only(objects, 'ClusterRole', 'edge-role'), 'rules');
    assert.deepEqual(given.at(-3), { apiGroups: [''], resources: ['nodes'], verbs: ['get'] });
    const access = kustomize(join(root, 'deploy/debug-access'));
    assert.deepEqual(given.slice(-2), at(only(access, 'ClusterRole', 'gateway-debug-reviewer'), 'rules'));
    assert.deepEqual(
      at(only(objects, 'ClusterRole', 'edge-role-debug-reader'), 'rules'),
      at(only(access, 'ClusterRole', 'gateway-debug-reader'), 'rules'),
    );
    assert.equal(at(only(objects, 'ClusterRoleBinding', 'edge-role'), 'roleRef', 'name'), 'edge-role');
    assert.deepEqual(at(only(objects, 'Role'), 'rules', 0, 'resourceNames'), ['edge-leader']);
    assert.deepEqual(at(pod, 'volumes', 0), { name: 'shared', emptyDir: { medium: 'Memory' } });
    assert.equal(at(only(objects, 'ServiceAccount'), 'metadata', 'annotations', 'example.com/role'), 'edge');
    assert.deepEqual(
      at(only(objects, 'ConfigMap', 'gateway-template'), 'data'),
      everythingElse.templates.files,
    );
  });

  test('its Service is published where it is there and nothing else is named', () => {
    const keys = configOf(renderChart(helm, {})).kubernetes;
    assert.equal(keys.publishService, 'cloud-native-gateway/cloud-native-gateway');
    const fixed = { config: { kubernetes: { publish_status_address: ['192.0.2.1'] } } };
    assert.equal(configOf(renderChart(helm, fixed)).kubernetes.publishService, '');
    const other = { config: { kubernetes: { publish_service: 'edge/other' } } };
    assert.equal(configOf(renderChart(helm, other)).kubernetes.publishService, 'edge/other');
    assert.equal(configOf(renderChart(helm, { service: { enabled: false } })).kubernetes.publishService, '');
  });

  test('nodes may be read where their addresses are published, and where that is asked for', () => {
    const cases: readonly (readonly [values: Readonly<Record<string, unknown>>, isAllowed: boolean])[] = [
      [{}, false],
      [{ rbac: { nodes: true } }, true],
      [{ service: { enabled: false } }, true],
      [{ service: { publish: false } }, true],
      [{ service: { enabled: false }, config: { kubernetes: { update_status: false } } }, false],
      [
        { service: { enabled: false }, config: { kubernetes: { publish_status_address: ['192.0.2.1'] } } },
        false,
      ],
    ];
    for (const [values, isAllowed] of cases) {
      const rules = listAt(only(renderChart(helm, values), 'ClusterRole'), 'rules');
      const nodes = rules.filter((rule) => listAt(rule, 'resources').includes('nodes'));
      assert.equal(nodes.length, isAllowed ? 1 : 0, JSON.stringify(values));
    }
  });

  test('one namespace: rights in that one, and by name for what the config names elsewhere', async () => {
    const kubernetes = {
      namespace: 'web',
      default_ssl_certificate: 'certificates/wildcard',
      config_map: 'web/options',
      template_config_map: 'certificates/templates',
      tcp_services_configmap: 'certificates/tcp',
      udp_services_configmap: 'web/udp',
    };
    const objects = renderChart(helm, { config: { kubernetes } });
    const problems = await Promise.all(objects.map(schemaProblems));
    assert.deepEqual(problems.flat(), []);
    assert.deepEqual(at(only(objects, 'ClusterRole'), 'rules'), [
      { apiGroups: ['networking.k8s.io'], resources: ['ingressclasses'], verbs: ['get', 'list', 'watch'] },
    ]);
    const roles = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name !== 'gateway-role');
    const bound = objects
      .filter(({ kind, metadata }) => kind === 'RoleBinding' && metadata.name !== 'gateway-role')
      .map(({ metadata }) => metadata.namespace);
    assert.deepEqual(
      roles.map(({ metadata }) => metadata.namespace),
      ['web', 'certificates', namespace],
    );
    assert.deepEqual(bound, ['web', 'certificates', namespace]);
    assert.deepEqual(at(roles[1], 'rules'), [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['templates', 'tcp'],
        verbs: ['get', 'list', 'watch'],
      },
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: ['wildcard'],
        verbs: ['get', 'list', 'watch'],
      },
    ]);
    assert.deepEqual(at(roles[2], 'rules'), [
      {
        apiGroups: [''],
        resources: ['services'],
        resourceNames: ['cloud-native-gateway'],
        verbs: ['get'],
      },
    ]);
  });

  test('a Service of type ClusterIP has nothing of the nodes', () => {
    const service = { type: 'ClusterIP', nodePorts: { http: 30_080 }, loadBalancerIP: '192.0.2.1' };
    const { spec } = only(renderChart(helm, { service }), 'Service');
    assert.equal(at(spec, 'type'), 'ClusterIP');
    assert.deepEqual(
      ['externalTrafficPolicy', 'loadBalancerIP'].map((field) => at(spec, field)),
      [undefined, undefined],
    );
    assert.equal(at(spec, 'ports', 0, 'nodePort'), undefined);
  });

  test('the config file of deploy/kubernetes may be the value of config as it is', () => {
    const kustomized = kustomize(join(root, 'deploy/kubernetes'));
    const config = parseYaml(String(at(only(kustomized, 'ConfigMap'), 'data', 'gateway.yaml')));
    for (const [dotted, path] of Object.entries(podKeys)) {
      assert.equal(at(config, ...dotted.split('.')), path, dotted);
    }
    assert.deepEqual(configOf(renderChart(helm, { config })), configOf(kustomized));
  });

  for (const [name, values, message] of refused) {
    test(`refuses ${name}, with the value and the reason`, () => {
      const { status, stdout, stderr } = runHelm(helm, ['template', 'x', chart], values);
      assert.notEqual(status, 0, stdout);
      assert.match(stderr, message);
    });
  }

  test('refuses a cluster that is too old', () => {
    const old = runHelm(helm, ['template', 'x', chart, '--kube-version', '1.24.17'], {});
    assert.match(old.stderr, /the cluster is Kubernetes v1\.24\.17: the gateway needs 1\.25 or newer/);
    const oldest = runHelm(helm, ['template', 'x', chart, '--kube-version', '1.25.0'], {});
    assert.equal(oldest.status, 0, oldest.stderr);
  });

  test('is a part of another chart, with its condition', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'cng-parent-'));
    t.after(() => rmSync(folder, { recursive: true }));
    cpSync(chart, join(folder, 'charts/cloud-native-gateway'), { recursive: true });
    const dependency = {
      name: 'cloud-native-gateway',
      version: '0.x',
      condition: 'cloud-native-gateway.enabled',
    };
    writeFileSync(
      join(folder, 'Chart.yaml'),
      JSON.stringify({ apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies: [dependency] }),
    );
    const values = { global: { team: 'edge' }, 'cloud-native-gateway': { enabled: true, replicas: 3 } };
    const { status, stdout, stderr } = runHelm(helm, ['template', 'x', folder], values);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /replicas: 3\n/);
  });
});

function comparable(object: KubeObject): unknown {
  const copy = structuredClone(object) as {
    metadata: { labels: Record<string, string> };
    data?: Record<string, unknown>;
  };
  delete copy.metadata.labels['helm.sh/chart'];
  delete copy.metadata.labels['app.kubernetes.io/managed-by'];
  const text = copy.data?.['gateway.yaml'];
  if (copy.data !== undefined && typeof text === 'string') {
    copy.data['gateway.yaml'] = parseYaml(text);
  }
  return copy;
}
