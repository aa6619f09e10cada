import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatConfigError } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { guardedPath } from '../../src/observe/access.ts';
import { schemaProblems } from './api-schema.ts';
import { at, only, parseObjects, titleOf } from './kube-object.ts';
import { kustomize } from './kustomize.ts';
import { referenceProblems } from './references.ts';

const folder = join(import.meta.dirname, '../../deploy/kubernetes');
const objects = kustomize(folder);
const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0;

function byTitle(text: string): unknown {
  return Object.fromEntries(parseObjects(text).map((object) => [titleOf(object), object]));
}

test(
  'kubectl makes the same of the kustomization as these tests do',
  { skip: !hasKubectl && 'no kubectl on PATH' },
  () => {
    const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.deepEqual(byTitle(stdout), Object.fromEntries(objects.map((object) => [titleOf(object), object])));
  },
);

test('every object fits the schema of the Kubernetes API', async () => {
  assert.ok(objects.length >= 10);
  const problems = await Promise.all(objects.map(schemaProblems));
  assert.deepEqual(problems.flat(), []);
});

test('whatever an object names is there', () => {
  assert.deepEqual(referenceProblems(objects), []);
});

test('the rights for debug pages fit the schema and are for the account of the pods', async () => {
  const more = kustomize(join(folder, '../debug-access'));
  const problems = await Promise.all(more.map(schemaProblems));
  assert.deepEqual(problems.flat(), []);
  assert.deepEqual(referenceProblems([...objects, ...more]), []);
  assert.deepEqual(at(only(more, 'ClusterRole', 'gateway-debug-reader'), 'rules'), [
    { nonResourceURLs: [guardedPath], verbs: ['get'] },
  ]);
});

test('the config file is one that the gateway takes', () => {
  const text = at(only(objects, 'ConfigMap', 'gateway-config'), 'data', 'gateway.yaml');
  const loaded = loadConfig(String(text), { CNG_NGINX_WORKER_PROCESSES: '2' }, 'gateway.yaml');
  assert.deepEqual('errors' in loaded ? loaded.errors.map(formatConfigError) : [], []);
});

test('the schema check sees unknown fields, wrong types, missing fields and unknown kinds', async () => {
  const metadata = { name: 'x' };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels: { a: 1 } },
    spec: { ports: [{ targetPort: 'http', port: '80', hostPort: 1 }, {}], type: true },
  };
  const problems = await schemaProblems(service as never);
  assert.deepEqual(problems.sort(), [
    'Service.metadata.labels.a: 1 is no string',
    'Service.spec.ports[0].hostPort: there is no such field in V1ServicePort',
    'Service.spec.ports[0].port: "80" is no number',
    'Service.spec.ports[1].port: is missing',
    'Service.spec.type: true is no string',
  ]);
  assert.deepEqual(
    await schemaProblems({ apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudget', metadata }),
    ['policy/v1beta1 PodDisruptionBudget: there is no such kind'],
  );
});

test('the reference check sees selectors, ports, volumes, names and accounts that lead nowhere', () => {
  const broken = JSON.parse(
    JSON.stringify(objects)
      .replace('"targetPort":"http"', '"targetPort":"htp"')
      .replaceAll('{"name":"shared","mountPath"', '{"name":"share","mountPath"')
      .replace(
        '"kind":"ConfigMap","metadata":{"name":"gateway-config"',
        '"kind":"ConfigMap","metadata":{"name":"g"',
      )
      .replace(
        '"kind":"ServiceAccount","name":"gateway-service-account"',
        '"kind":"ServiceAccount","name":"default"',
      )
      .replace(
        /("kind":"PodDisruptionBudget".*?)"app\.kubernetes\.io\/component":"gateway"/u,
        '$1"component":"x"',
      ),
  ) as typeof objects;
  assert.deepEqual(referenceProblems(broken).sort(), [
    "ClusterRoleBinding gateway-cluster-role: binds somebody else than the pods' account",
    'ConfigMap gateway-config is named but not there',
    'PodDisruptionBudget cloud-native-gateway: its selector does not select the pods',
    'Service cloud-native-gateway: no container has port htp',
    'pod: no volume share',
    'pod: nobody mounts shared',
  ]);
});
