import assert from 'node:assert/strict';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createApiClient } from '../../../src/cluster/kubernetes/api-client.ts';
import { openConnection, type ConnectionOptions } from '../../../src/cluster/kubernetes/connection.ts';
import { createApiSource } from '../../../src/cluster/kubernetes/source.ts';
import { createStore } from '../../../src/cluster/store.ts';
import { startFakeApiServer, type FakeApiServer } from '../../support/fake-api-server.ts';
import { temporaryDirectory } from '../../support/temp-dir.ts';
import { makePair, type Pair } from '../../support/tls.ts';
import { quick, service, serviceNames, sound, until } from './world.ts';

interface Pod {
  readonly server: FakeApiServer;
  readonly folder: string;
  readonly pair: Pair;
  readonly options: ConnectionOptions;
}

/** A server with TLS and tokens, and the files and variables that a pod has to reach it. */
async function pod(t: TestContext, tokens = ['one']): Promise<Pod> {
  const pair = await makePair({ names: ['localhost'] });
  const server = await startFakeApiServer({ tls: pair, behaviour: { tokens: new Set(tokens) } });
  t.after(() => server.close());
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, 'token'), `${tokens[0] ?? ''}\n`);
  await writeFile(join(folder, 'ca.crt'), pair.cert);
  await writeFile(join(folder, 'namespace'), 'gateway');
  const environment = {
    KUBERNETES_SERVICE_HOST: 'localhost',
    KUBERNETES_SERVICE_PORT: new URL(server.url).port,
  };
  return { server, folder, pair, options: { environment, podFolder: folder } };
}

/** Replaced as Kubernetes does it: never half written. */
async function replace(folder: string, name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text);
  await rename(join(folder, `${name}.new`), join(folder, name));
}

const services = { path: '/api/v1/services' };

test("the pod's own credentials: address, token, authority, namespace", async (t) => {
  const { server, options } = await pod(t);
  const connection = sound(await openConnection(options));
  assert.equal(connection.namespace, 'gateway');
  const client = createApiClient(connection);
  const answer = await client.send(services);
  assert.ok(answer.kind === 'answer' && answer.status === 200, JSON.stringify(answer));
  assert.equal(server.requests[0]?.headers['authorization'], 'Bearer one');
  client.close();
});

test('a server whose certificate the authority has not signed gets no token', async (t) => {
  const { server, folder, options } = await pod(t);
  await replace(folder, 'ca.crt', (await makePair({ names: ['localhost'] })).cert);
  const client = createApiClient(sound(await openConnection(options)));
  const answer = await client.send(services);
  assert.equal(answer.kind, 'failure');
  assert.match(answer.kind === 'failure' ? answer.reason : '', /certificate|signature/u);
  assert.equal(server.requests.length, 0);
});

test('a token that was rotated is read again at once when the server says 401', async (t) => {
  const { server, folder, options } = await pod(t);
  const client = createApiClient(sound(await openConnection(options)));
  await client.send(services);
  server.behaviour.tokens = new Set(['two']);
  await replace(folder, 'token', 'two');
  const answers = await Promise.all([client.send(services), client.send(services), client.send(services)]);
  assert.deepEqual(
    answers.map((answer) => answer.kind === 'answer' && answer.status),
    [200, 200, 200],
  );
  server.behaviour.tokens = new Set(['three']);
  const before = server.requests.length;
  const refused = await client.send(services);
  assert.ok(refused.kind === 'answer' && refused.status === 401);
  assert.equal(server.requests.length, before + 1, 'the same token is not tried twice');
  client.close();
});

test('a source lives through the rotation of token, authority and certificate', async (t) => {
  const { server, folder, options } = await pod(t);
  const store = createStore();
  const source = createApiSource({
    connection: sound(await openConnection({ ...options, credentialMs: 20 })),
    store,
    namespace: '',
    namespaceSelectorSet: false,
    references: { prefixes: ['x'], secrets: [], configMaps: [] },
    timings: quick,
  });
  t.after(() => source.stop());
  server.put(service('a'));
  await source.start();
  const next = await makePair({ names: ['localhost'] });
  await replace(folder, 'ca.crt', next.cert);
  await replace(folder, 'token', 'two');
  server.behaviour.tokens = new Set(['two']);
  server.setCertificate(next);
  server.dropConnections();
  server.put(service('b'));
  await until('followed with new credentials', () => serviceNames(store).length === 2);
  await until('watched again', () => server.watches.length === 6);
});

test('credentials that are no credentials are a failure with its reason, not a crash', async (t) => {
  const { folder, options } = await pod(t);
  await replace(folder, 'ca.crt', '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----');
  const client = createApiClient(sound(await openConnection(options)));
  const answer = await client.send(services);
  assert.match(answer.kind === 'failure' ? answer.reason : 'no failure', /PEM|decode|certificate/u);
  await replace(folder, 'token', 'two\nlines');
  const broken = createApiClient(sound(await openConnection(options)));
  assert.equal((await broken.send(services)).kind, 'failure');
});

test('credentials that are missing for a moment are used on', async (t) => {
  const { folder, options } = await pod(t);
  const connection = sound(await openConnection({ ...options, credentialMs: 0 }));
  const client = createApiClient(connection);
  await rm(join(folder, 'token'));
  const answer = await client.send(services);
  assert.ok(answer.kind === 'answer' && answer.status === 200);
  client.close();
});

test('what is wrong with credentials is said, with its remedy', async (t) => {
  const folder = await temporaryDirectory(t);
  const cases: readonly (readonly [ConnectionOptions, RegExp])[] = [
    [{ environment: {}, podFolder: folder }, /no pod of a cluster.*kubernetes\.kubeconfig/u],
    [
      { environment: { KUBERNETES_SERVICE_HOST: 'h' }, podFolder: folder },
      /token cannot be read or is empty/u,
    ],
    [{ masterUrl: 'ftp://x' }, /kubernetes\.master_url is "ftp:\/\/x"/u],
    [{ kubeconfig: join(folder, 'none') }, /names .*none, which cannot be read/u],
    [
      { masterUrl: 'https://h', podFolder: folder, certificateAuthority: join(folder, 'ca') },
      /ca cannot be read/u,
    ],
  ];
  for (const [options, wanted] of cases) {
    const result = await openConnection(options);
    assert.match('problem' in result ? result.problem : 'no problem', wanted);
  }
});

test('over plain HTTP no credentials are sent', async (t) => {
  const { folder } = await pod(t);
  const server = await startFakeApiServer();
  t.after(() => server.close());
  const client = createApiClient(sound(await openConnection({ masterUrl: server.url, podFolder: folder })));
  const answer = await client.send(services);
  assert.ok(answer.kind === 'answer' && answer.status === 200);
  assert.equal(server.requests[0]?.headers['authorization'], undefined);
  client.close();
});

interface Kubeconfig {
  readonly server: string;
  readonly cluster?: object;
  readonly user: object;
}

async function writeKubeconfig(folder: string, { server, cluster, user }: Kubeconfig): Promise<string> {
  const path = join(folder, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', namespace: 'mine' } }],
    clusters: [{ name: 'k', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
  };
  await replace(folder, 'config', JSON.stringify(config));
  return path;
}

test('a kubeconfig: token, authority as data, context with namespace; rotation of the file', async (t) => {
  const { server, folder, pair } = await pod(t);
  const url = server.url.replace('127.0.0.1', 'localhost');
  const cluster = { 'certificate-authority-data': Buffer.from(pair.cert).toString('base64') };
  const kubeconfig = await writeKubeconfig(folder, { server: url, cluster, user: { token: 'one' } });
  const connection = sound(await openConnection({ kubeconfig }));
  assert.equal(connection.namespace, 'mine');
  const client = createApiClient(connection);
  const answer = await client.send(services);
  assert.ok(answer.kind === 'answer' && answer.status === 200, JSON.stringify(answer));
  server.behaviour.tokens = new Set(['two']);
  await writeKubeconfig(folder, { server: url, cluster, user: { token: 'two' } });
  const again = await client.send(services);
  assert.ok(again.kind === 'answer' && again.status === 200);
  client.close();
});

test('a kubeconfig with a plugin: asked again when the server rejects its token', async (t) => {
  const { server, folder, pair } = await pod(t);
  await mkdir(join(folder, 'bin'));
  const plugin = join(folder, 'bin', 'plugin');
  const credential =
    '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}';
  await writeFile(plugin, `#!/bin/sh\nprintf '${credential}' "$(cat ${join(folder, 'token')})"\n`);
  await chmod(plugin, 0o755);
  const kubeconfig = await writeKubeconfig(folder, {
    server: server.url.replace('127.0.0.1', 'localhost'),
    cluster: { 'certificate-authority-data': Buffer.from(pair.cert).toString('base64') },
    user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } },
  });
  const client = createApiClient(sound(await openConnection({ kubeconfig })));
  server.behaviour.tokens = new Set(['two']);
  await replace(folder, 'token', 'two');
  const answer = await client.send(services);
  assert.ok(answer.kind === 'answer' && answer.status === 200, JSON.stringify(answer));
  client.close();
});

test('a kubeconfig with a client certificate', async (t) => {
  const pair = await makePair({ names: ['localhost'] });
  const own = await makePair({ commonName: 'gateway' });
  const server = await startFakeApiServer({ tls: { ...pair, ca: own.cert } });
  t.after(() => server.close());
  let shown = '';
  server.failNext({}, (response) => {
    const socket = response.socket as TLSSocket;
    shown = String(socket.getPeerCertificate().subject.CN);
    response.end('{}');
  });
  const kubeconfig = await writeKubeconfig(await temporaryDirectory(t), {
    server: server.url.replace('127.0.0.1', 'localhost'),
    cluster: { 'certificate-authority-data': Buffer.from(pair.cert).toString('base64') },
    user: {
      'client-certificate-data': Buffer.from(own.cert).toString('base64'),
      'client-key-data': Buffer.from(own.key).toString('base64'),
    },
  });
  const client = createApiClient(sound(await openConnection({ kubeconfig })));
  await client.send(services);
  assert.equal(shown, 'gateway');
  client.close();
});

test('a kubeconfig that cannot be used says why', async (t) => {
  const folder = await temporaryDirectory(t);
  const cases: readonly (readonly [Kubeconfig, RegExp])[] = [
    [{ server: 'http://10.0.0.1', user: {} }, /server "http:\/\/10\.0\.0\.1"; an https:\/\/ URL is wanted/u],
    [
      { server: 'https://h', cluster: { 'proxy-url': 'http://p' }, user: {} },
      /proxy-url, which is not supported/u,
    ],
    [
      { server: 'https://h', user: { exec: { command: '/nonexistent/plugin' } } },
      /credentials cannot be had/u,
    ],
  ];
  for (const [config, wanted] of cases) {
    const result = await openConnection({ kubeconfig: await writeKubeconfig(folder, config) });
    assert.match('problem' in result ? result.problem : 'no problem', wanted);
  }
  await replace(folder, 'config', ': no yaml: [');
  const result = await openConnection({ kubeconfig: join(folder, 'config') });
  assert.match('problem' in result ? result.problem : 'no problem', /cannot be used/u);
});
