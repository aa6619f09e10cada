import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createApiClient, type ApiClient } from '../../src/cluster/kubernetes/api-client.ts';
import { openConnection } from '../../src/cluster/kubernetes/connection.ts';
import { resourcePath } from '../../src/cluster/kubernetes/resource.ts';
import { collectionOf, type FakeObject } from './fake-api-server-objects.ts';
import { freePort } from './ports.ts';

const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';

/** Why tests against a real API server are skipped, said out loud; false where they run. */
export const noRealServer: string | false =
  assets === ''
    ? 'NOT RUN against a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd'
    : false;

/** A real API server with an etcd of its own. */
export interface RealApiServer {
  readonly url: string;
  /** May do everything. */
  readonly client: ApiClient;
  readonly kubeconfig: string;
  /** A kubeconfig of a user of this name, who may do what a test allows. */
  kubeconfigOf(user: 'outsider' | 'gateway'): string;
  /** Ends both programs, forgets all data, and starts them again at the same place. */
  empty(): Promise<void>;
}

type Flags = Readonly<Record<string, string>>;

interface Running {
  readonly child: ChildProcess;
  /** The end of what it has logged so far. */
  log(): string;
}

function run(program: string, flags: Flags): Running {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(join(assets, program), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let logged = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    logged = (logged + text).slice(-4000);
  });
  child.on('error', (error) => {
    logged += String(error);
  });
  return { child, log: () => logged };
}

async function kill({ child }: Running): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** etcd and kube-apiserver of `KUBEBUILDER_ASSETS`, on free ports, with more flags for the API server. They end with `t`. */
export async function startRealApiServer(
  t: Pick<TestContext, 'after'>,
  more: Flags = {},
): Promise<RealApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'api-server-'));
  const etcd = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyFile = join(folder, 'service-accounts.key');
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const users = ['all,admin,1,"system:masters"', 'none,outsider,2', 'some,gateway,3'];
  writeFileSync(join(folder, 'tokens.csv'), `${users.join('\n')}\n`);
  let programs: Running[] = [];

  function startPrograms(): void {
    programs = [
      run('etcd', {
        'data-dir': join(folder, 'etcd'),
        'listen-client-urls': etcd,
        'advertise-client-urls': etcd,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': `default=${peer}`,
        'unsafe-no-fsync': 'true',
      }),
      run('kube-apiserver', {
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
      }),
    ];
  }

  async function endPrograms(): Promise<void> {
    await Promise.all(programs.map(kill));
  }

  function kubeconfigFor(token: string): string {
    const path = join(folder, `kubeconfig-${token}`);
    const cluster = { server: url, 'insecure-skip-tls-verify': true };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
      clusters: [{ name: 'k', cluster }],
      users: [{ name: 'u', user: { token } }],
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  const kubeconfig = kubeconfigFor('all');
  const connection = await openConnection({ kubeconfig });
  if ('problem' in connection) {
    throw new Error(connection.problem);
  }
  const client = createApiClient(connection);
  t.after(async () => {
    client.close();
    await endPrograms();
    rmSync(folder, { recursive: true, force: true });
  });

  async function untilReady(): Promise<void> {
    const end = performance.now() + 180_000;
    for (;;) {
      const ready = await client.send({ path: '/readyz' });
      if (ready.kind === 'answer' && ready.status === 200) {
        return;
      }
      if (performance.now() > end) {
        const logs = programs.map((one) => one.log()).join('\n');
        throw new Error(`the API server does not get ready: ${JSON.stringify(ready)}\n${logs}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  startPrograms();
  await untilReady();
  return {
    url,
    client,
    kubeconfig,
    kubeconfigOf: (user) => kubeconfigFor(user === 'gateway' ? 'some' : 'none'),
    async empty() {
      await endPrograms();
      rmSync(join(folder, 'etcd'), { recursive: true });
      startPrograms();
      await untilReady();
    },
  };
}

/** The path of an object's collection, or with a name its own. */
export function pathOf(raw: object, name?: string): string {
  const object = raw as FakeObject;
  const collection = collectionOf(object);
  const { namespace } = object.metadata;
  const plural = collection.slice(collection.lastIndexOf('/') + 1);
  return resourcePath({
    apiVersion: object.apiVersion,
    plural,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  });
}

/** Creates objects, one after the other. @throws Error where the server will not have one */
export async function create(client: ApiClient, ...objects: readonly object[]): Promise<void> {
  for (const body of objects) {
    expectStatus(201, body, await client.send({ method: 'POST', path: pathOf(body), body }));
  }
}

/** Deletes an object. @throws Error where the server will not have it */
export async function remove(client: ApiClient, object: object): Promise<void> {
  const path = pathOf(object, (object as FakeObject).metadata.name);
  expectStatus(200, object, await client.send({ method: 'DELETE', path }));
}

function expectStatus(status: number, object: object, answer: Awaited<ReturnType<ApiClient['send']>>): void {
  if (answer.kind !== 'answer' || answer.status !== status) {
    throw new Error(`${JSON.stringify(answer)} for ${JSON.stringify(object).slice(0, 500)}`);
  }
}
