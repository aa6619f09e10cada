import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { TrafficSession } from '../../src/traffic/session.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { line, trafficSettings } from './settings.ts';

test('counts that cannot be written down are told once, and not as a log that cannot be read', async (t) => {
  const root = await temporaryDirectory(t);
  const folder = path.join(root, 'traffic');
  const savedPath = path.join(root, 'traffic.json');
  await mkdir(folder);
  let ahead = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + ahead);
  const told: string[] = [];
  const session = await TrafficSession.open(
    { settings: trafficSettings(), folder, savedPath, rotateBytes: 1_000_000 },
    {
      reopen: async () => await Promise.resolve(true),
      trouble: (what, reason) => told.push(`${what}: ${reason}`),
    },
  );
  async function later(): Promise<void> {
    await appendFile(path.join(folder, 'requests.log'), `${line({})}\n`);
    ahead += 6_000;
    await session.answer({ ask: 'snapshot', version: 0 });
  }
  const inTheWay = `${savedPath}.new`;
  await mkdir(inTheWay);

  await later();
  await later();
  await later();

  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /^The counts of requests cannot be written down: EISDIR/u);
  await rmdir(inTheWay);
  await later();
  assert.match(await readFile(savedPath, 'utf8'), /"lines":4/u);
  await mkdir(inTheWay);
  await later();
  assert.equal(told.length, 2, 'it worked in between');
  await rmdir(inTheWay);
  await session.answer({ ask: 'close' });
  assert.match(await readFile(savedPath, 'utf8'), /"lines":5/u);
});
