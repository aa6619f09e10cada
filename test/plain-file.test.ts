import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createFileMemory } from '../src/cluster/kubernetes/event-memory.ts';
import { readMarker } from '../src/controller/marker.ts';
import { defaultCertificate } from '../src/nginx/default-certificate.ts';
import { findNginx } from '../src/nginx/process-table.ts';
import { prepareStateDirectory } from '../src/nginx/state-directory.ts';
import { loadVerified } from '../src/nginx/swap.ts';
import { openPlainFile, readPlainFile } from '../src/plain-file.ts';
import { temporaryDirectory } from './support/temp-dir.ts';

async function makeFifo(file: string): Promise<void> {
  await promisify(execFile)('mkfifo', [file]);
}

describe('a plain file', () => {
  it('is read and written; whatever else has the name is refused at once', async (t) => {
    const folder = await temporaryDirectory(t);
    const file = path.join(folder, 'file');
    await writeFile(file, 'text');
    assert.equal(await readPlainFile(file), 'text');
    const handle = await openPlainFile(file, 'read and write');
    await handle.truncate(2);
    await handle.close();
    assert.equal(await readFile(file, 'utf8'), 'te');

    await makeFifo(path.join(folder, 'fifo'));
    await mkdir(path.join(folder, 'folder'));
    await symlink(file, path.join(folder, 'link'));
    for (const [name, reason] of [
      ['fifo', /is no plain file/u],
      ['folder', /is no plain file/u],
      ['link', /ELOOP/u],
      ['absent', /ENOENT/u],
    ] as const) {
      await assert.rejects(readPlainFile(path.join(folder, name)), reason);
    }
    await truncate(file, 256 * 1024 * 1024 + 1);
    await assert.rejects(readPlainFile(file), /at most 268435456 are read/u);
  });

  it('is all that is read in the folder that nginx can write', async (t) => {
    const paths = await prepareStateDirectory(path.join(await temporaryDirectory(t), 'state'));
    const { root } = paths;
    const memory = path.join(root, 'events.json');
    const names = ['complete.json', 'default-certificate.pem'].map((name) => path.join(root, name));
    for (const file of [...names, memory, paths.verifiedText, paths.verifiedRecord, paths.pidFile]) {
      await makeFifo(file);
    }
    // More of them at once than Node has threads for files.
    await Promise.all(Array.from({ length: 6 }, () => loadVerified(paths)));
    assert.equal(await loadVerified(paths), null);
    assert.deepEqual([...(await readMarker(root))], []);
    await assert.rejects(createFileMemory(memory).load(), /is no plain file/u);
    const { master } = await findNginx({ ...paths, configPath: path.join(root, 'nginx.conf') });
    assert.equal(master, null);
    assert.match((await defaultCertificate(root)).reveal(), /BEGIN CERTIFICATE/u);
    assert.match(await readPlainFile(path.join(root, 'default-certificate.pem')), /BEGIN CERTIFICATE/u);
  });
});
