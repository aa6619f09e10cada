import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temp-dir.ts';

const builtin = path.resolve(import.meta.dirname, '../../templates');

/** Templates that print for exact paths what the lint takes and nginx refuses: translation finds nothing wrong. */
export async function trapFolder(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = path.join(await temporaryDirectory(t), 'templates');
  await mkdir(folder);
  const text = await readFile(path.join(builtin, 'location.hbs'), 'utf8');
  const proxied = text.lastIndexOf('{{#if action.proxy}}') + '{{#if action.proxy}}\n'.length;
  const trap = `${text.slice(0, proxied)}{{#if match.exact}}\nexpires never-ever;\n{{/if}}\n${text.slice(proxied)}`;
  assert.notEqual(trap, text);
  await writeFile(path.join(folder, 'location.hbs'), trap);
  return folder;
}
