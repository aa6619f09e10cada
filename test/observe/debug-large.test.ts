import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { findInstallation } from '../../src/installation.ts';
import { createDebugApp } from '../../src/observe/debug.ts';
import { streamOf, textPieces } from '../../src/observe/debug-stream.ts';
import { listen } from '../../src/observe/http-server.ts';
import type { ListeningServer } from '../../src/observe/http-server.ts';
import type { ControllerView } from '../../src/observe/view.ts';
import { sampleView } from './sample-view.ts';

const line = '    proxy_set_header X-Forwarded-For $remote_addr; # ü €\n';
const lineCount = 400_000;
const largeText = line.repeat(lineCount);

async function start(
  context: TestContext,
  changes: Partial<ControllerView>,
  reported: string[] = [],
): Promise<ListeningServer> {
  const options = { version: '1', templatesFolder: findInstallation().templates, allowedHosts: [] };
  function report(error: Error): void {
    reported.push(error.message);
  }
  const server = await listen(
    {
      setting: 'debug.addr',
      addr: { host: '127.0.0.1', port: 0 },
      readTimeout: 30,
      writeTimeout: 30,
      idleTimeout: 30,
      onError: report,
    },
    createDebugApp(sampleView(changes), options, report),
  );
  context.after(() => server.close());
  return server;
}

async function get(server: ListeningServer, path: string): Promise<IncomingMessage> {
  const call = request({ port: server.address.port, host: '127.0.0.1', path, agent: false });
  call.end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  return answer;
}

test('a text of 23 MB arrives whole over a socket, and a numbered one with every line', async (context) => {
  const server = await start(context, { configText: () => largeText });
  const whole = await fetch(`http://127.0.0.1:${server.address.port}/debug/config`);
  assert.equal((await whole.text()) === largeText, true);
  const numbered = await fetch(
    `http://127.0.0.1:${server.address.port}/debug/config?lines=1-${lineCount + 5}`,
  );
  const text = await numbered.text();
  assert.equal(text.split('\n').length, 1 + lineCount + 1);
  assert.ok(text.endsWith(`   ${lineCount} | ${line}`));
});

test('clients that go away in the middle do no harm', async (context) => {
  const reported: string[] = [];
  const server = await start(context, { configText: () => largeText }, reported);
  for (let i = 0; i < 5; i += 1) {
    const answer = await get(server, '/debug/config');
    await once(answer, 'readable');
    answer.destroy();
  }
  const after = await fetch(`http://127.0.0.1:${server.address.port}/debug/objects`);
  assert.equal(after.status, 200);
  await after.text();
  assert.deepEqual(reported, []);
});

test('a model that cannot be printed is reported and its answer cut, never passed off as whole', async (context) => {
  const reported: string[] = [];
  const circle: Record<string, unknown> = {};
  circle['self'] = { again: { circle } };
  const big = Array.from({ length: 5000 }, () => 'x'.repeat(100));
  const server = await start(context, { model: () => ({ big, circle }) }, reported);
  await assert.rejects(async () => {
    const answer = await fetch(`http://127.0.0.1:${server.address.port}/debug/model`);
    await answer.text();
  });
  assert.equal(reported.length, 1);
  assert.match(reported[0] ?? '', /circular/i);
});

test('a body is made only as far as it is read', async () => {
  let made = 0;
  function* pieces(): Generator<string> {
    for (;;) {
      made += 1;
      yield 'x'.repeat(64 * 1024);
    }
  }
  const reader = streamOf(pieces(), assert.fail).getReader();
  await reader.read();
  await reader.read();
  assert.equal(made, 2);
  await reader.cancel();
});

test('a text is never cut inside a character', () => {
  const text = 'a'.repeat(64 * 1024 - 1) + '😀'.repeat(70_000);
  const pieces = [...textPieces(text)];
  assert.ok(pieces.length > 2);
  assert.equal(Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString(), text);
});
