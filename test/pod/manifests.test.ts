import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import * as kubernetes from '@kubernetes/client-node';
import { loadAll, YAML11_SCHEMA } from 'js-yaml';
import { loadConfig, type LoadedConfig } from '../../src/config/load.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const folder = path.join(repository, 'deploy/kubernetes');

type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** One object of the manifests; what is read of it must be there. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [key: string]: unknown;
}

function readYaml(file: string): unknown[] {
  return loadAll(readFileSync(path.join(folder, file), 'utf8'), { schema: YAML11_SCHEMA });
}

const kustomization = readYaml('kustomization.yaml')[0] as { resources: string[]; namespace: string };
const manifests = kustomization.resources.flatMap((file) => readYaml(file) as Manifest[]);

function only(kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, `one ${kind}`);
  return found[0] as Manifest;
}

/** What stands at a path of keys and indexes; undefined where there is nothing. */
function at(value: unknown, ...keys: (string | number)[]): unknown {
  return keys.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined,
    value,
  );
}

/** The fields of an API type, as generated from the API's OpenAPI document. */
function fieldsOf(type: string): Map<string, string> | null {
  const model = (kubernetes as unknown as Record<string, unknown>)[type] as
    { getAttributeTypeMap?: () => { baseName: string; type: string }[] } | undefined;
  const map = model?.getAttributeTypeMap?.();
  return map === undefined ? null : new Map(map.map((field) => [field.baseName, field.type]));
}

/** What is wrong with a value that should be of an API type: unknown fields and wrong types, each with its path. */
function problems(value: Value, type: string, where: string): string[] {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) {
    return Array.isArray(value)
      ? value.flatMap((item: Value, index) => problems(item, list, `${where}[${index}]`))
      : [`${where} is no list`];
  }
  const mapped = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (mapped !== undefined) {
    return isObject(value)
      ? Object.entries(value).flatMap(([key, item]) => problems(item, mapped, `${where}.${key}`))
      : [`${where} is no map`];
  }
  if (type === 'IntOrString') {
    return typeof value === 'string' || typeof value === 'number' ? [] : [`${where} is no number or text`];
  }
  if (type === 'string' || type === 'number' || type === 'boolean') {
    return typeof value === type ? [] : [`${where} is not of type ${type}: ${JSON.stringify(value)}`];
  }
  const fields = fieldsOf(type);
  if (fields === null) {
    return [`${where} has the type ${type}, of which nothing is known`];
  }
  return isObject(value)
    ? Object.entries(value).flatMap(([key, item]) => {
        const inner = fields.get(key);
        return inner === undefined
          ? [`${where}.${key} is no field of ${type}`]
          : problems(item, inner, `${where}.${key}`);
      })
    : [`${where} is no object`];
}

function isObject(value: Value): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function containerNamed(name: string): unknown {
  const containers = at(only('Deployment'), 'spec', 'template', 'spec', 'containers') as { name: string }[];
  return containers.find((container) => container.name === name);
}

function environmentOf(name: string): Map<string, unknown> {
  const list = at(containerNamed(name), 'env') as { name: string; value?: unknown; valueFrom?: unknown }[];
  return new Map(list.map((variable) => [variable.name, variable.value ?? variable.valueFrom]));
}

function mountsOf(name: string): Map<string, string> {
  const list = at(containerNamed(name), 'volumeMounts') as { name: string; mountPath: string }[];
  return new Map(list.map((mount) => [mount.name, mount.mountPath]));
}

function gatewayConfig(): LoadedConfig {
  const text = at(only('ConfigMap'), 'data', 'gateway.yaml') as string;
  const loaded = loadConfig(text, { CNG_NGINX_WORKER_PROCESSES: '2' }, 'gateway.yaml');
  assert.ok(!('errors' in loaded), JSON.stringify(loaded));
  return loaded;
}

describe('deploy/kubernetes', () => {
  it('lists every file', () => {
    const files = readdirSync(folder).filter((file) => file !== 'kustomization.yaml');
    assert.deepEqual([...kustomization.resources].sort(), files.sort());
  });

  it('fits the API: no unknown field, every value of its type', () => {
    for (const manifest of manifests) {
      const found = problems(manifest as unknown as Value, `V1${manifest.kind}`, manifest.kind);
      assert.deepEqual(found, [], `${manifest.kind}/${manifest.metadata.name}`);
    }
    const broken = { apiVersion: 'v1', kind: 'Service', spec: { port: [], ports: [{ port: '80' }] } };
    assert.deepEqual(problems(broken, 'V1Service', 'Service'), [
      'Service.spec.port is no field of V1ServiceSpec',
      'Service.spec.ports[0].port is not of type number: "80"',
    ]);
  });

  it('has the objects that an installation is known by', () => {
    assert.deepEqual(manifests.map((manifest) => `${manifest.kind}/${manifest.metadata.name}`).sort(), [
      'ClusterRole/gateway-cluster-role',
      'ClusterRoleBinding/gateway-cluster-role',
      'ConfigMap/gateway-config',
      'Deployment/cloud-native-gateway',
      'IngressClass/nginx',
      'Namespace/cloud-native-gateway',
      'NetworkPolicy/cloud-native-gateway',
      'PodDisruptionBudget/cloud-native-gateway',
      'Role/gateway-role',
      'RoleBinding/gateway-role',
      'Service/cloud-native-gateway',
      'ServiceAccount/gateway-service-account',
    ]);
    assert.equal(kustomization.namespace, only('Namespace').metadata.name);
    const { kubernetes: cluster } = gatewayConfig().config;
    assert.equal(at(only('IngressClass'), 'spec', 'controller'), cluster.controllerClass);
    assert.equal(only('IngressClass').metadata.name, cluster.ingressClass);
    assert.equal(
      at(only('IngressClass'), 'metadata', 'annotations'),
      undefined,
      'it is not the default class',
    );
  });

  it('may read what is translated, write status, Events and its Lease, and nothing else', () => {
    const granted = [only('ClusterRole'), only('Role')].flatMap((role) =>
      (at(role, 'rules') as { apiGroups: string[]; resources: string[]; verbs: string[] }[]).flatMap((rule) =>
        rule.resources.map(
          (resource) => `${role.kind} ${rule.apiGroups.join()}/${resource} ${rule.verbs.join()}`,
        ),
      ),
    );
    assert.deepEqual(granted, [
      'ClusterRole /services get,list,watch',
      'ClusterRole /endpoints get,list,watch',
      'ClusterRole /secrets get,list,watch',
      'ClusterRole /configmaps get,list,watch',
      'ClusterRole discovery.k8s.io/endpointslices get,list,watch',
      'ClusterRole networking.k8s.io/ingresses get,list,watch',
      'ClusterRole networking.k8s.io/ingressclasses get,list,watch',
      'ClusterRole /namespaces get,list,watch',
      'ClusterRole networking.k8s.io/ingresses/status patch',
      'ClusterRole /events create,patch',
      'Role coordination.k8s.io/leases get,update',
      'Role coordination.k8s.io/leases create',
      'Role /pods get,list',
    ]);
    const { metadata } = only('Service');
    assert.equal(
      gatewayConfig().config.kubernetes.publishService,
      `${kustomization.namespace}/${metadata.name}`,
      'so that nodes need not be read',
    );
    assert.deepEqual(at(only('Role'), 'rules', 0, 'resourceNames'), [
      gatewayConfig().config.kubernetes.electionId,
    ]);
    for (const kind of ['ClusterRoleBinding', 'RoleBinding']) {
      assert.equal(at(only(kind), 'subjects', 0, 'name'), only('ServiceAccount').metadata.name);
    }
  });

  it('gives the token to the controller alone', () => {
    const pod = at(only('Deployment'), 'spec', 'template', 'spec');
    assert.equal(at(pod, 'automountServiceAccountToken'), false);
    assert.equal(at(only('ServiceAccount'), 'automountServiceAccountToken'), false);
    assert.deepEqual([...mountsOf('nginx').keys()], ['shared']);
    assert.equal(
      mountsOf('controller').get('api-access'),
      '/var/run/secrets/kubernetes.io/serviceaccount',
      'where client libraries look for it',
    );
  });

  it('runs two users of one group, without capabilities, on read-only file systems', () => {
    const pod = at(only('Deployment'), 'spec', 'template', 'spec', 'securityContext');
    assert.equal(at(pod, 'runAsNonRoot'), true);
    assert.equal(at(pod, 'seccompProfile', 'type'), 'RuntimeDefault');
    assert.deepEqual(at(pod, 'sysctls'), [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }]);
    const users = ['nginx', 'controller'].map((name) => {
      const context = at(containerNamed(name), 'securityContext');
      assert.equal(at(context, 'allowPrivilegeEscalation'), false);
      assert.equal(at(context, 'readOnlyRootFilesystem'), true);
      assert.deepEqual(at(context, 'capabilities'), { drop: ['ALL'] });
      assert.equal(at(context, 'runAsGroup'), at(pod, 'fsGroup'));
      return at(context, 'runAsUser');
    });
    assert.equal(new Set(users).size, 2);
  });

  it('agrees on paths: config, clients, state folder, shared folder, images', () => {
    const { nginx, kubernetes: cluster } = gatewayConfig().config;
    const shared = environmentOf('nginx').get('GATEWAY_FOLDER');
    assert.equal(shared, mountsOf('nginx').get('shared'));
    assert.equal(shared, mountsOf('controller').get('shared'));
    assert.equal(environmentOf('controller').get('TMPDIR'), shared);
    assert.equal(nginx.stateDir, `${String(shared)}/state`);
    assert.equal(nginx.configPath, '/etc/nginx/nginx.conf');
    assert.equal(mountsOf('controller').get('template'), '/etc/nginx/template');
    assert.equal(cluster.namespace, '', 'all namespaces');
    assert.deepEqual(at(containerNamed('controller'), 'args'), [
      'run',
      '--config',
      `${mountsOf('controller').get('config')}/gateway.yaml`,
    ]);
    for (const [file, scripts] of [
      ['Dockerfile', ['agent-client.sh', 'agent-nginx.sh', 'agent-reload.sh']],
      ['Dockerfile.nginx', ['agent.sh', 'agent-answers.sh', 'agent-client.sh', 'reload.sh']],
    ] as const) {
      const image = readFileSync(path.join(repository, file), 'utf8');
      assert.match(image, new RegExp(`ln -sf? ${String(shared)}/nginx.conf ${nginx.configPath}`));
      const copied = scripts.map((script) => `scripts/${script}`).join(' ');
      assert.ok(image.includes(`COPY --chmod=755 ${copied} /etc/nginx/scripts/`), `${file} has ${copied}`);
      for (const script of scripts) {
        assert.ok(statSync(path.join(repository, 'scripts', script)).isFile());
      }
    }
    assert.equal(path.dirname(nginx.binaryPath), '/etc/nginx/scripts');
    assert.equal(path.dirname(nginx.reloadScript), '/etc/nginx/scripts');
  });

  it('agrees on ports, labels and the user of each image', () => {
    const { nginx, server, metrics } = gatewayConfig().config;
    const ports = ['nginx', 'controller'].flatMap(
      (name) => at(containerNamed(name), 'ports') as { name: string; containerPort: number }[],
    );
    const numbers = Object.fromEntries(ports.map((port) => [port.name, port.containerPort]));
    assert.deepEqual(numbers, {
      http: nginx.httpPort,
      https: nginx.httpsPort,
      health: server.addr.port,
      metrics: metrics.addr.port,
    });
    const service = at(only('Service'), 'spec', 'ports') as { port: number; targetPort: string }[];
    assert.deepEqual(
      service.map((port) => [port.port, at(numbers, port.targetPort)]),
      [
        [80, nginx.httpPort],
        [443, nginx.httpsPort],
      ],
    );
    const labels = at(only('Deployment'), 'spec', 'template', 'metadata', 'labels');
    for (const selector of [
      at(only('Deployment'), 'spec', 'selector', 'matchLabels'),
      at(only('Service'), 'spec', 'selector'),
      at(only('PodDisruptionBudget'), 'spec', 'selector', 'matchLabels'),
      at(only('NetworkPolicy'), 'spec', 'podSelector', 'matchLabels'),
      at(
        only('Deployment'),
        'spec',
        'template',
        'spec',
        'topologySpreadConstraints',
        0,
        'labelSelector',
        'matchLabels',
      ),
    ]) {
      assert.deepEqual(selector, labels);
    }
    for (const [name, file] of [
      ['controller', 'Dockerfile'],
      ['nginx', 'Dockerfile.nginx'],
    ] as const) {
      const user = at(containerNamed(name), 'securityContext', 'runAsUser');
      const group = at(containerNamed(name), 'securityContext', 'runAsGroup');
      assert.match(
        readFileSync(path.join(repository, file), 'utf8'),
        new RegExp(`^USER ${String(user)}:${String(group)}$`, 'm'),
      );
    }
    const node = readFileSync(path.join(repository, '.node-version'), 'utf8').trim();
    assert.match(
      readFileSync(path.join(repository, 'Dockerfile'), 'utf8'),
      new RegExp(`NODE_VERSION=${node}$`, 'm'),
    );
  });

  it('gives the drain the time it may take, also without the controller', () => {
    const { nginx } = gatewayConfig().config;
    const grace = at(
      only('Deployment'),
      'spec',
      'template',
      'spec',
      'terminationGracePeriodSeconds',
    ) as number;
    const patience = Number(environmentOf('nginx').get('AGENT_PATIENCE'));
    const drain = Number(environmentOf('nginx').get('AGENT_DRAIN_LIMIT'));
    assert.ok(nginx.workerShutdownTimeoutSeconds < drain, 'nginx ends by itself before it is ended');
    assert.ok(patience + drain < grace, `${patience} + ${drain} < ${grace}`);
    assert.ok(nginx.shutdownGracePeriodSeconds > 0, 'load balancers take a while to notice');
    assert.ok(nginx.shutdownGracePeriodSeconds < patience, 'nginx serves until the controller says quit');
  });

  it("takes worker_processes from nginx's own limit", () => {
    assert.deepEqual(environmentOf('controller').get('CNG_NGINX_WORKER_PROCESSES'), {
      resourceFieldRef: { containerName: 'nginx', resource: 'limits.cpu', divisor: '1' },
    });
    assert.ok(at(containerNamed('nginx'), 'resources', 'limits', 'cpu') !== undefined);
  });
});
