import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { limitLogs, startLogLimit } from '../../src/nginx/log-limit.ts';
import { http } from '../support/http-client.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { nginxInstance } from '../support/nginx-instance.ts';
import { hostServer } from '../support/synthetic-world.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

describe('the limit of logs', () => {
  it('cuts what is larger, keeps one copy, and leaves the rest alone', async (t) => {
    const logs = await temporaryDirectory(t);
    const large = path.join(logs, 'access.log');
    await writeFile(large, 'first\n'.repeat(10));
    await writeFile(path.join(logs, 'error.log'), 'small\n');
    await writeFile(path.join(logs, 'notes.txt'), 'x'.repeat(500));
    await limitLogs({ logs }, { limitBytes: 50 });
    assert.equal(await readFile(large, 'utf8'), '');
    assert.equal(await readFile(`${large}.1`, 'utf8'), 'first\n'.repeat(10));

    await writeFile(large, 'second\n'.repeat(10));
    await limitLogs({ logs }, { limitBytes: 50 });
    assert.equal(await readFile(`${large}.1`, 'utf8'), 'second\n'.repeat(10));
    assert.deepEqual((await readdir(logs)).sort(), ['access.log', 'access.log.1', 'error.log', 'notes.txt']);
    assert.equal(await readFile(path.join(logs, 'error.log'), 'utf8'), 'small\n');
  });

  it('has 64 MB where nothing else is said', async (t) => {
    const logs = await temporaryDirectory(t);
    const log = path.join(logs, 'access.log');
    await writeFile(log, '');
    await truncate(log, 64 * 1024 * 1024);
    await limitLogs({ logs });
    assert.equal((await stat(log)).size, 64 * 1024 * 1024);
    await truncate(log, 64 * 1024 * 1024 + 1);
    await limitLogs({ logs });
    assert.equal((await stat(log)).size, 0);
    assert.equal((await stat(`${log}.1`)).size, 64 * 1024 * 1024 + 1);
  });

  it('waits for no FIFO, and writes through none that stands where the copy goes', async (t) => {
    const logs = await temporaryDirectory(t);
    const log = path.join(logs, 'access.log');
    const elsewhere = path.join(logs, 'of-others');
    await writeFile(elsewhere, 'kept');
    for (const put of [
      (file: string) => promisify(execFile)('mkfifo', [file]),
      (file: string) => symlink(elsewhere, file),
    ]) {
      await put(`${log}.1.unfinished`);
      await writeFile(log, 'x'.repeat(500));
      await limitLogs({ logs }, { limitBytes: 50 });
      assert.equal((await stat(`${log}.1`)).size, 500);
      assert.equal((await stat(log)).size, 0);
    }
    assert.equal(await readFile(elsewhere, 'utf8'), 'kept');
    await promisify(execFile)('mkfifo', [path.join(logs, 'error.log')]);
    await limitLogs({ logs }, { limitBytes: 0 });
  });

  it('follows no link, and does without the folder', async (t) => {
    const logs = await temporaryDirectory(t);
    const elsewhere = path.join(logs, 'of-others');
    await writeFile(elsewhere, 'x'.repeat(500));
    await symlink(elsewhere, path.join(logs, 'access.log'));
    await limitLogs({ logs }, { limitBytes: 50 });
    assert.equal((await stat(elsewhere)).size, 500);
    await limitLogs({ logs: path.join(logs, 'none') }, { limitBytes: 50 });
  });

  it('cuts also where no copy can be made, and says so', async (t) => {
    const logs = await temporaryDirectory(t);
    const log = path.join(logs, 'access.log');
    await writeFile(log, 'x'.repeat(500));
    await mkdir(`${log}.1`);
    const said: string[] = [];
    await limitLogs({ logs }, { limitBytes: 50, logger: { warn: (message) => said.push(message) } });
    assert.equal((await stat(log)).size, 0);
    assert.deepEqual(said, ['A log of nginx is cut without a copy']);
    assert.deepEqual((await readdir(logs)).sort(), ['access.log', 'access.log.1']);
  });

  it('looks again and again until it is stopped', async (t) => {
    const logs = await temporaryDirectory(t);
    const log = path.join(logs, 'access.log');
    const limit = startLogLimit({ logs }, 10, { limitBytes: 50 });
    for (const text of ['a'.repeat(60), 'b'.repeat(60)]) {
      await writeFile(log, text);
      for (let tries = 0; (await stat(log)).size > 0; tries += 1) {
        assert.ok(tries < 1_000, 'cut within ten seconds');
        await sleep(10);
      }
      assert.equal(await readFile(`${log}.1`, 'utf8'), text);
    }
    await limit.stop();
    await writeFile(log, 'c'.repeat(60));
    await sleep(50);
    assert.equal((await stat(log)).size, 60);
  });

  for (const binary of nginxBinaries()) {
    it(`lets nginx ${binary.version} go on writing at the new end`, async (t) => {
      const { applier, world, paths } = await nginxInstance(t, binary);
      const log = path.join(paths.logs, 'traffic.log');
      world.objects.set('Ingress/a/one', {
        lines: hostServer(world.port, 'one.example', [`access_log ${log};`]),
      });
      assert.equal((await applier.apply(world.build, new Map())).outcome, 'applied');
      async function ask(uri: string): Promise<void> {
        assert.equal((await http({ port: world.port, host: 'one.example', path: uri })).status, 200);
      }
      async function logged(uri: string): Promise<string> {
        for (let tries = 0; tries < 500; tries += 1) {
          const text = await readFile(log, 'utf8');
          if (text.includes(uri)) {
            return text;
          }
          await sleep(20);
        }
        return assert.fail(`${uri} was not logged within ten seconds`);
      }
      await ask('/before');
      const before = await logged('/before');
      await limitLogs(paths, { limitBytes: 10 });
      assert.equal(await readFile(`${log}.1`, 'utf8'), before);
      await ask('/after');
      const after = await logged('/after');
      assert.doesNotMatch(after, /\0|\/before/, 'no hole and nothing old');
    });
  }
});
