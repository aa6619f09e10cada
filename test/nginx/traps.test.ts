import assert from 'node:assert/strict';
import { lstat, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApplier } from '../../src/nginx/apply.ts';
import type { ObjectKey } from '../../src/model/object-ref.ts';
import { childrenOf } from '../../src/nginx/process-table.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { masterPid, nginxInstance, shellScript, type NginxInstance } from '../support/nginx-instance.ts';
import { occupyPort } from '../support/ports.ts';
import { hostServer } from '../support/synthetic-world.ts';

const good: ObjectKey = 'Ingress/ns/good';
const bad: ObjectKey = 'Ingress/ns/trap';

function addGood(instance: NginxInstance, host = 'good.example'): void {
  instance.world.objects.set(good, { lines: hostServer(instance.world.port, host) });
}

async function bodyOf(instance: NginxInstance, host: string): Promise<string> {
  return (await http({ port: instance.world.port, host })).body;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await condition()) {
      return;
    }
    await sleep(20);
  }
  assert.fail('the condition did not come true within ten seconds');
}

async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat === '' || /\) [ZX] /.test(stat);
}

for (const binary of nginxBinaries()) {
  describe(`a passed test is not a working reload, on nginx ${binary.version}`, { concurrency: 3 }, () => {
    it('keeps out who asks for a port in use, and brings the rest out in the same pass', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, options } = instance;
      const first = await applier.apply(world.build, new Map());
      const { server, port } = await occupyPort();
      t.after(() => server.close());
      world.objects.set(bad, { lines: [`server { listen 127.0.0.1:${port}; return 200; }`] });
      addGood(instance);
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, [bad]);
      assert.equal(result.fault?.kind, 'object');
      assert.equal(result.fault?.stage, 'reload');
      assert.match(result.fault?.message ?? '', /bind\(\) to 127\.0\.0\.1:\d+ failed \(98: /);
      assert.match(result.quarantined.get(bad)?.message ?? '', /bind\(\)/);
      assert.match(result.failedText?.text.split('\n')[(result.failedText.line ?? 0) - 1] ?? '', /listen/);
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
      assert.notEqual(first.generation, result.generation);
      assert.equal(await readFile(options.configPath, 'utf8'), result.candidate.text);
    });

    it('keeps out who takes a port in use at the first start', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { server, port } = await occupyPort();
      t.after(() => server.close());
      instance.world.objects.set(bad, { lines: [`server { listen 127.0.0.1:${port}; return 200; }`] });
      addGood(instance);
      const result = await instance.applier.apply(instance.world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, [bad]);
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
    });

    it('keeps out who changes the key of a zone under its old name', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      function zone(key: string): void {
        world.objects.set(bad, { lines: [`limit_req_zone ${key} zone=limits:1m rate=10r/s;`] });
      }
      zone('$binary_remote_addr');
      assert.equal((await applier.apply(world.build, new Map())).outcome, 'applied');
      zone('$uri');
      addGood(instance);
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, [bad]);
      assert.equal(result.fault?.stage, 'reload');
      assert.match(result.fault?.message ?? '', /limit_req "limits" uses the "\$uri" key/);
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
    });

    it('is not kept from the next reload by a socket that a failed one left behind', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, paths } = instance;
      await applier.apply(world.build, new Map());
      const { server, port } = await occupyPort();
      t.after(() => server.close());
      // The socket is bound before the port is found in use.
      world.objects.set('Ingress/ns/a-socket', {
        lines: [`server { listen unix:${paths.run}/extra.sock; return 200 extra; }`],
      });
      world.objects.set(bad, { lines: [`server { listen 127.0.0.1:${port}; return 200; }`] });
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.deepEqual(result.added, [bad]);
      assert.ok((await lstat(path.join(paths.run, 'extra.sock'))).isSocket());
    });

    it("blames nobody when the port in use is the skeleton's, and puts the verified file back", async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, options } = instance;
      const first = await applier.apply(world.build, new Map());
      const { server, port } = await occupyPort();
      t.after(() => server.close());
      addGood(instance);
      world.skeleton.push(`server { listen 127.0.0.1:${port}; return 200; }`);
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'environment');
      assert.equal(result.quarantined.size, 0);
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.equal(await readFile(options.configPath, 'utf8'), first.candidate.text);
    });
  });

  describe(`trouble around nginx ${binary.version}`, { concurrency: 2 }, () => {
    it('starts again after a kill -9 of the master, workers and sockets left behind', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      addGood(instance);
      const first = await applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      process.kill(pid, 'SIGKILL');
      await until(async () => await isGone(pid));
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example', 'workers go on');
      assert.equal(await applier.liveGeneration(), null, 'but nothing can change what they serve');

      const successor = createApplier(instance.options);
      assert.deepEqual(await successor.start(), {
        nginx: 'orphaned',
        live: first.generation,
        verified: first.generation,
      });
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied', 'equal bytes, but no master to serve them');
      assert.notEqual(await masterPid(instance), pid);
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
    });

    it('starts a dead nginx from the verified file, though the newest candidate is bad', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      addGood(instance);
      const first = await applier.apply(world.build, new Map());
      await applier.stop({ drainMs: 5_000 });
      world.skeleton.push('template_gone_wrong;');
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'skeleton');
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
    });

    it('starts a dead nginx when asked to, and says when it cannot', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      assert.equal(await applier.ensureRunning(), false, 'nothing was ever verified');
      const first = await applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      process.kill(pid, 'SIGKILL');
      await until(async () => await isGone(pid));
      assert.equal(await applier.ensureRunning(), true);
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.equal(await applier.ensureRunning(), true);
    });

    it('starts again when all of nginx was killed, over the sockets it left', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, paths } = instance;
      const first = await applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      const workers = await childrenOf(pid);
      assert.ok(workers.length >= 2);
      for (const one of [pid, ...workers]) {
        process.kill(one, 'SIGKILL');
        await until(async () => await isGone(one));
      }
      assert.ok((await lstat(paths.privateSocket)).isSocket());
      addGood(instance);
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.notEqual(result.generation, first.generation);
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
      assert.ok(instance.logged.includes('stale unix sockets removed'));
    });

    it('waits for what nginx still carries, and ends it by force at the deadline', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      world.skeleton.push('client_body_timeout 30s;');
      world.objects.set(good, {
        lines: hostServer(world.port, 'good.example', [
          'location /up { proxy_pass http://127.0.0.1:9; client_max_body_size 1m; }',
        ]),
      });
      await applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      const upload = connect(world.port, '127.0.0.1');
      upload.on('error', () => undefined);
      upload.write('POST /up HTTP/1.1\r\nHost: good.example\r\nContent-Length: 1000\r\n\r\nhalf');
      t.after(() => upload.destroy());
      // Accepted once the worker has read it: a worker that quits before that owes it nothing.
      await sleep(100);
      assert.equal(await applier.stop({ drainMs: 300 }), 'killed');
      assert.ok(await isGone(pid));
    });

    it('does not signal a stopped master again and again, and recovers when it continues', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      const first = await applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      process.kill(pid, 'SIGSTOP');
      await until(async () =>
        / T /.test((await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/\(.*\)/, '')),
      );
      addGood(instance);
      const stuck = await applier.apply(world.build, new Map());
      assert.equal(stuck.outcome, 'failed');
      assert.equal(stuck.fault?.kind, 'environment');
      assert.match(stuck.fault?.message ?? '', /nginx master \d+ is stopped/);
      assert.equal(stuck.quarantined.size, 0);
      const pending = /^ShdPnd:\s*([0-9a-f]+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
      assert.equal(Number.parseInt(pending ?? '', 16), 0, 'no signal waits for it');
      process.kill(pid, 'SIGCONT');
      await until(async () => (await applier.liveGeneration()) === first.generation);
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
    });

    it('ends a verification that a stopped master cannot fulfil, with the old file back in place', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, options } = instance;
      const first = await applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      // Stops the master in the same moment as it is signalled.
      const script = await shellScript(
        path.dirname(options.configPath),
        'stop.sh',
        'kill -STOP "$(cat "$NGINX_PID")" && kill -HUP "$(cat "$NGINX_PID")"',
      );
      const hindered = createApplier({
        ...options,
        reloadScript: script,
        deadlines: { ...options.deadlines, verifyMs: 300 },
      });
      await hindered.start();
      addGood(instance);
      const stuck = await hindered.apply(world.build, new Map());
      assert.equal(stuck.outcome, 'failed');
      assert.equal(stuck.fault?.stage, 'verify');
      assert.match(stuck.fault?.message ?? '', new RegExp(`generation ${first.generation} still answers`));
      assert.match(stuck.fault?.message ?? '', /is stopped/);
      assert.equal(await readFile(options.configPath, 'utf8'), first.candidate.text);
      process.kill(pid, 'SIGCONT');
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.equal(await bodyOf(instance, 'good.example'), 'good.example');
    });

    it('kills a reload script that hangs, with what it started, and recovers', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, options } = instance;
      const first = await applier.apply(world.build, new Map());
      const folder = path.dirname(options.configPath);
      const script = await shellScript(folder, 'hang.sh', `sleep 600 & echo $! > ${folder}/child\nwait`);
      const hindered = createApplier({
        ...options,
        reloadScript: script,
        deadlines: { ...options.deadlines, reloadMs: 300 },
      });
      await hindered.start();
      addGood(instance);
      const stuck = await hindered.apply(world.build, new Map());
      assert.equal(stuck.outcome, 'failed');
      assert.equal(stuck.fault?.kind, 'environment');
      assert.match(stuck.fault?.message ?? '', /reload script did not end within 0\.3 seconds/);
      const child = Number.parseInt(await readFile(`${folder}/child`, 'utf8'), 10);
      await until(async () => await isGone(child));
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.equal((await applier.apply(world.build, new Map())).outcome, 'applied');
    });

    it('takes exit code 75 of the reload script for no verdict', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, options } = instance;
      await applier.apply(world.build, new Map());
      const script = await shellScript(
        path.dirname(options.configPath),
        'no.sh',
        'echo agent away >&2; exit 75',
      );
      const hindered = createApplier({ ...options, reloadScript: script });
      await hindered.start();
      addGood(instance);
      const result = await hindered.apply(world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'environment');
      assert.match(result.fault?.message ?? '', /exit code 75: agent away/);
      assert.equal(result.quarantined.size, 0);
    });

    it("takes a test without an end for the environment's fault", async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world, options } = instance;
      const slow = await shellScript(path.dirname(options.configPath), 'slow.sh', 'sleep 600');
      const hindered = createApplier({
        ...options,
        binary: slow,
        deadlines: { ...options.deadlines, testMs: 200 },
      });
      await hindered.start();
      addGood(instance);
      const result = await hindered.apply(world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.deepEqual(
        [result.fault?.kind, result.fault?.stage, result.quarantined.size, result.tests],
        ['environment', 'test', 0, 1],
      );
      assert.match(result.fault?.message ?? '', /no verdict within 0\.2 seconds/);
    });

    it("takes a missing binary and one that dies of a signal for the environment's fault", async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world, options } = instance;
      const dying = await shellScript(path.dirname(options.configPath), 'dying.sh', 'kill -SEGV $$');
      for (const [file, said] of [
        ['/nonexistent/nginx', /ENOENT/],
        [dying, /killed by SIGSEGV/],
      ] as const) {
        const hindered = createApplier({ ...options, binary: file });
        await hindered.start();
        addGood(instance);
        const result = await hindered.apply(world.build, new Map());
        assert.equal(result.outcome, 'failed');
        assert.equal(result.fault?.kind, 'environment');
        assert.equal(result.quarantined.size, 0);
        assert.match(result.fault?.message ?? '', said);
      }
    });

    it("takes a log that cannot be opened for the environment's fault", async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, paths } = instance;
      addGood(instance);
      await rm(paths.logs, { recursive: true });
      await writeFile(paths.logs, 'not a folder');
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'environment');
      assert.match(result.fault?.message ?? '', /open\(\) "logs\/\w+\.log" failed \(20: /);
      assert.equal(result.quarantined.size, 0);
      await rm(paths.logs);
    });

    it('leaves a socket alone that somebody else listens on', async (t) => {
      const instance = await nginxInstance(t, binary);
      const file = path.join(instance.paths.run, 'other.sock');
      let visits = 0;
      const server = createServer((socket) => {
        visits += 1;
        socket.on('error', () => undefined).destroy();
      });
      server.listen(file);
      await once(server, 'listening');
      t.after(() => server.close());
      await instance.applier.apply(instance.world.build, new Map());
      assert.ok((await lstat(file)).isSocket());
      assert.equal(visits, 0);
    });

    it('loses no request of a keep-alive client over reloads where nginx can promise it', async (t) => {
      const instance = await nginxInstance(t, binary, { quietMs: 250 });
      const { applier, world } = instance;
      const [major = 0, minor = 0, patch = 0] = binary.version.split('.').map(Number);
      const canPromise = major > 1 || minor > 27 || (minor === 27 && patch >= 4);
      if (!canPromise) {
        t.skip('keepalive_min_timeout came with 1.27.4');
        return;
      }
      world.skeleton.push('keepalive_min_timeout 10s;');
      addGood(instance);
      await applier.apply(world.build, new Map());
      const agent = new Agent({ keepAlive: true, maxSockets: 20 });
      t.after(() => agent.destroy());
      const over = new AbortController();
      let answered = 0;
      const lost: unknown[] = [];
      async function client(): Promise<void> {
        while (!over.signal.aborted) {
          try {
            const { status } = await http({ port: world.port, host: 'good.example', agent });
            answered += status === 200 ? 1 : 0;
          } catch (error) {
            lost.push(error);
          }
        }
      }
      const clients = Array.from({ length: 20 }, client);
      for (let number = 0; number < 4; number += 1) {
        const key = `Ingress/ns/n${number}`;
        world.objects.set(key, { lines: hostServer(world.port, `n${number}.example`) });
        assert.equal((await applier.apply(world.build, new Map())).outcome, 'applied');
      }
      over.abort();
      await Promise.all(clients);
      assert.deepEqual(lost, []);
      assert.ok(answered > 100, `${answered} answers`);
    });
  });
}
