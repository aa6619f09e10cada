import assert from 'node:assert/strict';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { prepareStateDirectory } from '../../src/nginx/state-directory.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

describe('the state directory', () => {
  it('is made with all its folders, and taken as it is the second time', async (t) => {
    const root = path.join(await temporaryDirectory(t), 'deep/state');
    const paths = await prepareStateDirectory(root);
    for (const [folder, mode] of [
      [paths.root, 0o2775],
      [paths.run, 0o2775],
      [paths.temp, 0o2775],
      [paths.logs, 0o2770],
      [paths.certificates, 0o2770],
      [paths.candidate, 0o2770],
    ] as const) {
      assert.equal((await stat(folder)).mode & 0o7777, mode, folder);
    }
    await chmod(paths.logs, 0o700);
    assert.deepEqual(await prepareStateDirectory(root), paths);
    assert.equal((await stat(paths.logs)).mode & 0o7777, 0o700, 'an operator may have set it');
  });

  it('gives the folder of password files to the group it is told, and no other', async (t) => {
    if (process.getuid?.() !== 0) {
      t.skip('only root may give a folder to any group');
      return;
    }
    const root = path.join(await temporaryDirectory(t), 'state');
    const paths = await prepareStateDirectory(root, 12_345);
    const { gid, mode } = await stat(paths.auth);
    assert.deepEqual([gid, mode & 0o7777], [12_345, 0o2770]);
    assert.notEqual((await stat(paths.certificates)).gid, 12_345);
    await prepareStateDirectory(root, 12_346);
    const later = await stat(paths.auth);
    assert.deepEqual([later.gid, later.mode & 0o7777], [12_346, 0o2770], 'also where it was there before');
  });

  it('is refused where unix sockets would have too long a path, with the numbers', async (t) => {
    const root = path.join(await temporaryDirectory(t), 'x'.repeat(90));
    await assert.rejects(prepareStateDirectory(root), {
      code: 'CNG_STATE_DIR_PATH_TOO_LONG',
      message: new RegExp(`${root}.* ${Buffer.byteLength(`${root}/run/private.sock`)} of 107 bytes`),
    });
  });

  it('is refused where it cannot be made or written, with the cause', async (t) => {
    const folder = await temporaryDirectory(t);
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    await assert.rejects(prepareStateDirectory(path.join(file, 'state')), {
      code: 'CNG_STATE_DIR_NOT_WRITABLE',
      message: /ENOTDIR/,
    });
    const root = path.join(folder, 'state');
    await mkdir(root);
    await writeFile(path.join(root, 'run'), '');
    await assert.rejects(prepareStateDirectory(root), {
      code: 'CNG_STATE_DIR_NOT_WRITABLE',
      message: /state\/run cannot be written: EEXIST.*belongs to \d+:\d+/,
    });
  });

  for (const bad of ['relative/path', '/a/../b', '/a/b/', '/a b;c', '/a"b', '/a\nb', '/a$b']) {
    it(`is refused with the name ${JSON.stringify(bad)}`, async () => {
      await assert.rejects(prepareStateDirectory(bad), { code: 'CNG_STATE_DIR_NOT_WRITABLE' });
    });
  }
});
