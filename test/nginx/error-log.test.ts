import assert from 'node:assert/strict';
import { appendFile, rename, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { markErrorLog, type ErrorLogMark } from '../../src/nginx/error-log.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

function line(text: string): string {
  return `2026/11/22 17:44:56 [emerg] 6314#6314: ${text}\n`;
}

async function texts(mark: ErrorLogMark): Promise<string[]> {
  return (await mark.read()).map((message) => message.text);
}

describe('the error log since a mark', () => {
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
});
