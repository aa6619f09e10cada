import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rm, stat } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Candidate } from '../../src/model/candidate.ts';
import { isRunning } from '../../src/nginx/process-table.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { masterPid, nginxInstance } from '../support/nginx-instance.ts';
import { artifact, hostServer } from '../support/synthetic-world.ts';

const started = 'nginx is ended, drained, and started anew: the file of its private socket was removed';
const repaired = 'Folders of the state directory were missing and are made anew';

/** Waits for as long as it takes. */
async function fetchText(port: number, host: string, uri: string): Promise<string> {
  const asked = request({ host: '127.0.0.1', port, path: uri, headers: { host }, agent: false });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return await text(answer);
}

for (const binary of nginxBinaries()) {
  describe(`a state directory that is removed while nginx ${binary.version} runs`, { concurrency: 2 }, () => {
    it('gets folders that are missing again, with a reload as ever', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, paths, logged } = instance;
      const file = artifact('a password file', ['Ingress/a/one'], 'auth');
      world.objects.set('Ingress/a/one', { lines: hostServer(world.port, 'one.example'), files: [file] });
      assert.equal((await applier.apply(world.build, new Map())).outcome, 'applied');
      const pid = await masterPid(instance);
      for (const folder of [paths.candidate, paths.auth, paths.logs, paths.temp]) {
        await rm(folder, { recursive: true });
      }
      world.objects.set('Ingress/a/two', { lines: hostServer(world.port, 'two.example') });
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied', result.fault?.message);
      assert.equal((await http({ port: world.port, host: 'two.example' })).body, 'two.example');
      assert.equal(await masterPid(instance), pid, 'the same master goes on');
      assert.equal(await readFile(`${paths.root}/${file.path}`, 'utf8'), 'a password file');
      assert.equal((await stat(paths.auth)).mode & 0o7777, 0o2770);
      assert.deepEqual(
        logged.filter((message) => message === repaired || message === started),
        [repaired],
      );
    });

    it('is made anew as a whole, with a nginx that listens in it, and what was under way is finished', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, paths, logged } = instance;
      const backend = createServer();
      backend.listen(0, '127.0.0.1');
      await once(backend, 'listening');
      t.after(() => {
        backend.close();
        backend.closeAllConnections();
      });
      const { port } = backend.address() as AddressInfo;
      world.objects.set('Ingress/a/slow', {
        lines: hostServer(world.port, 'slow.example', [
          `location /slow { proxy_pass http://127.0.0.1:${port}; }`,
        ]),
      });
      // nginx is given up after five seconds of silence, which is when old workers of this world are ended.
      async function build(without: Parameters<typeof world.build>[0]): Promise<Candidate> {
        const candidate = await world.build(without);
        return {
          ...candidate,
          text: candidate.text.replace(/worker_shutdown_timeout \d+s/, 'worker_shutdown_timeout 60s'),
        };
      }
      assert.equal((await applier.apply(build, new Map())).outcome, 'applied');
      const pid = await masterPid(instance);
      const arrived = once(backend, 'request');
      const slow = fetchText(world.port, 'slow.example', '/slow');
      const [, answer] = (await arrived) as [unknown, { end(text: string): void }];
      await rm(paths.root, { recursive: true });
      assert.equal(await applier.liveGeneration(), null);

      world.objects.set('Ingress/a/two', { lines: hostServer(world.port, 'two.example') });
      const result = await applier.apply(build, new Map());
      assert.equal(result.outcome, 'applied', result.fault?.message);
      assert.deepEqual(
        logged.filter((message) => message === repaired || message === started),
        [repaired, started],
      );
      const successor = await masterPid(instance);
      assert.notEqual(successor, pid);
      assert.equal((await http({ port: world.port, host: 'two.example' })).body, 'two.example');
      assert.equal(await applier.liveGeneration(), result.generation);
      assert.ok(await isRunning(pid), 'the old one still carries a request');
      answer.end('carried through');
      assert.equal(await slow, 'carried through');

      // The old one takes the pid file of the new one along when it exits.
      for (let tries = 0; (await isRunning(pid)) && tries < 500; tries += 1) {
        await sleep(20);
      }
      world.objects.delete('Ingress/a/slow');
      const next = await applier.apply(build, new Map());
      assert.equal(next.outcome, 'applied', next.fault?.message);
      assert.equal(await masterPid(instance), successor, 'and it is reloaded all the same');
    });

    it('ends and starts nginx for a lost socket also where there is nothing new to bring out', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world, paths, logged } = instance;
      const first = await applier.apply(world.build, new Map());
      await rm(paths.privateSocket);
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied', result.fault?.message);
      assert.equal(result.generation, first.generation);
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.ok(logged.includes(started));
      assert.equal((await applier.apply(world.build, new Map())).outcome, 'unchanged');
    });
  });
}
