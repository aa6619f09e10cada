import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test, type TestContext } from 'node:test';
import {
  nginxIn,
  openPod,
  podAddress,
  until,
  whyNoPod,
  type Container,
  type Pod,
} from '../pod/pod-sandbox.ts';
import { gatewayNamespace, gatewayPod, openCluster, type Cluster } from '../support/cluster-gateway.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { shellScript } from '../support/nginx-instance.ts';
import { ingress, serviceObject, sliceOf } from '../support/objects.ts';

const program = path.resolve(import.meta.dirname, '../../dist/main.js');
const apiPort = 6443;
const backendPort = 9000;

/** Answers at once, `/slow` when a file is there. */
function backendProgram(released: string): string {
  return `
  import { existsSync } from 'node:fs';
  import { createServer } from 'node:http';
  createServer((request, response) => {
    if (request.url !== '/slow') return response.end('backend');
    console.log('slow');
    const look = setInterval(() => {
      if (existsSync('${released}')) { clearInterval(look); response.end('at last'); }
    }, 50);
  }).listen(${backendPort}, '${podAddress}', () => console.log('listening'));`;
}

/** The pod's way to the API server, out of its network: a port inside, a unix socket outside. */
function relayProgram(socket: string): string {
  return `
  import { connect, createServer } from 'node:net';
  createServer((client) => {
    const server = connect('${socket}');
    for (const [one, other] of [[client, server], [server, client]]) {
      one.pipe(other);
      one.on('error', () => other.destroy());
    }
  }).listen(${apiPort}, '127.0.0.1', () => console.log('listening'));`;
}

/** Asks one question a line, over fresh connections, and prints the status or the code of an error. */
const clientProgram = `
  import { request } from 'node:http';
  import { createInterface } from 'node:readline';
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ...options } = JSON.parse(line);
    const say = (result) => console.log(JSON.stringify({ id, result: String(result) }));
    const asked = request({ ...options, host: '127.0.0.1', agent: false });
    asked.on('response', (response) => { response.resume(); response.on('end', () => say(response.statusCode)); });
    asked.on('error', (error) => say(error.code));
    asked.end();
  }`;

interface AskedFor {
  /** 80 by default. */
  readonly port?: number;
  readonly path?: string;
}

interface ClusterPod {
  readonly pod: Pod;
  readonly cluster: Cluster;
  /** How often the gateway has asked for nginx. */
  asked(): number;
  startGateway(): Container;
  /** The network between the pod and the API server. */
  startRelay(): Promise<Container>;
  /** Lets slow answers come. */
  release(): void;
  /** The status that a fresh connection gets, or the code of an error. */
  readonly statusOf: (host: string, options?: AskedFor) => Promise<string>;
}

function script(text: string): string[] {
  return [process.execPath, '--input-type=module', '--eval', text];
}

async function startListening(pod: Pod, text: string): Promise<Container> {
  const container = pod.start(script(text));
  await until(() => container.log().includes('listening'), 'it listens');
  return container;
}

async function openClusterPod(t: TestContext, binary: NginxBinary): Promise<ClusterPod> {
  const cluster = await openCluster(t, [
    serviceObject('web'),
    sliceOf('web', 'web', [{ addresses: [podAddress] }], [{ name: 'http', port: backendPort }]),
    web('one'),
    gatewayPod('pod-0'),
  ]);
  const pod = await openPod(t, binary);
  const socket = path.join(pod.folder, 'api.sock');
  const relayed = new Set<Socket>();
  const outside = createServer((client) => {
    const server = connect(cluster.network.port, '127.0.0.1');
    client.pipe(server).pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      relayed.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        relayed.delete(one);
        other.destroy();
      });
    }
  });
  outside.listen({ path: socket, readableAll: true, writableAll: true });
  await once(outside, 'listening');
  t.after(() => {
    outside.close();
    for (const one of relayed) {
      one.destroy();
    }
  });
  const calls = path.join(pod.shared, 'calls');
  const released = path.join(pod.folder, 'released');
  async function clientOf(name: string): Promise<string> {
    const file = path.join(pod.scripts, `agent-${name}.sh`);
    const environment = `GATEWAY_FOLDER=${pod.shared} AGENT_AWAY=1`;
    return await shellScript(pod.folder, name, `echo "$*" >>${calls}\n${environment} exec ${file} "$@"`);
  }
  const config = path.join(pod.folder, 'gateway.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      kubernetes: { master_url: `http://127.0.0.1:${apiPort}` },
      server: { addr: '127.0.0.1:8080' },
      metrics: { enabled: false },
      debug: { enabled: false },
      nginx: {
        binary_path: await clientOf('nginx'),
        reload_script: await clientOf('reload'),
        config_path: pod.config,
        state_dir: pod.stateDir,
        http_port: 80,
        https_port: 443,
        worker_processes: 1,
        worker_shutdown_timeout: 20,
      },
    }),
  );
  await startListening(pod, backendProgram(released));
  return {
    pod,
    cluster,
    asked: () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').length - 1 : 0),
    startGateway: () =>
      pod.start([process.execPath, program, 'run', '--config', config], {
        NAMESPACE: gatewayNamespace,
        POD_NAME: 'pod-0',
      }),
    startRelay: async () => await startListening(pod, relayProgram(socket)),
    release() {
      writeFileSync(released, '');
      chmodSync(released, 0o644);
    },
    statusOf: startClient(pod),
  };
}

/** Starts what asks inside the pod: one process, because a process for each question would take most of the time. */
function startClient(pod: Pod): ClusterPod['statusOf'] {
  const container = pod.start(script(clientProgram));
  const { stdin, stdout } = container.process;
  assert.ok(stdin !== null && stdout !== null);
  const waiting = new Map<number, (result: string) => void>();
  createInterface({ input: stdout }).on('line', (line) => {
    const { id, result } = JSON.parse(line) as { id: number; result: string };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let last = 0;
  return async (host, { port = 80, path: url = '/' } = {}) => {
    last += 1;
    stdin.write(`${JSON.stringify({ id: last, port, path: url, headers: { host: `${host}.example` } })}\n`);
    return await new Promise((resolve) => {
      waiting.set(last, resolve);
    });
  };
}

function web(name: string): object {
  return ingress(name, {
    host: `${name}.example`,
    paths: [{ service: 'web' }],
  });
}

async function ready({ statusOf }: ClusterPod, ...containers: Container[]): Promise<void> {
  await until(
    async () => (await statusOf('', { port: 8080, path: '/ready' })) === '200',
    'it is ready',
  ).catch((error: unknown) =>
    assert.fail(`${String(error)}\n${containers.map((one) => one.log()).join('\n')}`),
  );
}

async function served({ statusOf }: ClusterPod, name: string): Promise<void> {
  await until(async () => (await statusOf(name)) === '200', `${name} is served`);
}

describe('a cluster and a pod', { skip: whyNoPod(), concurrency: 3 }, () => {
  for (const binary of nginxBinaries()) {
    test(`one of them dies after the other, with nginx ${binary.version}`, async (t) => {
      const world = await openClusterPod(t, binary);
      const { pod, cluster, statusOf } = world;
      const relay = await world.startRelay();
      const gateway = world.startGateway();
      await until(() => world.asked() >= 2, 'it has asked again for an agent that is not there');
      assert.equal(gateway.process.exitCode, null, gateway.log());
      const agent = pod.startNginx();
      await ready(world, gateway, agent);
      assert.match(gateway.log(), new RegExp(`"message":"Starting".*"nginx":"${binary.version}"`, 'u'));
      assert.equal(await statusOf('one'), '200');
      assert.equal(await statusOf('two'), '404');
      cluster.api.put(web('two'));
      await served(world, 'two');

      const [master] = nginxIn(agent, 'master');
      assert.ok(master !== undefined);
      process.kill(master, 'SIGKILL');
      await until(() => nginxIn(agent, 'master').some((pid) => pid !== master), 'there is a new master');
      await served(world, 'one');

      agent.signal('SIGKILL');
      await agent.ended;
      const next = pod.startNginx({ AGENT_PATIENCE: '5' });
      cluster.api.put(web('three'));
      await served(world, 'three');
      assert.equal(await statusOf('one'), '200');

      // The API server goes away, then the gateway: the next one knows nothing but the marker.
      relay.signal('SIGKILL');
      gateway.signal('SIGKILL');
      await Promise.all([relay.ended, gateway.ended]);
      const masters = nginxIn(next, 'master');
      const again = world.startGateway();
      await ready(world, again, next);
      assert.equal(await statusOf('three'), '200');
      // One that was just starting or being tested when it was counted may be gone; no new one may be there.
      const after = nginxIn(next, 'master');
      assert.ok(
        after.length > 0 && after.every((pid) => masters.includes(pid)),
        `${masters.join()} became ${after.join()}`,
      );
      cluster.api.put(web('four'));
      await world.startRelay();
      await served(world, 'four');

      again.signal('SIGTERM');
      next.signal('SIGTERM');
      assert.equal(await again.ended, 0, again.log());
      assert.equal(await next.ended, 0, next.log());
      assert.match(again.log(), /"message":"nginx ended","result":"drained"/u);
      assert.match(next.log(), /nginx ended: drained/u);
    });

    test(`TERM during a drain and during a test, with nginx ${binary.version}`, async (t) => {
      const world = await openClusterPod(t, binary);
      const { pod, cluster, statusOf } = world;
      await world.startRelay();
      const marker = path.join(pod.folder, 'slow-test');
      // nginx itself, after a wait where a test should take long.
      const slowBinary = await shellScript(
        pod.folder,
        'slow-nginx',
        `if [ "$1" = -t ]; then while [ -e ${marker} ]; do sleep 0.05; done; fi\nexec ${binary.path} "$@"`,
      );
      const agent = pod.startNginx({ NGINX_BINARY: slowBinary });
      const gateway = world.startGateway();
      await ready(world, gateway, agent);
      await until(() => cluster.leaseHolder() === 'pod-0', 'it leads');
      const inFlight = statusOf('one', { path: '/slow' });

      writeFileSync(marker, '');
      const before = world.asked();
      cluster.api.put(web('two'));
      await until(() => world.asked() > before, 'a test is under way');
      gateway.signal('SIGTERM');
      agent.signal('SIGTERM');
      await until(() => agent.log().includes('told to end'), 'TERM is heard during the test');
      assert.equal(await statusOf('one'), '200', 'nginx serves on');
      assert.equal(await statusOf('', { port: 8080, path: '/ready' }), '503');
      rmSync(marker);

      await until(async () => (await statusOf('one')) === 'ECONNREFUSED', 'nginx drains');
      agent.signal('SIGTERM');
      assert.equal(gateway.process.exitCode, null, 'it waits for the drain');
      world.release();
      assert.equal(await inFlight, '200');
      assert.equal(await gateway.ended, 0, gateway.log());
      assert.equal(await agent.ended, 0, agent.log());
      assert.match(gateway.log(), /"message":"nginx ended","result":"drained"/u);
      assert.equal(cluster.leaseHolder(), '', 'the Lease is given up');
    });

    test(`the gateway's container alone ends, with nginx ${binary.version}`, async (t) => {
      const world = await openClusterPod(t, binary);
      await world.startRelay();
      const agent = world.pod.startNginx({ AGENT_TOLD_WITHIN: '1' });
      const gateway = world.startGateway();
      await ready(world, gateway, agent);
      const masters = nginxIn(agent, 'master');
      gateway.signal('SIGTERM');
      assert.equal(await gateway.ended, 0, gateway.log());
      assert.match(gateway.log(), /"message":"nginx ended","result":"kept"/u);
      assert.equal(await world.statusOf('one'), '200', 'nginx serves on');
      const next = world.startGateway();
      await ready(world, next, agent);
      world.cluster.api.put(web('two'));
      await served(world, 'two');
      assert.deepEqual(nginxIn(agent, 'master'), masters);
    });
  }
});
