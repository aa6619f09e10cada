import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { markErrorLog, type ErrorLogMark } from '../../src/nginx/error-log.ts';
import { limitLogs } from '../../src/nginx/log-limit.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

function line(text: string): string {
  return `2026/11/22 17:44:56 [emerg] 6314#6314: ${text}\n`;
}

async function texts(mark: ErrorLogMark): Promise<string[]> {
  return (await mark.read()).map((message) => message.text);
}

/** As four of them would keep all threads that Node has for files. */
async function makeFifo(file: string): Promise<void> {
  await promisify(execFile)('mkfifo', [file]);
}

describe('the error log since a mark', () => {
  it('waits for no FIFO and follows no link that nginx has put in its place', async (t) => {
    const folder = await temporaryDirectory(t);
    const fifo = path.join(folder, 'fifo.log');
    await makeFifo(fifo);
    const marks = await Promise.all(Array.from({ length: 6 }, () => markErrorLog(fifo)));
    for (const mark of marks) {
      assert.deepEqual(await texts(mark), []);
      await mark.close();
    }
    const secret = path.join(folder, 'secret');
    const link = path.join(folder, 'link.log');
    await symlink(secret, link);
    const linked = await markErrorLog(link);
    await writeFile(secret, line('not of nginx'));
    assert.deepEqual(await texts(linked), []);
    await linked.close();

    const log = path.join(folder, 'error.log');
    await writeFile(log, line('before'));
    const mark = await markErrorLog(log);
    await makeFifo(`${log}.1`);
    await truncate(log, 0);
    assert.deepEqual(await texts(mark), [], 'the copy of a log that was cut is no different');
    await rm(log);
    await makeFifo(log);
    assert.deepEqual(await texts(mark), []);
    await rm(log);
    await writeFile(log, line('after'));
    assert.deepEqual(await texts(mark), ['after']);
    await mark.close();
  });

  it('gives what was added, each line once and only when it is whole', async (t) => {
    const file = path.join(await temporaryDirectory(t), 'error.log');
    await writeFile(file, line('before'));
    const mark = await markErrorLog(file);
    assert.deepEqual(await texts(mark), []);
    await appendFile(file, line('one') + line('two').slice(0, 30));
    assert.deepEqual(await texts(mark), ['one']);
    await appendFile(file, line('two').slice(30));
    assert.deepEqual(await texts(mark), ['two']);
    assert.deepEqual(await texts(mark), []);
    await mark.close();
  });

  it('follows rotation: the rest of the old file, then all of the new one', async (t) => {
    const file = path.join(await temporaryDirectory(t), 'error.log');
    await writeFile(file, line('before'));
    const mark = await markErrorLog(file);
    await appendFile(file, line('old file'));
    await rename(file, `${file}.1`);
    await writeFile(file, line('new file'));
    assert.deepEqual(await texts(mark), ['old file', 'new file']);
    await appendFile(file, line('later'));
    assert.deepEqual(await texts(mark), ['later']);
    await mark.close();
  });

  it('follows truncation and a file that appears only after the mark', async (t) => {
    const file = path.join(await temporaryDirectory(t), 'error.log');
    const mark = await markErrorLog(file);
    assert.deepEqual(await texts(mark), []);
    await writeFile(file, line('appeared') + line('long enough to be cut'));
    assert.deepEqual(await texts(mark), ['appeared', 'long enough to be cut']);
    await truncate(file, 0);
    await appendFile(file, line('after'));
    assert.deepEqual(await texts(mark), ['after']);
    await mark.close();
  });

  it('follows a cut: what came before it stands in the copy, and an older copy is not read', async (t) => {
    const logs = await temporaryDirectory(t);
    const file = path.join(logs, 'error.log');
    await writeFile(file, line('before'));
    await writeFile(`${file}.1`, line('x'.repeat(500)) + line('of an older copy'));
    const mark = await markErrorLog(file);
    await appendFile(file, line('not read yet'));
    assert.deepEqual(await texts(mark), ['not read yet']);
    await appendFile(file, line('last before the cut'));
    await limitLogs({ logs }, { limitBytes: 10 });
    await appendFile(file, line('after'));
    assert.deepEqual(await texts(mark), ['last before the cut', 'after']);

    await appendFile(file, line('lost with a cut that leaves no copy') + line('second'));
    assert.deepEqual(await texts(mark), ['lost with a cut that leaves no copy', 'second']);
    await truncate(file, 0);
    await appendFile(file, line('and on'));
    assert.deepEqual(await texts(mark), ['and on']);
    await mark.close();
  });
});
