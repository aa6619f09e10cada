import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { get, nginxIn, openPod, until, users, whyNoPod, type Container, type Pod } from './pod-sandbox.ts';

/** A state folder as the gateway makes it, and a text for its nginx that answers on a socket and on port 80. */
function layOut(pod: Pod, answer: string, more = ''): string {
  for (const folder of ['', 'run', 'logs', 'temp', 'traffic']) {
    const made = path.join(pod.stateDir, folder);
    if (!existsSync(made)) {
      mkdirSync(made);
      chownSync(made, users.gateway, users.group);
      chmodSync(made, folder === 'logs' ? 0o2770 : 0o2775);
    }
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${pod.stateDir}/temp/${kind};`)
    .join(' ');
  const text = `pid ${pod.stateDir}/run/nginx.pid; error_log ${pod.stateDir}/logs/error.log notice;
worker_processes 1; worker_shutdown_timeout 30s; events {}
http { access_log off; ${temporary}
${more}
server { listen unix:${pod.stateDir}/run/http.sock; listen 80; location / { return 200 "${answer}"; } } }
`;
  const file = path.join(pod.shared, 'nginx.conf');
  writeFileSync(file, text);
  chownSync(file, users.gateway, users.group);
  return file;
}

/** Arguments as the gateway's own test of a text has them. */
function testArguments(pod: Pod, file: string, log = 'test.log'): string[] {
  return ['-t', '-q', '-p', pod.stateDir, '-c', file, '-e', path.join(pod.stateDir, 'logs', log)];
}

async function ready(container: Container): Promise<void> {
  await until(() => container.log().includes('agent: ready'), 'the agent is ready');
}

const skip = whyNoPod();

for (const binary of nginxBinaries()) {
  describe(`the agent with nginx ${binary.version}`, { skip }, () => {
    async function podWithAgent(t: TestContext, environment: Record<string, string> = {}) {
      const pod = await openPod(t, binary);
      const agent = pod.startNginx(environment);
      await ready(agent);
      return { pod, agent };
    }

    it('says what nginx is, in its own words, and which modules it could load', async (t) => {
      const { pod } = await podWithAgent(t);
      const direct = await pod.run([binary.path, '-V']);
      const asked = await pod.nginx('-V');
      assert.deepEqual(asked, direct);
      assert.match(asked.stderr, new RegExp(`nginx/${binary.version}`));
      const version = await pod.ask('version');
      assert.equal(version.code, 0);
      assert.ok(version.stdout.startsWith(direct.stderr));
      if (binary.label === 'system') {
        assert.match(version.stdout, /^module: \/\S+\.so$/m);
      }
    });

    it('answers a test with yes, or with no in the words of nginx', async (t) => {
      const { pod } = await podWithAgent(t);
      const file = layOut(pod, 'yes');
      assert.deepEqual(await pod.nginx(...testArguments(pod, file)), { code: 0, stdout: '', stderr: '' });

      const bad = path.join(pod.shared, 'bad.conf');
      writeFileSync(bad, 'events {}\nhttp {\n  nonsense;\n}\n');
      const direct = await pod.run([binary.path, ...testArguments(pod, bad, 'direct.log')]);
      const asked = await pod.nginx(...testArguments(pod, bad));
      assert.equal(asked.code, 1);
      assert.deepEqual(asked, direct);
      assert.match(asked.stderr, /unknown directive "nonsense" in \S+\/bad\.conf:3/);
      assert.deepEqual(readdirSync(path.join(pod.shared, 'agent/calls')), [], 'no call is left behind');
    });

    it('tests in a folder that was made private', async (t) => {
      const { pod } = await podWithAgent(t);
      const folder = path.join(pod.shared, 'probe');
      mkdirSync(folder, { mode: 0o700 });
      chownSync(folder, users.gateway, users.group);
      writeFileSync(path.join(folder, '0.conf'), `pid "${folder}/0.pid"; error_log stderr; events {}\n`);
      const asked = await pod.nginx('-t', '-p', folder, '-e', 'stderr', '-c', path.join(folder, '0.conf'));
      assert.match(asked.stderr, /0\.conf syntax is ok$/m);
      assert.equal(asked.code, 0);
    });

    it('starts nginx with the first apply, on ports below 1024, and reloads it with the next', async (t) => {
      const { pod, agent } = await podWithAgent(t);
      layOut(pod, 'one');
      assert.deepEqual(nginxIn(agent, 'master'), [], 'it waits without nginx');
      assert.equal((await pod.reload()).code, 0);
      const socket = path.join(pod.stateDir, 'run/http.sock');
      assert.equal(await get(socket), 'one');
      const fetched = await pod.run([
        process.execPath,
        '--eval',
        'console.log(await (await fetch("http://127.0.0.1/")).text())',
      ]);
      assert.equal(fetched.stdout, 'one\n');
      const [master] = nginxIn(agent, 'master');

      layOut(pod, 'two');
      assert.equal((await pod.reload()).code, 0);
      await until(async () => (await get(socket)) === 'two', 'the new text is served');
      assert.deepEqual(nginxIn(agent, 'master'), [master], 'the same master goes on');
      const status = await pod.ask('status');
      assert.match(status.stdout, /^state=serving\ntold_to_end=no\nnginx=\d+\nworkers=[12]$/m);
    });

    it('makes a lost pid file again and starts no second nginx', async (t) => {
      const { pod, agent } = await podWithAgent(t);
      layOut(pod, 'one');
      await pod.reload();
      const [master] = nginxIn(agent, 'master');
      const pidFile = path.join(pod.stateDir, 'run/nginx.pid');
      const before = readFileSync(pidFile, 'utf8');
      truncateSync(pidFile);
      await until(() => readFileSync(pidFile, 'utf8') === before, 'the pid file is made again');
      assert.equal((await pod.reload()).code, 0);
      assert.deepEqual(nginxIn(agent, 'master'), [master]);
    });

    it('passes on what nginx says when it cannot start', async (t) => {
      const { pod, agent } = await podWithAgent(t);
      layOut(pod, 'never', 'nonsense;');
      const run = await pod.reload();
      assert.equal(run.code, 1);
      assert.match(run.stderr, /\[emerg\].*unknown directive "nonsense" in \S+nginx\.conf:4/);
      assert.deepEqual(nginxIn(agent, 'master'), []);
    });

    it('gives no verdict when the two containers were set up differently, and says where', async (t) => {
      const { pod } = await podWithAgent(t);
      layOut(pod, 'x');
      const run = await pod.reload({ NGINX_PREFIX: '/elsewhere' });
      assert.equal(run.code, 75);
      assert.match(run.stderr, /nginx\.state_dir.*"\/elsewhere".*make them alike/);
    });

    it('has nginx open its logs anew', async (t) => {
      const { pod } = await podWithAgent(t);
      assert.equal((await pod.nginx('-s', 'reopen')).code, 75, 'there is no nginx yet');
      layOut(pod, 'x');
      await pod.reload();
      const log = path.join(pod.stateDir, 'logs/error.log');
      await pod.run(['mv', log, `${log}.1`]);
      assert.equal((await pod.nginx('-s', 'reopen')).code, 0);
      await until(() => existsSync(log), 'nginx has a new log');
    });

    it('cuts a log that nobody takes away', async (t) => {
      const { pod, agent } = await podWithAgent(t, { AGENT_LOG_LIMIT: '1' });
      layOut(pod, 'x');
      await pod.reload();
      const log = path.join(pod.stateDir, 'logs/access.log');
      writeFileSync(log, 'line\n'.repeat(300_000));
      chownSync(log, users.nginx, users.group);
      await until(() => agent.log().includes('was cut at 1500000 bytes'), 'the log is cut');
    });

    it('takes away a traffic log that nobody reads, and nginx goes on with a new one', async (t) => {
      const { pod, agent } = await podWithAgent(t, { AGENT_LOG_LIMIT: '1' });
      const log = path.join(pod.stateDir, 'traffic/requests.log');
      layOut(pod, 'x', `server { listen unix:${pod.stateDir}/run/counted.sock; access_log ${log}; }`);
      await pod.reload();
      writeFileSync(`${path.dirname(log)}/requests.1.log`, 'put aside\n');
      const { ino } = statSync(log);
      writeFileSync(log, 'line\n'.repeat(300_000));
      await until(() => agent.log().includes('was taken away at 1500000 bytes'), 'the log is taken away');
      await until(() => existsSync(log) && statSync(log).size === 0, 'nginx has a new one');
      assert.deepEqual(readdirSync(path.dirname(log)), ['requests.log']);
      assert.notEqual(statSync(log).ino, ino);
    });
  });
}

describe('the client without an agent', { skip }, () => {
  const [binary] = nginxBinaries();
  assert.ok(binary !== undefined);

  it('gives no verdict when there is no agent, when it stands still, and when it is replaced', async (t) => {
    const pod = await openPod(t, binary);
    const quick = { AGENT_AWAY: '1', AGENT_DEADLINE: '1' };
    const client = path.join(pod.scripts, 'agent-client.sh');
    const none = await pod.run([client, 'status'], quick);
    assert.equal(none.code, 75);
    assert.match(none.stderr, /no agent in \S+ for 1 s: does the nginx container run\?/);

    const agent = pod.startNginx();
    await ready(agent);
    assert.equal((await pod.run([client, 'status'], quick)).code, 0);
    process.kill(agent.pid, 'SIGSTOP');
    const hung = await pod.run([client, 'status'], quick);
    assert.equal(hung.code, 75);
    assert.match(hung.stderr, /no answer within 4 s|did not take the question/);

    // Queued with an agent that never reads it: the answer must come from the new boot id alone.
    const queued = pod.run([client, 'status'], { AGENT_DEADLINE: '60' });
    await until(() => readdirSync(path.join(pod.shared, 'agent/calls')).length > 0, 'the question is asked');
    agent.signal('SIGKILL');
    await agent.ended;
    await ready(pod.startNginx());
    const lost = await queued;
    assert.equal(lost.code, 75);
    assert.match(lost.stderr, /the agent ended before it answered|did not take the question/);
  });

  it('does not follow a link that the other side put in place of an answer', async (t) => {
    const pod = await openPod(t, binary);
    const secret = path.join(pod.folder, 'token');
    writeFileSync(secret, 'the token of the gateway\n');
    chmodSync(secret, 0o644);
    // A hostile nginx container: it takes each question and answers with a link.
    const hostile = `
      mkdir -p "$1/agent/calls" && chmod 2770 "$1/agent" "$1/agent/calls" && cd "$1/agent"
      mkfifo questions-0-0 && echo 0-0 >boot && exec 3<>questions-0-0
      read -r id boot <&3 && ln -s "$2" "calls/$id/words" && echo 1 >"calls/$id/answer"; sleep 5`;
    const impostor = pod.start(['sh', '-c', hostile, 'sh', pod.shared, secret]);
    await until(() => existsSync(path.join(pod.shared, 'agent/boot')), 'the impostor is there');
    const run = await pod.run([path.join(pod.scripts, 'agent-client.sh'), 'run', '-V']);
    assert.equal(run.code, 1);
    assert.doesNotMatch(run.stdout + run.stderr, /the token of the gateway/);
    impostor.signal('SIGKILL');
  });
});
