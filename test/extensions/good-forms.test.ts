import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { GoodForms } from '../../src/extensions/good-forms.ts';
import { makeUnit } from '../../src/extensions/unit.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const unit = makeUnit({
  id: 'plugin a',
  source: 'plugin directory',
  from: '/plugins/a.plugin.js',
  templates: [{ name: 'plugins/a/location', from: '/plugins/a.location.hbs', text: '# fine\n' }],
  plugin: { name: 'a', from: '/plugins/a.plugin.js', text: 'export function plugin() { return {}; }\n' },
});

test('good forms come back after a restart', async (t) => {
  const folder = await temporaryDirectory(t);
  const file = path.join(folder, 'good-extensions.json');
  assert.deepEqual(await new GoodForms(folder).read(), { units: [], unusable: null });

  const forms = new GoodForms(folder);
  await forms.write([unit]);
  assert.deepEqual(await new GoodForms(folder).read(), { units: [unit], unusable: null });

  const { mtimeMs } = await stat(file);
  await forms.write([unit]);
  assert.equal((await stat(file)).mtimeMs, mtimeMs, 'nothing new is not written');

  await rm(file);
  await forms.write([unit]);
  assert.deepEqual((await new GoodForms(folder).read()).units, [unit], 'who removes the file gets it again');
  await forms.write([]);
  assert.deepEqual((await new GoodForms(folder).read()).units, []);
});

test('a file that is not ours is not used, and said', async (t) => {
  const folder = await temporaryDirectory(t);
  const file = path.join(folder, 'good-extensions.json');
  await new GoodForms(folder).write([unit]);
  await writeFile(file, (await readFile(file, 'utf8')).replace('return {}', 'return evil()'));

  const { units, unusable } = await new GoodForms(folder).read();

  assert.deepEqual(units, []);
  assert.match(unusable ?? '', /good-extensions\.json: it has been changed/u);
});
