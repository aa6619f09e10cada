import assert from 'node:assert/strict';
import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { findInstallation } from '../../src/installation.ts';
import { createLogger } from '../../src/observe/log.ts';
import { TrafficClient } from '../../src/traffic/client.ts';
import { eventually } from '../support/gateway.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { line, trafficSettings } from './settings.ts';

function clientOf(folder: string): TrafficClient {
  const client = new TrafficClient({
    url: findInstallation().trafficWorker,
    input: {
      settings: trafficSettings(),
      folder,
      savedPath: path.join(path.dirname(folder), 'traffic.json'),
      rotateBytes: 1_000_000,
    },
    logger: createLogger({
      level: 'error',
      format: 'text',
      filePath: '',
      maxSizeMb: 1,
      maxBackups: 0,
      maxAgeDays: 1,
    }),
    reopen: async () => await Promise.resolve(true),
    gone: async () => await Promise.resolve([]),
  });
  client.start();
  return client;
}

async function linesOf(client: TrafficClient): Promise<number> {
  return (await client.snapshot(0).catch(() => null))?.lines ?? 0;
}

test('a thread that ended is replaced, and the next gateway counts on', async (t: TestContext) => {
  const folder = path.join(await temporaryDirectory(t), 'traffic');
  const log = path.join(folder, 'requests.log');
  const first = clientOf(folder);
  await assert.rejects(first.snapshot(0), 'its thread ends: there is no folder');
  await mkdir(folder);
  await appendFile(log, `${line({})}\n`);
  await eventually('another thread counts', async () => (await linesOf(first)) === 1);
  await first.close();
  await appendFile(log, `${line({})}\n`);

  const second = clientOf(folder);

  await eventually('what came in between is counted, too', async () => (await linesOf(second)) === 2);
  assert.equal((await second.totals({ namespace: 'shop', ingress: 'web' })).requests, 2);
  assert.deepEqual((await second.history({ namespace: 'none' })).buckets, []);
  await second.close();
});
