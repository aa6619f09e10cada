import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { sameValue } from '../../src/cluster/object-shape.ts';
import { MemoryFile, type Memory } from '../../src/worker/memory.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { ingress, service } from '../translate/world.ts';

const pem = 'not really a key\n';
const hash = createHash('sha256').update(pem).digest('hex');
const memory: Memory = {
  keptOut: [{ object: 'Ingress/default/bad', hash, reason: { field: 'spec', message: 'nginx refuses it' } }],
  options: { 'proxy-body-size': '2k' },
  pairs: [['Secret/default/s', { hash, pem: () => null }]],
  forms: [
    service('web'),
    ingress('web', { rules: { 'a.example': ['Prefix / web:80'] }, annotations: { rewrite: 'x' } }),
  ],
};

interface Opened {
  readonly folder: string;
  readonly notices: string[];
  readonly open: () => MemoryFile;
}

async function opened(t: Parameters<typeof temporaryDirectory>[0]): Promise<Opened> {
  const folder = await temporaryDirectory(t);
  const notices: string[] = [];
  return {
    folder,
    notices,
    open: () =>
      new MemoryFile(folder, (message, fields) => notices.push(`${message} ${JSON.stringify(fields)}`)),
  };
}

describe('what was last good', () => {
  it('comes back after a restart: objects and options whole, of Secrets the name of a file', async (t) => {
    const { folder, notices, open } = await opened(t);
    assert.equal(await open().read(), null);
    const file = open();
    file.save(() => memory);
    await file.flush();

    const read = await open().read();

    assert.deepEqual(read?.options, memory.options);
    assert.deepEqual([read?.keptOut, read?.isPartial], [memory.keptOut, false]);
    assert.ok(sameValue(read?.forms, memory.forms.toReversed()), 'Ingresses come first');
    assert.ok(Object.isFrozen(read?.forms[0]));
    const [[key, pair] = []] = read?.pairs ?? [];
    assert.deepEqual([key, pair?.hash], ['Secret/default/s', hash]);
    assert.equal(pair?.pem(), null, 'the file is gone');
    assert.match(notices.join(), /A certificate that was served is gone/u);

    await mkdir(path.join(folder, 'certificates'));
    await writeFile(path.join(folder, `certificates/${hash}.pem`), pem);
    assert.equal(pair?.pem()?.reveal(), pem);
    await writeFile(path.join(folder, `certificates/${hash}.pem`), `${pem}changed`);
    assert.equal(pair?.pem(), null, 'only with the content that its name says');
    assert.equal((await stat(path.join(folder, 'last-good.jsonl'))).mode & 0o777, 0o600);
  });

  it('is written once for many changes, the newest last', async (t) => {
    const { open } = await opened(t);
    const file = open();
    for (const size of ['1k', '2k', '3k']) {
      file.save(() => ({ ...memory, options: { 'proxy-body-size': size } }));
    }
    await file.flush();

    assert.deepEqual((await open().read())?.options, { 'proxy-body-size': '3k' });
    assert.equal(await file.isThere(), true);
  });

  it('is ignored where it is damaged, and that is said', async (t) => {
    const { folder, notices, open } = await opened(t);
    const file = open();
    file.save(() => memory);
    await file.flush();
    const where = path.join(folder, 'last-good.jsonl');
    await writeFile(where, (await readFile(where, 'utf8')).slice(0, -10));

    assert.equal(await open().read(), null);
    assert.match(notices.join(), /are not used.*changed or cut off/u);
  });

  it('fails to be written without harm, and that is said', async (t) => {
    const { folder, notices, open } = await opened(t);
    const file = open();
    await rm(folder, { recursive: true });
    file.save(() => memory);
    await file.flush();

    assert.match(notices.join(), /could not be kept for a restart.*ENOENT/u);
    assert.equal(await file.isThere(), false);
    await mkdir(folder);
    file.save(() => memory);
    await file.flush();
    assert.equal(await file.isThere(), true);
  });
});
