import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { detectCapabilities } from '../../src/nginx/capabilities.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { shellScript } from '../support/nginx-instance.ts';
import type { GatewayCommand } from './gateway-side.ts';
import {
  commandLinesIn,
  get,
  nginxIn,
  openPod,
  until,
  whyNoPod,
  zombiesIn,
  type Container,
  type Pod,
} from './pod-sandbox.ts';

interface Gateway {
  readonly container: Container;
  /** What it found when it started. */
  readonly found: unknown;
  ask(command: GatewayCommand): Promise<Record<string, unknown>>;
}

/** The real applier in the gateway's container. */
async function startGateway(pod: Pod, binary?: string): Promise<Gateway> {
  // The gateway hands no environment on, and the shared folder is not where the images have it.
  async function client(name: string): Promise<string> {
    const script = path.join(pod.scripts, `agent-${name}.sh`);
    return await shellScript(pod.folder, name, `GATEWAY_FOLDER=${pod.shared} exec ${script} "$@"`);
  }
  const container = pod.start([
    process.execPath,
    path.join(import.meta.dirname, 'gateway-side.ts'),
    binary ?? (await client('nginx')),
    await client('reload'),
    pod.stateDir,
    pod.config,
    '80',
  ]);
  const { stdin, stdout } = container.process;
  assert.ok(stdin !== null && stdout !== null);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  async function next(): Promise<Record<string, unknown>> {
    const line = await lines.next();
    assert.ok(line.done !== true, `the gateway ended: ${container.log()}`);
    return JSON.parse(line.value) as Record<string, unknown>;
  }
  const { started } = await next();
  return {
    container,
    found: started,
    async ask(command) {
      stdin.write(`${JSON.stringify(command)}\n`);
      return await next();
    },
  };
}

async function startAgent(pod: Pod, environment: Record<string, string> = {}): Promise<Container> {
  const agent = pod.startNginx(environment);
  await until(() => agent.log().includes('agent: ready'), 'the agent is ready');
  return agent;
}

/** A pod in which nginx serves `answer`, verified. */
async function servingPod(
  t: TestContext,
  binary: NginxBinary,
  answer: string,
  environment: Record<string, string> = {},
) {
  const pod = await openPod(t, binary);
  const agent = await startAgent(pod, environment);
  const gateway = await startGateway(pod);
  const applied = await gateway.ask({ do: 'apply', answer });
  assert.equal(applied['outcome'], 'applied', JSON.stringify(applied));
  const socket = path.join(pod.stateDir, 'run/http.sock');
  assert.equal(await get(socket), answer);
  return { pod, agent, gateway, applied, socket };
}

/** The only master in a container. */
function onlyMaster(container: Container): number {
  const [master, ...others] = nginxIn(container, 'master');
  assert.ok(master !== undefined && others.length === 0, 'one master runs');
  return master;
}

const skip = whyNoPod();

for (const binary of nginxBinaries()) {
  describe(`the life of a pod with nginx ${binary.version}`, { skip, concurrency: 3 }, () => {
    it('finds out through the agent what nginx can do', async (t) => {
      const pod = await openPod(t, binary);
      await startAgent(pod);
      const gateway = await startGateway(pod);
      const asked = await gateway.ask({ do: 'capabilities' });
      const direct = await detectCapabilities({ binary: binary.path });
      assert.deepEqual(asked, JSON.parse(JSON.stringify({ ...direct, ipv6: asked['ipv6'] })));
    });

    it('serves on a port below 1024, quarantines what nginx refuses, and leaves no zombie', async (t) => {
      const { agent, gateway } = await servingPod(t, binary, 'one');
      assert.deepEqual(await gateway.ask({ do: 'get' }), { status: 200, body: '127.0.0.1' });
      const second = await gateway.ask({ do: 'apply', answer: 'two', bad: true });
      assert.equal(second['outcome'], 'applied');
      assert.deepEqual(second['added'], ['Ingress/pod/bad']);
      assert.match(JSON.stringify(second['reasons']), /no_such_directive/);
      await until(() => zombiesIn(agent).length === 0, 'no zombie is left');
    });

    it('kill -9 of the nginx master: the agent starts it from the verified text, orphans and sockets notwithstanding', async (t) => {
      const { agent, gateway, applied, socket } = await servingPod(t, binary, 'one');
      const old = onlyMaster(agent);
      process.kill(old, 'SIGKILL');
      await until(() => nginxIn(agent, 'master').some((pid) => pid !== old), 'there is a new master');
      await until(async () => (await get(socket)) === 'one', 'it serves');
      assert.deepEqual(await gateway.ask({ do: 'live' }), { live: applied['generation'] });
      assert.equal((await gateway.ask({ do: 'apply', answer: 'two' }))['outcome'], 'applied');
      assert.equal(await get(socket), 'two');
      await until(() => zombiesIn(agent).length === 0, 'no zombie is left');
    });

    it('kill -9 of the nginx container: the next one serves the verified text, whatever the live file says', async (t) => {
      const { pod, agent, gateway, applied, socket } = await servingPod(t, binary, 'one');
      agent.signal('SIGKILL');
      await agent.ended;
      assert.equal(await get(socket), 'ECONNREFUSED', 'the killed nginx left its socket behind');
      writeFileSync(path.join(pod.shared, 'nginx.conf'), 'never verified;\n');

      const next = await startAgent(pod);
      await until(async () => (await get(socket)) === 'one', 'the verified text is served');
      assert.match(next.log(), /starting nginx from the last verified configuration/);
      assert.deepEqual(await gateway.ask({ do: 'live' }), { live: applied['generation'] });
      assert.equal((await gateway.ask({ do: 'apply', answer: 'two' }))['outcome'], 'applied');
    });

    it('does not start from a verified text that is not whole', async (t) => {
      const { pod, agent, gateway } = await servingPod(t, binary, 'one');
      agent.signal('SIGKILL');
      await agent.ended;
      writeFileSync(path.join(pod.stateDir, 'verified.conf'), 'half a te');
      const next = await startAgent(pod);
      await until(() => next.log().includes('is not what verified.json says'), 'it says so');
      assert.deepEqual(nginxIn(next, 'master'), []);
      const again = await gateway.ask({ do: 'apply', answer: 'two' });
      assert.equal(again['outcome'], 'applied', JSON.stringify(again));
    });

    it('kill -9 of the gateway: nginx serves on, and the next gateway finds it as it is', async (t) => {
      const { pod, agent, gateway, applied, socket } = await servingPod(t, binary, 'one');
      const master = onlyMaster(agent);
      gateway.container.signal('SIGKILL');
      await gateway.container.ended;
      assert.equal(await get(socket), 'one');
      const next = await startGateway(pod);
      const { generation } = applied;
      assert.deepEqual(next.found, { nginx: 'running', live: generation, verified: generation });
      assert.equal((await next.ask({ do: 'apply', answer: 'one' }))['outcome'], 'unchanged');
      assert.equal(onlyMaster(agent), master);
    });

    it('the gateway ends nginx through the agent, in a pod that ends', async (t) => {
      const { agent, gateway, socket } = await servingPod(t, binary, 'one', { AGENT_TOLD_WITHIN: '1' });
      assert.deepEqual((await gateway.ask({ do: 'stop' }))['result'], 'kept', 'only the gateway ends');
      assert.equal(await get(socket), 'one');
      agent.signal('SIGTERM');
      assert.deepEqual((await gateway.ask({ do: 'stop' }))['result'], 'drained');
      assert.equal(await agent.ended, 0);
      assert.equal(await get(socket), 'ENOENT');
      assert.deepEqual((await gateway.ask({ do: 'stop' }))['result'], 'none');
    });

    it('the gateway signals nobody in its own container when it has a real nginx for a client', async (t) => {
      const { pod, agent, gateway, socket } = await servingPod(t, binary, 'one');
      gateway.container.signal('SIGKILL');
      await gateway.container.ended;
      const next = await startGateway(pod, binary.path);
      // Its own number there: the pid file is about another namespace of processes.
      writeFileSync(path.join(pod.stateDir, 'run/nginx.pid'), '1\n');
      const stopped = await next.ask({ do: 'stop' });
      assert.equal(stopped['result'], 'unknown');
      assert.match(JSON.stringify(stopped['logged']), /nginx was asked to end.*directive is duplicate/u);
      assert.equal(await get(socket), 'one');
      assert.deepEqual(await next.ask({ do: 'live' }), { live: (next.found as { live: string }).live });
      assert.equal(nginxIn(agent, 'master').length, 1);
    });

    it('TERM during a test: the test is answered, nginx serves until quit and then drains', async (t) => {
      const pod = await openPod(t, binary);
      const marker = path.join(pod.folder, 'slow');
      // nginx itself, after a wait where a test should take long.
      const slow = await shellScript(
        pod.folder,
        'slow-nginx',
        `if [ "$1" = -t ]; then while [ -e ${marker} ]; do sleep 0.05; done; fi\nexec ${binary.path} "$@"`,
      );
      const agent = await startAgent(pod, { NGINX_BINARY: slow });
      const gateway = await startGateway(pod);
      const socket = path.join(pod.stateDir, 'run/http.sock');
      await gateway.ask({ do: 'apply', answer: 'one' });
      writeFileSync(marker, '');
      const second = gateway.ask({ do: 'apply', answer: 'two' });
      await until(() => commandLinesIn(agent).includes('slow-nginx\u0000-t'), 'the test is under way');
      agent.signal('SIGTERM');
      await until(() => agent.log().includes('told to end'), 'TERM is heard during the test');
      assert.equal(await get(socket), 'one');
      rmSync(marker);
      assert.equal((await second)['outcome'], 'applied', 'changes are followed until the end');
      assert.equal(await get(socket), 'two');
      assert.deepEqual(await pod.nginx('-s', 'quit'), { code: 0, stdout: 'drained\n', stderr: '' });
      assert.equal(await agent.ended, 0);
      assert.equal(await get(socket), 'ENOENT');
    });

    it('a drain finishes what is in flight, whatever else is told; new connections find nobody', async (t) => {
      const { pod, agent, socket } = await servingPod(t, binary, 'one');
      const backendSocket = path.join(pod.shared, 'backend.sock');
      const waiting: (() => void)[] = [];
      const backend = createServer((_, response) => waiting.push(() => response.end('at last')));
      t.after(() => backend.close());
      backend.listen({ path: backendSocket, writableAll: true });
      await once(backend, 'listening');
      const conf = path.join(pod.shared, 'nginx.conf');
      writeFileSync(
        conf,
        readFileSync(conf, 'utf8').replace('return 200 "one";', `proxy_pass http://unix:${backendSocket}:/;`),
      );
      assert.equal((await pod.reload()).code, 0);
      const inFlight: Promise<string>[] = [];
      await until(async () => {
        // Old workers may still take the first of them.
        inFlight.push(slowRequest(socket));
        await new Promise((resolve) => setTimeout(resolve, 100));
        return waiting.length > 0;
      }, 'a request is in flight');

      agent.signal('SIGTERM');
      const quit = pod.nginx('-s', 'quit');
      await until(async () => (await get(socket)) === 'ENOENT', 'nginx takes no new connection');
      agent.signal('SIGQUIT');
      assert.equal((await pod.reload()).code, 75, 'nothing is applied to a draining nginx');
      assert.match((await pod.ask('status')).stdout, /^state=quitting$/m);
      for (const respond of waiting) {
        respond();
      }
      assert.equal(await inFlight.at(-1), 'at last');
      assert.deepEqual(await quit, { code: 0, stdout: 'drained\n', stderr: '' });
      assert.equal(await agent.ended, 0);
    });
  });
}

describe('the end of a pod', { skip, concurrency: 3 }, () => {
  const [binary] = nginxBinaries();
  assert.ok(binary !== undefined);

  it('ends at once when there is no nginx', async (t) => {
    const pod = await openPod(t, binary);
    const agent = await startAgent(pod);
    agent.signal('SIGTERM');
    assert.equal(await agent.ended, 0);
    assert.ok(!existsSync(path.join(pod.shared, 'agent/boot')), 'nobody asks it any more');
  });

  it('drains by itself when the gateway says nothing', async (t) => {
    const { agent, gateway } = await servingPod(t, binary, 'one', { AGENT_PATIENCE: '1' });
    gateway.container.signal('SIGKILL');
    agent.signal('SIGQUIT');
    assert.equal(await agent.ended, 0);
    assert.match(agent.log(), /no quit from the gateway within 1 s\n.*nginx ended: drained/);
  });

  it('ends nginx by force when it does not drain in time', async (t) => {
    const { pod, agent } = await servingPod(t, binary, 'one', { AGENT_DRAIN_LIMIT: '1' });
    const [worker] = nginxIn(agent, 'worker');
    assert.ok(worker !== undefined);
    process.kill(worker, 'SIGSTOP');
    agent.signal('SIGTERM');
    assert.deepEqual(await pod.nginx('-s', 'quit'), { code: 0, stdout: 'killed\n', stderr: '' });
    assert.equal(await agent.ended, 0);
  });

  it('serves on when only the gateway ends', async (t) => {
    const { pod, agent, socket } = await servingPod(t, binary, 'one', { AGENT_TOLD_WITHIN: '1' });
    assert.deepEqual(await pod.nginx('-s', 'quit'), { code: 0, stdout: 'kept\n', stderr: '' });
    assert.equal(await get(socket), 'one');
    assert.deepEqual(await pod.ask('quit', 'now'), { code: 0, stdout: 'drained\n', stderr: '' });
    assert.equal(await get(socket), 'ENOENT');
    assert.equal((await pod.reload()).code, 0, 'the next apply starts it again');
    assert.equal(await get(socket), 'one');
    assert.equal(agent.process.exitCode, null);
  });

  it('gives no verdict on a test or a reload that hangs', async (t) => {
    const pod = await openPod(t, binary);
    const hanging = await shellScript(
      pod.folder,
      'hanging-nginx',
      `if [ -e ${pod.folder}/hang ]; then exec sleep 60; fi\nexec ${binary.path} "$@"`,
    );
    const agent = await startAgent(pod, { NGINX_BINARY: hanging });
    const gateway = await startGateway(pod);
    await gateway.ask({ do: 'apply', answer: 'one' });
    const client = path.join(pod.scripts, 'agent-nginx.sh');
    writeFileSync(path.join(pod.folder, 'hang'), '');
    const hung = await pod.run([client, '-t', '-c', pod.config], { AGENT_DEADLINE: '1' });
    assert.equal(hung.code, 75);
    assert.match(hung.stderr, /did not end within 1 s and was ended/);

    process.kill(onlyMaster(agent), 'SIGSTOP');
    const stopped = await pod.reload();
    assert.equal(stopped.code, 75);
    assert.match(stopped.stderr, /the nginx master \d+ is stopped; continue it with SIGCONT/);
    // A stopped nginx ends too: it is continued first.
    agent.signal('SIGTERM');
    assert.equal((await pod.nginx('-s', 'quit')).stdout, 'drained\n');
    assert.equal(await agent.ended, 0);
  });

  it('kill -9 of the agent while it tests: no verdict, at once with the next agent', async (t) => {
    const pod = await openPod(t, binary);
    const hanging = await shellScript(pod.folder, 'hanging-nginx', 'exec sleep 60');
    const agent = await startAgent(pod, { NGINX_BINARY: hanging });
    const asked = pod.nginx('-t', '-c', pod.config);
    await until(() => commandLinesIn(agent).includes('sleep\u000060'), 'the test is under way');
    agent.signal('SIGKILL');
    await agent.ended;
    await startAgent(pod);
    const lost = await asked;
    assert.equal(lost.code, 75);
    assert.match(lost.stderr, /the agent ended before it answered/);
  });
});

async function slowRequest(socketPath: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/', agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
    });
    asked.on('error', reject);
    asked.end();
  });
}
