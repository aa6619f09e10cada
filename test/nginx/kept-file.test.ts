import assert from 'node:assert/strict';
import { chmod, link, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { mostKeptBytes, readKept, writeKept, type Kept } from '../../src/nginx/kept-file.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

async function kept(t: TestContext): Promise<string> {
  const file = path.join(await temporaryDirectory(t), 'kept');
  await writeKept(file, 'things 1', 'one\ntwo\n');
  return file;
}

async function reasonOf(file: string, format = 'things 1'): Promise<string> {
  const read: Kept = await readKept(file, format);
  return read.kind === 'unusable' ? read.reason : read.kind;
}

describe('a kept file', () => {
  it('gives back what was written, to this user alone', async (t) => {
    const file = await kept(t);

    assert.deepEqual(await readKept(file, 'things 1'), { kind: 'kept', body: 'one\ntwo\n' });
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(await reasonOf(`${file}.not`), 'absent');
  });

  it('is not believed where it was changed, cut off, or is something else', async (t) => {
    const file = await kept(t);
    const text = await readFile(file, 'utf8');
    const changes: [string, RegExp][] = [
      [text.replace('two', 'too'), /changed or cut off/u],
      [text.slice(0, -3), /changed or cut off/u],
      ['', /begin as it should/u],
      ['{"format": 1}\n', /begin as it should/u],
      ['null\n', /begin as it should/u],
      ['\u0000\u0001\u0002', /begin as it should/u],
      [text.replace('"by":"', '"by":"9'), /of version 9/u],
    ];
    for (const [changed, reason] of changes) {
      await writeFile(file, changed);
      assert.match(await reasonOf(file), reason);
    }
    await writeFile(file, text);
    assert.match(await reasonOf(file, 'things 2'), /it is things 1/u);
    assert.equal(await reasonOf(file), 'kept');
  });

  it('is not believed where another could have written it', async (t) => {
    const file = await kept(t);
    await chmod(file, 0o660);
    assert.match(await reasonOf(file), /this user alone/u);
    await chmod(file, 0o600);

    await link(file, `${file}.second`);
    assert.match(await reasonOf(file), /this user alone/u);
    await symlink(file, `${file}.link`);
    assert.match(await reasonOf(`${file}.link`), /ELOOP|symbolic link/u);
    assert.match(await reasonOf(path.dirname(file)), /this user alone/u);
  });

  it('is refused where it is too long to be read again', async (t) => {
    const file = await kept(t);

    await assert.rejects(writeKept(file, 'things 1', 'x'.repeat(mostKeptBytes)), { code: 'CNG_INTERNAL' });
    assert.equal(await reasonOf(file), 'kept', 'what was there stays');
  });
});
