import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { readTemplateFolder } from '../../src/extensions/template-sources.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

test('a folder of templates may be empty, as the mount of a ConfigMap that is not there', async (t) => {
  const folder = await temporaryDirectory(t);
  assert.deepEqual(await readTemplateFolder(folder), { units: [], troubles: [] });

  await mkdir(path.join(folder, 'plugins/one'), { recursive: true });
  await writeFile(path.join(folder, 'plugins/one/location.hbs'), 'text');
  const { units, troubles } = await readTemplateFolder(folder);
  assert.deepEqual(troubles, []);
  assert.deepEqual(
    units.flatMap(({ templates }) => templates.map(({ name, text }) => [name, text])),
    [['plugins/one/location', 'text']],
  );
});

test('a folder of templates that is not there is a trouble that names it', async (t) => {
  const missing = path.join(await temporaryDirectory(t), 'missing');
  const { units, troubles } = await readTemplateFolder(missing);
  assert.deepEqual(units, []);
  assert.equal(troubles[0]?.file, missing);
  assert.match(troubles[0].message, /ENOENT/u);
});
