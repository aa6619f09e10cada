import assert from 'node:assert/strict';
import { lstat, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { createApplier } from '../../src/nginx/apply.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { masterPid, nginxInstance } from '../support/nginx-instance.ts';
import { hostServer } from '../support/synthetic-world.ts';

for (const binary of nginxBinaries()) {
  describe(`apply on nginx ${binary.version}`, () => {
    it('starts nginx with the first candidate, reloads it with the next, does nothing for equal bytes', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { applier, world } = instance;
      world.objects.set('Ingress/a/one', { lines: hostServer(world.port, 'one.example') });

      const first = await applier.apply(world.build, new Map());
      assert.equal(first.outcome, 'applied');
      assert.equal(first.fault, null);
      assert.equal(first.tests, 1);
      assert.equal(await applier.liveGeneration(), first.generation);
      assert.equal((await http({ port: world.port, host: 'one.example' })).body, 'one.example');
      const pid = await masterPid(instance);

      const again = await applier.apply(world.build, new Map());
      assert.equal(again.outcome, 'unchanged');
      assert.equal(again.tests, 0);
      assert.equal(again.seconds.reload, 0);

      world.objects.set('Ingress/a/two', { lines: hostServer(world.port, 'two.example') });
      const second = await applier.apply(world.build, new Map());
      assert.equal(second.outcome, 'applied');
      assert.equal((await http({ port: world.port, host: 'two.example' })).body, 'two.example');
      assert.equal(await masterPid(instance), pid, 'the same master goes on');
      assert.deepEqual(await readdir(instance.paths.candidate), [], 'nothing stays staged');
      assert.equal(await readFile(instance.paths.verifiedText, 'utf8'), second.candidate.text);
    });

    it('replaces the live file at the end of its symlinks', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { options, world } = instance;
      const real = path.join(path.dirname(options.configPath), 'volume.conf');
      await symlink('volume.conf', options.configPath);
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.ok((await lstat(options.configPath)).isSymbolicLink());
      assert.equal(await readFile(real, 'utf8'), result.candidate.text);
    });

    it('finds its nginx again after its own restart', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      const first = await instance.applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      await writeFile(path.join(instance.paths.candidate, 'left-over'), 'x');

      const successor = createApplier(instance.options);
      const state = await successor.start();
      assert.deepEqual(state, { nginx: 'running', live: first.generation, verified: first.generation });
      assert.deepEqual(await readdir(instance.paths.candidate), []);
      const same = await successor.apply(world.build, new Map());
      assert.equal(same.outcome, 'unchanged');
      assert.equal(same.tests, 0);
      assert.equal(await masterPid(instance), pid);
    });

    it('repairs a pid file that was emptied, and starts no second nginx', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      await instance.applier.apply(world.build, new Map());
      const pid = await masterPid(instance);
      await writeFile(instance.paths.pidFile, '');
      world.objects.set('Ingress/a/one', { lines: hostServer(world.port, 'one.example') });
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.equal(await masterPid(instance), pid);
      assert.ok(instance.logged.includes('nginx pid file repaired'));
    });

    it('is not fooled by a pid file that names a process of somebody else', async (t) => {
      const instance = await nginxInstance(t, binary);
      const { world } = instance;
      // Our own pid: SIGHUP would end this test run.
      await writeFile(instance.paths.pidFile, `${process.pid}\n`);
      const result = await instance.applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'applied');
      assert.notEqual(await masterPid(instance), process.pid);
    });

    it('takes candidates one after the other', async (t) => {
      const { applier, world } = await nginxInstance(t, binary);
      const results = await Promise.all(
        ['one', 'two', 'three'].map(async (name) => {
          return await applier.apply(async (without) => {
            world.objects.set(`Ingress/a/${name}`, { lines: hostServer(world.port, `${name}.example`) });
            return await world.build(without);
          }, new Map());
        }),
      );
      assert.deepEqual(
        results.map((result) => result.outcome),
        ['applied', 'applied', 'applied'],
      );
      assert.equal(await applier.liveGeneration(), results[2]?.generation);
    });

    it('rejects with what the build rejects with and goes on afterwards', async (t) => {
      const { applier, world } = await nginxInstance(t, binary);
      const broken = new Error('render worker died');
      await assert.rejects(
        applier.apply(async () => await Promise.reject(broken), new Map()),
        broken,
      );
      assert.equal((await applier.apply(world.build, new Map())).outcome, 'applied');
    });

    it('leaves the sockets of a running nginx alone when a candidate that names them is tested', async (t) => {
      const { applier, world, paths } = await nginxInstance(t, binary);
      await applier.apply(world.build, new Map());
      const before = await lstat(paths.privateSocket);
      world.objects.set('Ingress/a/bad', { lines: ['no_such_directive;'] });
      const result = await applier.apply(world.build, new Map());
      assert.equal(result.outcome, 'unchanged', 'without the bad object it is what is live');
      assert.deepEqual([...result.quarantined.keys()], ['Ingress/a/bad']);
      assert.equal((await lstat(paths.privateSocket)).ino, before.ino);
    });

    it('drains and ends nginx', async (t) => {
      const { applier, world, paths } = await nginxInstance(t, binary);
      await applier.apply(world.build, new Map());
      assert.equal(await applier.stop({ drainMs: 5_000 }), 'drained');
      assert.equal(await applier.liveGeneration(), null);
      assert.equal(await applier.stop({ drainMs: 5_000 }), 'none');
      await assert.rejects(lstat(paths.pidFile), { code: 'ENOENT' });
    });

    it('says what is wrong with a live path that cannot be written, and serves on', async (t) => {
      const { applier, world, options } = await nginxInstance(t, binary);
      const first = await applier.apply(world.build, new Map());
      await rename(path.dirname(options.configPath), `${path.dirname(options.configPath)}-away`);
      world.objects.set('Ingress/a/one', { lines: hostServer(world.port, 'one.example') });
      const result = await applier.apply(world.build, new Map());
      await rename(`${path.dirname(options.configPath)}-away`, path.dirname(options.configPath));
      assert.equal(result.outcome, 'failed');
      assert.equal(result.fault?.kind, 'environment');
      assert.equal(result.fault?.stage, 'swap');
      assert.match(result.fault?.message ?? '', /ENOENT/);
      assert.equal(result.quarantined.size, 0);
      assert.equal(await applier.liveGeneration(), first.generation);
    });
  });
}
