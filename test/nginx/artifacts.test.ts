import assert from 'node:assert/strict';
import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createArtifactStore } from '../../src/nginx/artifacts.ts';
import { prepareStateDirectory } from '../../src/nginx/state-directory.ts';
import { artifact } from '../support/synthetic-world.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

describe('the files that a configuration names', () => {
  it('are written with their modes, whatever the umask', async (t) => {
    const root = path.join(await temporaryDirectory(t), 'state');
    await prepareStateDirectory(root);
    const store = createArtifactStore(root, 60_000);
    await store.open();
    const secret = artifact('key', ['Secret/a/b']);
    const open = { ...artifact('page', ['ConfigMap/a/b'], 'pages'), secret: false };
    const before = process.umask(0o077);
    t.after(() => process.umask(before));
    await store.write([secret, open]);
    assert.equal((await stat(path.join(root, secret.path))).mode & 0o7777, 0o640);
    assert.equal((await stat(path.join(root, open.path))).mode & 0o7777, 0o644);
    assert.equal((await stat(path.join(root, 'certificates'))).mode & 0o7777, 0o2770);
    assert.equal((await stat(path.join(root, 'pages'))).mode & 0o7777, 0o2770);
  });

  it('are written once', async (t) => {
    const root = path.join(await temporaryDirectory(t), 'state');
    await prepareStateDirectory(root);
    const store = createArtifactStore(root, 60_000);
    const file = artifact('key', ['Secret/a/b']);
    await store.write([file, file]);
    const old = new Date(0);
    await utimes(path.join(root, file.path), old, old);
    await store.write([file]);
    assert.equal((await stat(path.join(root, file.path))).mtimeMs, 0);
  });

  it('stay while they are in use, and some time after, also without another apply', async (t) => {
    const root = path.join(await temporaryDirectory(t), 'state');
    await prepareStateDirectory(root);
    const store = createArtifactStore(root, 50);
    const [used, unused] = [artifact('used', []), artifact('unused', [])];
    await store.write([used, unused]);
    await store.retain(new Set([used.path]));
    assert.equal((await readdir(path.join(root, 'certificates'))).length, 2, 'old workers may still read it');
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await readdir(path.join(root, 'certificates'))).length === 1) {
        break;
      }
      await sleep(20);
    }
    assert.deepEqual(await readdir(path.join(root, 'certificates')), [path.basename(used.path)]);
  });

  it('left by an earlier life are found, and what it left unfinished is removed', async (t) => {
    const root = path.join(await temporaryDirectory(t), 'state');
    await prepareStateDirectory(root);
    const old = artifact('old', []);
    await createArtifactStore(root, 0).write([old]);
    await writeFile(path.join(root, 'certificates', '.unfinished-00'), 'half a key');
    const store = createArtifactStore(root, 0);
    await store.open();
    assert.deepEqual(await readdir(path.join(root, 'certificates')), [path.basename(old.path)]);
    await store.retain(new Set());
    assert.deepEqual(await readdir(path.join(root, 'certificates')), []);
  });

  for (const bad of [
    '../escape/0123456789abcdef.pem',
    '/etc/0123456789abcdef.pem',
    'certificates/my-secret.pem',
    'certificates/0123456789abcdef/../../x',
    'run/0123456789abcdef.sock',
    'certificates/0123456789abcdef.pem\n',
  ]) {
    it(`refuses the path ${JSON.stringify(bad)}`, async (t) => {
      const root = path.join(await temporaryDirectory(t), 'state');
      await prepareStateDirectory(root);
      const store = createArtifactStore(root, 0);
      await assert.rejects(
        store.write([{ path: bad, content: '', secret: true, objects: [] }]),
        /content hash/,
      );
    });
  }
});
