import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { readCounts, readMarker, writeComing, writeMarker } from '../../src/controller/marker.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

test('the marker names what was verified, and what was coming when the gateway was killed', async (t) => {
  const folder = await temporaryDirectory(t);
  assert.deepEqual([...(await readMarker(folder))], []);
  await writeComing(folder, 'one');
  assert.deepEqual([...(await readMarker(folder))], ['one']);
  await writeMarker(folder, 'one', {});
  await writeComing(folder, 'two');
  assert.deepEqual([...(await readMarker(folder))], ['one', 'two']);
  await writeComing(folder, 'three');
  assert.deepEqual([...(await readMarker(folder))], ['one', 'three'], 'what never came is forgotten');
  await writeMarker(folder, 'three', {});
  assert.deepEqual([...(await readMarker(folder))], ['three']);
  assert.deepEqual(await readdir(folder), ['complete.json']);
});

test('a marker that is broken says that nothing is complete', async (t) => {
  const folder = await temporaryDirectory(t);
  for (const text of ['', '{', 'null', '[]', '{"generation":7,"coming":{}}']) {
    await writeFile(path.join(folder, 'complete.json'), text);
    assert.deepEqual([...(await readMarker(folder))], [], text);
  }
  await writeMarker(folder, 'one', {});
  assert.deepEqual([...(await readMarker(folder))], ['one']);
});

test('beside it stands how many objects there were, for the doubts of the next life', async (t) => {
  const folder = await temporaryDirectory(t);
  assert.deepEqual(await readCounts(folder), {});
  await writeMarker(folder, 'one', { Ingress: 5000, Service: 12 });
  await writeComing(folder, 'two');
  assert.deepEqual(await readCounts(folder), { Ingress: 5000, Service: 12 });
  for (const objects of ['null', '7', '"many"', '{"Ingress":-1,"Service":"12","Secret":0.5}']) {
    await writeFile(
      path.join(folder, 'complete.json'),
      `{"generation":"one","coming":null,"objects":${objects}}`,
    );
    assert.deepEqual(await readCounts(folder), {}, objects);
    assert.deepEqual([...(await readMarker(folder))], ['one']);
  }
});
