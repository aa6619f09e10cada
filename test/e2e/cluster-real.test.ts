import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { at, textAt } from '../../src/cluster/kubernetes/api-json.ts';
import { leasePath } from '../../src/cluster/kubernetes/lease.ts';
import { findHelm, renderChart } from '../deploy/helm.ts';
import { kustomize } from '../deploy/kustomize.ts';
import type { KubeObject } from '../deploy/kube-object.ts';
import { startBackend } from '../support/backend.ts';
import {
  gatewayNamespace,
  gatewayPod,
  ingressClass,
  ownAddress,
  serviceAt,
} from '../support/cluster-gateway.ts';
import { eventually, startGateway, type GatewayOptions } from '../support/gateway.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { ingress } from '../support/objects.ts';
import {
  create,
  noRealServer,
  pathOf,
  startRealApiServer,
  type RealApiServer,
} from '../support/real-api-server.ts';

const host = 'real.example';
const roleKinds: ReadonlySet<string> = new Set(['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']);

/** The roles of a deployment, bound to the user that stands for its service account. */
function rolesOf(objects: readonly KubeObject[]): object[] {
  return objects
    .filter(({ kind }) => roleKinds.has(kind))
    .map((object) =>
      'subjects' in object
        ? { ...object, subjects: [{ kind: 'User', name: 'gateway', apiGroup: 'rbac.authorization.k8s.io' }] }
        : object,
    );
}

async function get(server: RealApiServer, path: string): Promise<unknown> {
  const answer = await server.client.send({ path });
  assert.ok(answer.kind === 'answer' && answer.status === 200, JSON.stringify(answer));
  return answer.body;
}

async function reasonsOfEvents(server: RealApiServer): Promise<string[]> {
  const items = at(await get(server, '/api/v1/namespaces/default/events'), 'items');
  return Array.isArray(items)
    ? items
        .filter((one: unknown) => textAt(one, 'source', 'component') === 'cloud-native-gateway')
        .map((one: unknown) => `${textAt(one, 'reason')} ${textAt(one, 'involvedObject', 'name')}`)
        .sort()
    : [];
}

/** The API server, with a cluster of one Ingress, and no right for anybody yet. */
async function openServer(t: TestContext, address: string): Promise<RealApiServer> {
  const server = await startRealApiServer(t);
  const backend = await startBackend(t, 'web', undefined, { address });
  const pod = gatewayPod('pod-0') as { spec: object };
  await create(
    server.client,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: gatewayNamespace } },
    { ...pod, spec: { ...pod.spec, containers: [{ name: 'controller', image: 'controller' }] } },
    ingressClass,
    ...serviceAt('web', backend.port),
    ingress('web', { host, paths: [{ service: 'web' }] }),
  );
  return server;
}

async function assertServed(
  t: TestContext,
  nginx: NginxBinary,
  address: string,
  roles: readonly object[],
  kubernetes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const server = await openServer(t, address);
  const options: GatewayOptions = {
    nginx,
    manifests: null,
    config: {
      kubernetes: {
        kubeconfig: server.kubeconfigOf('gateway'),
        publish_status_address: ['192.0.2.1'],
        ...kubernetes,
      },
    },
    env: { NAMESPACE: gatewayNamespace, POD_NAME: 'pod-0' },
  };
  const forbidden = await startGateway(t, { ...options, unready: true });
  await eventually('it says what it may not read', async () => {
    const answer = await forbidden.health('/ready').catch(() => null);
    return answer?.status === 503 && /allow list and watch of \w+ in the API group/u.test(answer.body);
  });
  await forbidden.stop();

  await create(server.client, ...roles);
  const gateway = await startGateway(t, { ...options, after: forbidden });
  const lease = leasePath(gatewayNamespace, 'cloud-native-gateway-leader');
  assert.equal((await gateway.get(host)).status, 200);
  await eventually(
    'it leads',
    async () => textAt(await get(server, lease), 'spec', 'holderIdentity') === 'pod-0',
  );
  const path = pathOf(ingress('web', {}), 'web');
  await eventually('the status is written', async () => {
    return textAt(await get(server, path), 'status', 'loadBalancer', 'ingress', '0', 'ip') === '192.0.2.1';
  });

  await create(
    server.client,
    ingress('late', { host: 'late.example', paths: [{ service: 'web' }] }),
    ingress('broken', { host: 'broken.example', paths: [{ service: 'absent' }] }),
  );
  await eventually('a new Ingress is served', async () => (await gateway.get('late.example')).status === 200);
  await eventually('both are told', async () => {
    const told = await reasonsOfEvents(server);
    return told.some((one) => one.endsWith(' broken')) && told.some((one) => one.endsWith(' late'));
  });
  const warnings = gateway.log.filter(
    ({ level, message }) => level === 'warn' && /cannot|may not|not kept/u.test(message),
  );
  assert.deepEqual(warnings, []);
  assert.equal(await gateway.stop(), 0);
  assert.equal(textAt(await get(server, lease), 'spec', 'holderIdentity'), '', 'the Lease is given up');
}

const skip =
  ownAddress === null
    ? 'NOT RUN: endpoints of a cluster need an address of this machine other than loopback'
    : noRealServer;

describe('on a real API server, with the roles of deploy', { skip }, () => {
  const address = ownAddress ?? '';
  for (const nginx of nginxBinaries()) {
    test(`all namespaces, with nginx ${nginx.version}`, async (t) => {
      const objects = kustomize(join(import.meta.dirname, '../../deploy/kubernetes'));
      await assertServed(t, nginx, address, rolesOf(objects), {});
    });
  }

  test('one namespace, with the roles that the chart gives for it', async (t) => {
    const helm = findHelm();
    const [nginx] = nginxBinaries().toReversed();
    if ('missing' in helm || nginx === undefined) {
      t.skip(`NOT RUN: ${'missing' in helm ? helm.missing : 'no nginx'}`);
      return;
    }
    const objects = renderChart(helm.path, { config: { kubernetes: { namespace: 'default' } } });
    await assertServed(t, nginx, address, rolesOf(objects), { namespace: 'default' });
  });
});
