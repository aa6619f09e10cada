import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { readMarker, writeComing, writeMarker } from '../../src/controller/marker.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

test('the marker names what was verified, and what was coming when the gateway was killed', async (t) => {
  const folder = await temporaryDirectory(t);
  assert.deepEqual([...(await readMarker(folder))], []);
  await writeComing(folder, 'one');
  assert.deepEqual([...(await readMarker(folder))], ['one']);
  await writeMarker(folder, 'one');
  await writeComing(folder, 'two');
  assert.deepEqual([...(await readMarker(folder))], ['one', 'two']);
  await writeComing(folder, 'three');
  assert.deepEqual([...(await readMarker(folder))], ['one', 'three'], 'what never came is forgotten');
  await writeMarker(folder, 'three');
  assert.deepEqual([...(await readMarker(folder))], ['three']);
  assert.deepEqual(await readdir(folder), ['complete.json']);
});

test('a marker that is broken says that nothing is complete', async (t) => {
  const folder = await temporaryDirectory(t);
  for (const text of ['', '{', 'null', '[]', '{"generation":7,"coming":{}}']) {
    await writeFile(path.join(folder, 'complete.json'), text);
    assert.deepEqual([...(await readMarker(folder))], [], text);
  }
  await writeMarker(folder, 'one');
  assert.deepEqual([...(await readMarker(folder))], ['one']);
});
