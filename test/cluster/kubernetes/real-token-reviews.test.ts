import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createApiClient, type ApiClient } from '../../../src/cluster/kubernetes/api-client.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import { textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import { reviewToken, type TokenReview } from '../../../src/cluster/kubernetes/token-reviews.ts';
import { guardedPath } from '../../../src/observe/access.ts';
import { kustomize } from '../../deploy/kustomize.ts';
import { only } from '../../deploy/kube-object.ts';
import { create, noRealServer, remove, startRealApiServer } from '../../support/real-api-server.ts';
import { sound } from './world.ts';

const namespace = 'cloud-native-gateway';
const rbac = 'rbac.authorization.k8s.io/v1';

function account(name: string): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

function binding(name: string, role: string, subject: object): object {
  return {
    apiVersion: rbac,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [subject],
  };
}

async function tokenOf(client: ApiClient, name: string): Promise<string> {
  const answer = await client.send({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } },
  });
  assert.equal(answer.kind === 'answer' && answer.status, 201, JSON.stringify(answer));
  return textAt(answer.kind === 'answer' ? answer.body : null, 'status', 'token');
}

test(
  'a real API server tells who may read, with the rights of deploy/debug-access',
  { skip: noRealServer },
  async (t) => {
    const server = await startRealApiServer(t);
    const client = createApiClient(
      sound(await openConnection({ kubeconfig: server.kubeconfigOf('gateway') })),
    );
    t.after(() => client.close());
    async function review(token: string): Promise<TokenReview> {
      return await reviewToken(client, token, guardedPath);
    }
    const root = join(import.meta.dirname, '../../..');
    const access = kustomize(join(root, 'deploy/debug-access'));
    await create(server.client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await create(server.client, account('reader'), account('stranger'));
    const reader = await tokenOf(server.client, 'reader');
    const stranger = await tokenOf(server.client, 'stranger');

    // The gateway itself may not ask yet.
    const forbidden = await review(reader);
    assert.equal(forbidden.outcome, 'unavailable');
    assert.match(JSON.stringify(forbidden), /tokenreviews cannot be created: 403 .*cannot create resource/u);
    assert.ok(!JSON.stringify(forbidden).includes(reader));

    const gateway = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'gateway' };
    await create(
      server.client,
      only(access, 'ClusterRole', 'gateway-debug-reviewer'),
      only(access, 'ClusterRole', 'gateway-debug-reader'),
      binding('reviewer', 'gateway-debug-reviewer', gateway),
      binding('readers', 'gateway-debug-reader', { kind: 'ServiceAccount', name: 'reader', namespace }),
    );
    const readerName = `system:serviceaccount:${namespace}:reader`;
    // RBAC is followed by a watch of the server's own.
    const end = performance.now() + 30_000;
    let allowed = await review(reader);
    while (allowed.outcome !== 'allowed' && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      allowed = await review(reader);
    }
    assert.deepEqual(allowed, { outcome: 'allowed', user: readerName });
    assert.deepEqual(await review(stranger), {
      outcome: 'forbidden',
      user: `system:serviceaccount:${namespace}:stranger`,
    });
    assert.deepEqual(await review('all'), { outcome: 'allowed', user: 'admin' });
    assert.deepEqual(await review('nobody'), { outcome: 'unknown' });
    assert.deepEqual(await review(`${reader.slice(0, -4)}AAAA`), { outcome: 'unknown' });
    // The role of readers is for these pages and not for the server's own.
    assert.equal((await reviewToken(client, reader, '/debug/pprof/')).outcome, 'forbidden');

    await remove(server.client, account('reader'));
    while ((await review(reader)).outcome !== 'unknown' && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.deepEqual(await review(reader), { outcome: 'unknown' }, 'the account is gone');
  },
);
