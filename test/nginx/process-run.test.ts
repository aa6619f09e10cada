import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runBounded } from '../../src/nginx/process-run.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

async function sh(script: string, deadlineMs = 10_000): Promise<Awaited<ReturnType<typeof runBounded>>> {
  return await runBounded({ file: '/bin/sh', args: ['-c', script], env: { GIVEN: 'yes' }, deadlineMs });
}

describe('a command with bounds', () => {
  it('gives exit code, signal and what was said', async () => {
    const said = await sh('echo out; echo err >&2; exit 3');
    assert.equal(said.exitCode, 3);
    assert.match(said.output, /out/);
    assert.match(said.output, /err/);
    assert.deepEqual(await sh('kill -TERM $$'), {
      exitCode: null,
      signal: 'SIGTERM',
      noVerdict: null,
      timedOut: false,
      output: '',
    });
  });

  it('gives a verdict of its own when there is no such command', async () => {
    const result = await runBounded({ file: '/nonexistent', args: [], deadlineMs: 1_000 });
    assert.match(result.noVerdict ?? '', /ENOENT/);
    assert.equal(result.timedOut, false);
  });

  it('hands on nothing of our environment but PATH', async (t) => {
    process.env['CNG_TEST_TOKEN'] = 'secret';
    t.after(() => delete process.env['CNG_TEST_TOKEN']);
    const { output } = await sh('env');
    assert.match(output, /^GIVEN=yes$/m);
    assert.match(output, /^PATH=/m);
    assert.doesNotMatch(output, /secret/);
  });

  it('is killed at its deadline with its children, even a stopped one', async (t) => {
    const folder = await temporaryDirectory(t);
    const result = await sh(`sleep 600 & echo $! > ${folder}/pid; kill -STOP $$`, 300);
    assert.equal(result.timedOut, true);
    assert.equal(result.exitCode, null);
    assert.match(result.noVerdict ?? '', /0\.3 seconds/);
    const pid = Number.parseInt(await readFile(path.join(folder, 'pid'), 'utf8'), 10);
    for (let tries = 0; tries < 100; tries += 1) {
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z ');
      if (/\) [ZX] /.test(state)) {
        return;
      }
      await sleep(20);
    }
    process.kill(pid, 'SIGKILL');
    assert.fail('the child outlived the deadline');
  });

  it('does not wait for a daemon that keeps its pipes', async (t) => {
    const folder = await temporaryDirectory(t);
    const result = await sh(`setsid sleep 600 & echo $! > ${folder}/pid; exit 0`, 60_000);
    assert.equal(result.exitCode, 0);
    process.kill(Number.parseInt(await readFile(path.join(folder, 'pid'), 'utf8'), 10), 'SIGKILL');
  });

  it('keeps only so much of what a command says', async () => {
    const result = await sh('head -c 20000000 /dev/zero | tr "\\0" x');
    assert.equal(result.exitCode, 0);
    assert.ok(result.output.length < 5 * 1024 * 1024);
  });
});
