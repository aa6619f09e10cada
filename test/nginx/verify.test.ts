import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { NginxMessage } from '../../src/nginx/message.ts';
import { askGeneration, verifyGeneration, type VerifyOptions } from '../../src/nginx/verify.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

/** A private socket whose every connection is answered by `answer`. */
async function privateSocket(t: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const file = path.join(await temporaryDirectory(t), 'private.sock');
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  });
  server.listen(file);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of open) {
      socket.destroy();
    }
  });
  return file;
}

function say(socket: Socket, generation: string, status = 200): void {
  socket.end(`HTTP/1.1 ${status} X\r\nContent-Type: text/plain\r\n\r\n${generation}`);
}

function options(file: string, more: Partial<VerifyOptions> = {}): VerifyOptions {
  return {
    privateSocket: file,
    generation: 'new',
    quietMs: 100,
    deadlineMs: 5_000,
    refusals: async () => await Promise.resolve([]),
    ...more,
  };
}

describe('the proof that a generation is served', () => {
  it('starts again with each old answer among the new ones', async (t) => {
    let asked = 0;
    let lastOld = 0;
    const file = await privateSocket(t, (socket) => {
      asked += 1;
      const isOld = asked < 10 || (asked < 200 && asked % 40 === 0);
      lastOld = isOld ? performance.now() : lastOld;
      say(socket, isOld ? 'old' : 'new');
    });
    const result = await verifyGeneration(options(file));
    assert.equal(result.kind, 'verified');
    assert.ok(asked > 200 || performance.now() - lastOld >= 100, 'an old answer within the quiet period');
    assert.ok(performance.now() - lastOld >= 95);
  });

  it('says which generation answered last when the time is over', async (t) => {
    const file = await privateSocket(t, (socket) => say(socket, 'old'));
    assert.deepEqual(await verifyGeneration(options(file, { deadlineMs: 60 })), {
      kind: 'timeout',
      lastSeen: 'old',
    });
    assert.deepEqual(await verifyGeneration(options(`${file}-none`, { deadlineMs: 60 })), {
      kind: 'timeout',
      lastSeen: null,
    });
  });

  it('gives up an nginx that has ended long before the time is over, and not one that is only silent', async (t) => {
    const file = await privateSocket(t, (socket) => say(socket, 'new'));
    const nobody = { deadlineMs: 600_000, absentMs: 50 };
    assert.deepEqual(await verifyGeneration(options(`${file}-none`, nobody)), { kind: 'absent' });
    const silent = await privateSocket(t, (socket) => socket.destroy());
    assert.deepEqual(await verifyGeneration(options(silent, { deadlineMs: 60, absentMs: 0 })), {
      kind: 'timeout',
      lastSeen: null,
    });
  });

  it('ends as soon as the live text is another one, unless the new generation is served all the same', async (t) => {
    const old = await privateSocket(t, (socket) => say(socket, 'old'));
    const replaced = { deadlineMs: 600_000, isReplaced: async () => await Promise.resolve(true) };
    assert.deepEqual(await verifyGeneration(options(old, replaced)), { kind: 'replaced' });
    const file = await privateSocket(t, (socket) => say(socket, 'new'));
    assert.deepEqual(await verifyGeneration(options(file, { ...replaced, quietMs: 0 })), {
      kind: 'verified',
    });
  });

  it('ends as soon as nginx has said no', async (t) => {
    const file = await privateSocket(t, (socket) => say(socket, 'old'));
    const message: NginxMessage = { level: 'emerg', text: 'no', pid: 1, file: null, line: null };
    const result = await verifyGeneration(
      options(file, { deadlineMs: 60_000, refusals: async () => await Promise.resolve([message]) }),
    );
    assert.deepEqual(result, { kind: 'refused', messages: [message] });
  });

  it('takes errors, silence and garbage for no answer', async (t) => {
    assert.equal(await askGeneration(await privateSocket(t, (socket) => say(socket, 'new', 503))), null);
    assert.equal(await askGeneration(await privateSocket(t, (socket) => socket.destroy())), null);
    assert.equal(await askGeneration(await privateSocket(t, (socket) => socket.end('\u0000\u0001'))), null);
    assert.equal(await askGeneration(await privateSocket(t, () => undefined)), null, 'after a second');
    const flood = await privateSocket(t, (socket) => socket.end('x'.repeat(100_000)));
    assert.equal(await askGeneration(flood), null);
  });
});
