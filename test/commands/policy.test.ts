import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { schemaProblems } from '../deploy/api-schema.ts';
import { at, listAt, only, parseObjects, parseYaml, type KubeObject } from '../deploy/kube-object.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function cng(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

async function policies(...args: readonly string[]): Promise<KubeObject[]> {
  const { code, out, err } = await cng('policy', ...args);
  assert.equal(code, 0, err);
  return parseObjects(out);
}

async function fileOf(t: TestContext, name: string, text: string): Promise<string> {
  const file = path.join(await temporaryDirectory(t), name);
  await writeFile(file, text);
  return file;
}

function classOf(objects: readonly KubeObject[], name = 'cloud-native-gateway'): string {
  const policy = only(objects, 'ValidatingAdmissionPolicy', name);
  return String(at(policy, 'spec', 'matchConditions', 0, 'expression'));
}

/** Everything that a policy says, as one text. */
function saidBy(objects: readonly KubeObject[], name: string): string {
  return listAt(only(objects, 'ValidatingAdmissionPolicy', name), 'spec', 'validations')
    .map((validation) => String(at(validation, 'message')))
    .join('\n');
}

describe('cng policy', { concurrency: 2 }, () => {
  it('prints policies and bindings that fit the schema of the API', async () => {
    const objects = await policies();
    assert.deepEqual(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      [
        'ValidatingAdmissionPolicy cloud-native-gateway',
        'ValidatingAdmissionPolicyBinding cloud-native-gateway',
        'ValidatingAdmissionPolicy cloud-native-gateway-remarks',
        'ValidatingAdmissionPolicyBinding cloud-native-gateway-remarks',
      ],
    );
    const problems = await Promise.all(objects.map(schemaProblems));
    assert.deepEqual(problems.flat(), []);
    const actions = objects.flatMap((object) => listAt(object, 'spec', 'validationActions'));
    assert.deepEqual(actions, ['Deny', 'Warn']);
    for (const object of objects) {
      // What kubectl keeps of an applied object is an annotation, of which there may be 256 KiB.
      assert.ok(JSON.stringify(object).length < 200_000);
    }
  });

  it('takes the actions and the name', async () => {
    const objects = await policies('--action', 'audit', '--remarks', 'off', '--name', 'edge');
    assert.equal(objects.length, 2);
    const binding = only(objects, 'ValidatingAdmissionPolicyBinding', 'edge');
    assert.deepEqual(binding['spec'], { policyName: 'edge', validationActions: ['Audit'] });
  });

  it('refuses other actions and names as wrong use', async () => {
    for (const args of [
      ['--action', 'off'],
      ['--remarks', 'maybe'],
      ['--name', 'Edge'],
      ['--name', 'a\nb'],
    ]) {
      const { code, out } = await cng('policy', ...args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(out, '');
    }
  });

  it('is what deploy/policy has for the config file of deploy/kubernetes', async (t) => {
    const folder = path.resolve(import.meta.dirname, '../../deploy');
    const [configMap] = parseObjects(await readFile(path.join(folder, 'kubernetes/config.yaml'), 'utf8'));
    const config = await fileOf(t, 'gateway.yaml', String(at(configMap, 'data', 'gateway.yaml')));
    const kept = parseObjects(await readFile(path.join(folder, 'policy/policy.yaml'), 'utf8'));
    assert.deepEqual(await policies('-c', config), kept, 'node scripts/docs.ts writes it');
    const kustomization = await readFile(path.join(folder, 'policy/kustomization.yaml'), 'utf8');
    assert.deepEqual(listAt(parseYaml(kustomization), 'resources'), ['policy.yaml']);
  });

  it('is for the class, namespace and prefix of the config file', async (t) => {
    const config = await fileOf(
      t,
      'gateway.yaml',
      `kubernetes:
  ingress_class: edge
  watch_ingress_without_class: true
  disable_catch_all: true
  annotations_prefix: example.com
  watch_namespace_selector: team in (a,b),!closed
plugins: { disabled: [basic-auth, cors] }
`,
    );
    const objects = await policies('-c', config);
    assert.match(classOf(objects), /ingressClassName in \["edge"\].* == "edge" : true$/u);
    const policy = only(objects, 'ValidatingAdmissionPolicy', 'cloud-native-gateway');
    assert.equal(at(policy, 'spec', 'matchConditions', 2, 'expression'), '!has(object.spec.defaultBackend)');
    assert.deepEqual(at(policy, 'spec', 'matchConstraints', 'namespaceSelector'), {
      matchExpressions: [
        { key: 'team', operator: 'In', values: ['a', 'b'] },
        { key: 'closed', operator: 'DoesNotExist' },
      ],
    });
    assert.match(JSON.stringify(policy), /example\.com\//u);
    assert.match(
      saidBy(objects, 'cloud-native-gateway'),
      /plugin basic-auth is switched off: remove it; its routes/u,
    );
    const remarks = saidBy(objects, 'cloud-native-gateway-remarks');
    assert.match(remarks, /plugin cors is switched off: remove it$/mu);
    assert.match(remarks, /annotations are read under example\.com\//u);
  });

  it('is for one namespace where only one is watched', async (t) => {
    const config = await fileOf(t, 'gateway.yaml', 'kubernetes: { namespace: shop }\n');
    const policy = only(await policies('-c', config), 'ValidatingAdmissionPolicy', 'cloud-native-gateway');
    assert.deepEqual(at(policy, 'spec', 'matchConstraints', 'namespaceSelector'), {
      matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['shop'] }],
    });
  });

  it('reads the level of risk and the classes from manifests', async (t) => {
    const config = await fileOf(t, 'gateway.yaml', 'kubernetes: { config_map: gateway/options }\n');
    const manifests = await fileOf(
      t,
      'objects.yaml',
      `apiVersion: v1
kind: ConfigMap
metadata: { namespace: gateway, name: options }
data: { annotations-risk-level: Medium }
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: nginx }
spec: { controller: k8s.io/ingress-nginx }
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: edge }
spec: { controller: cloud-native-gateway/nginx }
`,
    );
    const objects = await policies('-c', config, '-m', manifests);
    assert.match(classOf(objects), /ingressClassName in \["edge"\]/u);
    const said = saidBy(objects, 'cloud-native-gateway');
    assert.match(
      said,
      /one of auth-signin, .*auth-url.* is of risk High, and annotations above Medium are refused/u,
    );
    const usual = saidBy(await policies(), 'cloud-native-gateway');
    assert.doesNotMatch(usual, /of risk High/u);
    assert.match(usual, /configuration-snippet.* is of risk Critical/u);
  });

  it('tells problems of manifests and of the config file', async (t) => {
    const broken = await fileOf(t, 'broken.yaml', 'kind: [\n');
    const { code, out, err } = await cng('policy', '-m', broken);
    assert.equal(code, 1);
    assert.equal(parseObjects(out).length, 4);
    assert.match(err, /broken\.yaml/u);
    const config = await fileOf(t, 'gateway.yaml', 'kubernetes: { ingress_clas: x }\n');
    assert.equal((await cng('policy', '-c', config)).code, 78);
  });
});
