import assert from 'node:assert/strict';
import { appendFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { TrafficBook } from '../../src/traffic/book.ts';
import { layoutOf } from '../../src/traffic/layout.ts';
import {
  logName,
  LogReader,
  quietMs,
  settleAgainMs,
  type ReaderOptions,
} from '../../src/traffic/log-reader.ts';
import type { Position } from '../../src/traffic/saved.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { line, trafficSettings } from './settings.ts';

interface Reading {
  readonly book: TrafficBook;
  readonly reader: LogReader;
}

async function read(
  t: TestContext,
  folder: string,
  more: Partial<ReaderOptions> = {},
  positions: readonly Position[] = [],
): Promise<Reading> {
  const settings = trafficSettings();
  const book = new TrafficBook(settings, layoutOf(settings));
  const reader = new LogReader(book, {
    folder,
    rotateBytes: 1_000_000,
    reopen: async () => await Promise.resolve(true),
    persist: async () => await Promise.resolve(),
    ...more,
  });
  await reader.open(positions, 0);
  t.after(async () => await reader.close());
  await reader.pass();
  return { book, reader };
}

function lines(count: number, second = 0): string {
  return Array.from(
    { length: count },
    (_, index) => `${line({ at: `${1_763_856_000 + second}.${100 + index}` })}\n`,
  ).join('');
}

describe('the reader of the traffic log', () => {
  it('reads what comes, however it is cut into pieces, and nothing twice', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    const { book, reader } = await read(t, folder);
    const text = lines(2000);
    for (const [from, to] of [
      [0, 10],
      [10, 70_000],
      [70_000, 70_000],
      [70_000, undefined],
    ]) {
      await appendFile(log, text.slice(from, to));
      await reader.pass();
    }
    assert.equal(book.lines, 2000);
    assert.equal(book.malformed, 0);
    assert.equal(await reader.behind(), 0);
  });

  it('takes what is no line of its own for one that is malformed, also a very long one', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    await writeFile(log, `${lines(1)}forged\n${'x'.repeat(200_000)}|200|GET||\n${lines(1)}`);
    const { book } = await read(t, folder);
    assert.equal(book.lines, 2);
    assert.equal(book.malformed, 2);
  });

  it('goes on where an earlier one was, in files that have another name by now', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    await writeFile(log, `${lines(3)}${line({}).slice(0, 20)}`);
    const first = await read(t, folder);
    const positions = first.reader.positions();
    await appendFile(log, `${line({}).slice(20)}\n`);
    await rename(log, path.join(folder, 'requests.7.log'));
    await writeFile(log, lines(2, 1));
    const { book, reader } = await read(t, folder, {}, positions);
    assert.equal(first.book.lines, 3);
    assert.equal(book.lines, 3, 'one that was half there, and two');
    assert.equal(reader.gaps, 0);
  });

  it('says that something is missing where a file was taken away or cut', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    await writeFile(log, lines(5));
    const first = await read(t, folder);
    const positions = first.reader.positions();
    await rm(log);
    await writeFile(log, lines(1, 1));
    const second = await read(t, folder, {}, positions);
    assert.deepEqual([second.book.lines, second.reader.gaps], [1, 1]);
    await truncate(log, 0);
    await second.reader.pass();
    await appendFile(log, lines(1, 2).repeat(2));
    await second.reader.pass();
    assert.deepEqual([second.book.lines, second.reader.gaps], [3, 2]);
  });

  it('puts a large file aside, and reads what an old worker still writes to it', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    const asked: string[] = [];
    await writeFile(log, lines(100));
    const { book, reader } = await read(t, folder, {
      rotateBytes: 5000,
      reopen: async () => {
        asked.push((await readdir(folder)).join(' '));
        await writeFile(log, '');
        return true;
      },
    });
    await appendFile(path.join(folder, 'requests.1.log'), lines(2, 1));
    await reader.pass();
    await appendFile(log, lines(3, 2));
    await reader.pass();
    assert.deepEqual(asked, ['requests.1.log']);
    assert.equal(book.lines, 105);
    assert.equal(reader.rotations, 1);
    assert.deepEqual(
      await readdir(folder),
      ['requests.1.log', logName],
      'not removed as long as it may grow',
    );
    assert.deepEqual(
      reader.positions().map(({ done }) => done),
      [false, false],
    );
  });

  it('asks again where nginx could not be told, and reads on', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    let asked = 0;
    await writeFile(log, lines(100));
    const { book, reader } = await read(t, folder, {
      rotateBytes: 5000,
      reopen: async () => {
        asked += 1;
        return await Promise.resolve(false);
      },
    });
    await appendFile(path.join(folder, 'requests.1.log'), lines(1, 1));
    await reader.pass();
    assert.equal(book.lines, 101);
    assert.equal(asked, 1, 'not with every pass');
    assert.deepEqual(await readdir(folder), ['requests.1.log']);
  });

  it('keeps a file and its place where counts could not be written down, and removes it later', async (t) => {
    const folder = await temporaryDirectory(t);
    const log = path.join(folder, logName);
    let ahead = 0;
    const now = performance.now.bind(performance);
    t.mock.method(performance, 'now', () => now() + ahead);
    const written: (readonly Position[])[] = [];
    let isFull = true;
    let tried = 0;
    await writeFile(log, lines(100));
    const { book, reader } = await read(t, folder, {
      rotateBytes: 5000,
      reopen: async () => {
        await writeFile(log, '');
        return true;
      },
      persist: async () => {
        tried += 1;
        if (isFull) {
          throw new Error('no space');
        }
        written.push(reader.positions());
        return await Promise.resolve();
      },
    });
    await reader.pass();
    ahead += quietMs + 1;
    await assert.rejects(reader.pass(), /no space/u);
    assert.deepEqual(await readdir(folder), ['requests.1.log', logName]);
    await reader.pass();
    assert.equal(tried, 1, 'not with every pass');

    // Long after, the file is still known; one that begins now counts nothing twice.
    ahead += 120_000;
    await assert.rejects(reader.pass(), /no space/u);
    await reader.pass();
    const positions = reader.positions();
    assert.deepEqual(
      positions.map(({ done }) => done),
      [false, false],
    );
    const next = await read(t, folder, {}, positions);
    assert.deepEqual([next.book.lines, next.reader.gaps], [0, 0]);

    isFull = false;
    ahead += settleAgainMs + 1;
    await reader.pass();
    assert.deepEqual(await readdir(folder), [logName]);
    assert.deepEqual(
      written.map((each) => each.map(({ done }) => done)),
      [[true, false]],
    );
    assert.equal(book.lines, 100);
  });
});
