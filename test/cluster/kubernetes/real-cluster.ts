import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createApiClient, type ApiClient } from '../../../src/cluster/kubernetes/api-client.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import { freePort } from '../../support/ports.ts';
import { temporaryDirectory } from '../../support/temp-dir.ts';
import { sound } from './world.ts';

export interface Cluster {
  /** May do everything. */
  readonly client: ApiClient;
  readonly kubeconfig: string;
}

type Flags = Readonly<Record<string, string>>;

/** Starts a program of the folder; it ends with the test. @returns the end of what it has logged so far */
function run(t: TestContext, program: string, flags: Flags): () => string {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let logged = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    logged = (logged + text).slice(-4000);
  });
  child.on('error', (error) => {
    logged += String(error);
  });
  t.after(async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  });
  return () => logged;
}

/** etcd and kube-apiserver from the folder `assets`, on free ports, with more flags for the API server. */
export async function startCluster(t: TestContext, assets: string, more: Flags = {}): Promise<Cluster> {
  const folder = await temporaryDirectory(t);
  const etcd = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const port = await freePort();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyFile = join(folder, 'service-accounts.key');
  await writeFile(keyFile, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  await writeFile(join(folder, 'tokens.csv'), 'all,admin,1,"system:masters"\nnone,outsider,2\n');
  const etcdLog = run(t, join(assets, 'etcd'), {
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': etcd,
    'advertise-client-urls': etcd,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'unsafe-no-fsync': 'true',
  });
  const serverLog = run(t, join(assets, 'kube-apiserver'), {
    'etcd-servers': etcd,
    'secure-port': String(port),
    'bind-address': '127.0.0.1',
    'cert-dir': join(folder, 'certificates'),
    'token-auth-file': join(folder, 'tokens.csv'),
    'authorization-mode': 'RBAC',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': keyFile,
    'service-account-signing-key-file': keyFile,
    'service-cluster-ip-range': '10.96.0.0/16',
    'disable-admission-plugins': 'ServiceAccount',
    ...more,
  });
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster }],
    users: [{ name: 'u', user: { token: 'all' } }],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const client = createApiClient(sound(await openConnection({ kubeconfig })));
  t.after(() => client.close());
  const end = performance.now() + 120_000;
  for (;;) {
    const ready = await client.send({ path: '/readyz' });
    if (ready.kind === 'answer' && ready.status === 200) {
      return { client, kubeconfig };
    }
    if (performance.now() > end) {
      throw new Error(
        `the API server does not get ready: ${JSON.stringify(ready)}\n${etcdLog()}\n${serverLog()}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
