import assert from 'node:assert/strict';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFileMemory } from '../../../src/cluster/kubernetes/event-memory.ts';
import { temporaryDirectory } from '../../support/temp-dir.ts';

test('what was said is there after a restart, replaced as a whole', async (t) => {
  const folder = await temporaryDirectory(t);
  const path = join(folder, 'events.json');
  assert.equal(await createFileMemory(path).load(), null);
  const said = new Map([
    ['Ingress/web/a', { uid: 'u1', print: 'served:x' }],
    ['Secret/web/constructor', { uid: '', print: 'rejected:y' }],
  ]);
  await createFileMemory(path).save(said);
  assert.deepEqual(await createFileMemory(path).load(), said);
  await createFileMemory(path).save(new Map());
  assert.deepEqual(await createFileMemory(path).load(), new Map());
  assert.deepEqual(await readdir(folder), ['events.json']);
  assert.equal((await stat(path)).mode & 0o027, 0, 'for nobody but us and our group');
});

test('a file that is broken, of another kind or of a later version is no memory', async (t) => {
  const path = join(await temporaryDirectory(t), 'events.json');
  for (const text of ['', '{"version":1,"said":[["Ingress/web/a"', '[]', 'null', '{"version":2,"said":[]}']) {
    await writeFile(path, text);
    assert.equal(await createFileMemory(path).load(), null, text);
  }
  await writeFile(path, '{"version":1,"said":[["k","u","p"],["k"],[1,2,3],null]}');
  assert.deepEqual(await createFileMemory(path).load(), new Map([['k', { uid: 'u', print: 'p' }]]));
});

test('what cannot be written is an error, and leaves nothing lying about', async (t) => {
  const folder = await temporaryDirectory(t);
  const memory = createFileMemory(join(folder, 'missing', 'events.json'));
  await assert.rejects(memory.save(new Map()), { code: 'ENOENT' });
  await assert.rejects(createFileMemory(folder).load(), /is no plain file/u);
  await chmod(folder, 0o755);
  assert.deepEqual(await readdir(folder), []);
});
