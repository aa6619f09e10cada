import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findFiles, type FoundFile } from '../../../src/cluster/manifests/file-tree.ts';
import { maxFileSize, readText } from '../../../src/cluster/manifests/read-file.ts';
import { put, service, temporaryFolder } from './folder.ts';

function found(path: string, size = 0): FoundFile {
  return { file: 'shown', path, fingerprint: '', size, regular: true, outright: true };
}

test('a file gives its text, one that is gone gives nothing, one that cannot be read a problem', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', 'a: é\n');
  assert.deepEqual(await readText(found(file)), { outcome: 'text', text: 'a: é\n' });
  assert.deepEqual(await readText(found(join(folder, 'none'))), { outcome: 'gone' });
  // Reading a directory fails for every user, root included.
  const read = await readText(found(folder));
  assert.ok(read.outcome === 'problem');
  assert.equal(read.problem.file, 'shown');
  assert.match(read.problem.message, /^cannot be read \(EISDIR\); allow this user to read it/);
});

test('a file that is too large is not read', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', '');
  truncateSync(file, maxFileSize + 1);
  for (const size of [0, maxFileSize + 1]) {
    const read = await readText(found(file, size));
    assert.ok(read.outcome === 'problem');
    assert.match(read.problem.message, /has 33554433 bytes; at most 33554432 are read/);
  }
});

test('the order is that of the paths, inside a directory that of the names', async (t) => {
  const folder = temporaryFolder(t);
  for (const name of ['b.yaml', 'a.yaml', 'a/z.yaml', 'c/d.json', 'B.yaml']) {
    put(folder, name, service('x', 1));
  }
  const { files, problems, blind } = await findFiles([join(folder, 'c'), folder]);
  assert.deepEqual(
    files.map(({ file }) => file.slice(folder.length + 1)),
    ['c/d.json', 'B.yaml', 'a/z.yaml', 'a.yaml', 'b.yaml'],
  );
  assert.deepEqual([problems, blind], [[], []]);
});

test('a fingerprint follows the content through links, and depth is bounded', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, '..1/a.yaml', service('a', 1));
  put(folder, '..2/a.yaml', service('a', 1));
  symlinkSync('..1/a.yaml', join(folder, 'a.yaml'));
  symlinkSync('..2/a.yaml', join(folder, 'b.yaml'));
  const before = (await findFiles([folder])).files;
  assert.equal(before.length, 2);
  assert.notEqual(before[0]?.fingerprint, before[1]?.fingerprint);
  assert.deepEqual((await findFiles([folder])).files, before);
  put(folder, '..1/a.yaml', service('a', 22));
  assert.notEqual((await findFiles([folder])).files[0]?.fingerprint, before[0]?.fingerprint);

  mkdirSync(join(folder, 'd/'.repeat(40)), { recursive: true });
  assert.match((await findFiles([folder])).problems[0]?.message ?? '', /more than 32 directories deep/);
});

test('a pipe that has taken the place of a file is not waited for', { timeout: 30_000 }, async (t) => {
  const pipe = join(temporaryFolder(t), 'a.yaml');
  execFileSync('mkfifo', [pipe]);
  assert.deepEqual(await readText(found(pipe)), { outcome: 'gone' });
});
