import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Hono } from 'hono';
import { isGatewayError } from '../../src/errors.ts';
import { streamOf } from '../../src/observe/debug-stream.ts';
import { createHealthApp } from '../../src/observe/health.ts';
import { isLoopback, listen } from '../../src/observe/http-server.ts';
import type { ListeningServer, ListenOptions } from '../../src/observe/http-server.ts';
import { sampleView } from './sample-view.ts';

function unexpected(error: Error): void {
  throw error;
}

async function start(
  context: TestContext,
  app: Pick<Hono, 'fetch'> = createHealthApp(sampleView(), unexpected),
  changes: Partial<ListenOptions> = {},
): Promise<ListeningServer> {
  const server = await listen(
    {
      setting: 'server.addr',
      addr: { host: '127.0.0.1', port: 0 },
      readTimeout: 30,
      writeTimeout: 30,
      idleTimeout: 60,
      onError: unexpected,
      ...changes,
    },
    app,
  );
  context.after(() => server.close());
  return server;
}

async function open(context: TestContext, server: ListeningServer): Promise<Socket> {
  const socket = connect(server.address.port, '127.0.0.1');
  context.after(() => socket.destroy());
  // A connection that the server cuts may end with a reset; 'close' follows either way.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the other side closes. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => (text += data));
  await once(socket, 'close');
  return text;
}

test('answers on a free port, GET and HEAD, over a connection that is kept', async (context) => {
  const server = await start(context);
  assert.equal(server.address.host, '127.0.0.1');
  const socket = await open(context, server);
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.write('HEAD /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const text = await readAll(socket);
  assert.equal(text.split('HTTP/1.1 200 OK').length, 3);
  assert.equal(text.split('{"status":"healthy"}').length, 2);
  assert.ok(text.endsWith('\r\n\r\n'), 'the answer to HEAD ends with its headers');
});

test('an empty host listens on IPv4 too', async (context) => {
  const server = await start(context, undefined, { addr: { host: '', port: 0 } });
  const answer = await fetch(`http://127.0.0.1:${server.address.port}/ready`);
  assert.equal(answer.status, 200);
  await answer.text();
});

test('a port in use and an address that is not ours are errors that name the key and the remedy', async (context) => {
  const server = await start(context);
  await assert.rejects(start(context, undefined, { addr: server.address }), (error) => {
    assert.ok(isGatewayError(error, 'CNG_PORT_IN_USE'));
    assert.equal(error.message, `Address 127.0.0.1:${server.address.port} of server.addr is already in use`);
    assert.match(error.remedy, /free port/);
    return true;
  });
  await assert.rejects(
    start(context, undefined, { setting: 'debug.addr', addr: { host: '192.0.2.1', port: 0 } }),
    (error) => {
      assert.ok(isGatewayError(error, 'CNG_LISTEN_FAILED'));
      assert.match(error.message, /192\.0\.2\.1:0 of debug\.addr.*EADDRNOTAVAIL/);
      return true;
    },
  );
});

test('a request that never ends is answered with 408 after the read timeout, and so is silence', async (context) => {
  const server = await start(context, undefined, { readTimeout: 0.2 });
  const half = await open(context, server);
  half.write('GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ');
  const silent = await open(context, server);
  const [halfText] = await Promise.all([readAll(half), readAll(silent)]);
  assert.match(halfText, /^HTTP\/1\.1 408 /);
});

test('an idle connection is closed after the idle timeout', async (context) => {
  const server = await start(context, undefined, { idleTimeout: 0.1 });
  const socket = await open(context, server);
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await readAll(socket), /^HTTP\/1\.1 200 /);
});

test('a reader that stops reading is cut after the write timeout and its stream is ended', async (context) => {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  function* endless(): Generator<string> {
    try {
      for (;;) {
        yield 'x'.repeat(64 * 1024);
      }
    } finally {
      end();
    }
  }
  const app = new Hono();
  app.get('/', (request) => request.body(streamOf(endless(), unexpected)));
  const server = await start(context, app, { writeTimeout: 0.3 });
  const socket = await open(context, server);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  // Without the cut the stream would wait for its reader for ever, and this test with it.
  await ended;
});

test('headers beyond 16 KiB are refused with 431', async (context) => {
  const server = await start(context);
  const socket = await open(context, server);
  socket.write(`GET /healthz HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.match(await readAll(socket), /^HTTP\/1\.1 431 /);
});

test('a request with a body is answered and its connection closed without reading the body', async (context) => {
  const server = await start(context);
  const socket = await open(context, server);
  socket.write('POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n');
  const text = await readAll(socket);
  assert.match(text, /^HTTP\/1\.1 405 /);
  assert.match(text, /\r\nconnection: close\r\n/i);
});

test('strange requests do no harm', async (context) => {
  const server = await start(context);
  for (const [request, status] of [
    ['GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    ['TRACE /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 405],
    ['GET /healthz\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['GET //healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 404],
    ['GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 404],
  ] as const) {
    const socket = await open(context, server);
    socket.end(request);
    const text = await readAll(socket);
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), JSON.stringify(request));
    assert.doesNotMatch(text, /node_modules|\.ts:/);
  }
  const after = await fetch(`http://127.0.0.1:${server.address.port}/healthz`);
  assert.equal(after.status, 200);
  await after.text();
});

test('close lets an answer under way finish, cuts idle and silent connections, and can be called twice', async (context) => {
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const app = new Hono();
  app.get('/slow', (request) => {
    begin();
    return gate.then(() => request.text('done'));
  });
  const server = await start(context, app);
  const silent = await open(context, server);
  const silentEnd = readAll(silent);
  const busy = await open(context, server);
  busy.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await begun;
  const closed = server.close();
  const again = server.close();
  await assert.rejects(fetch(`http://127.0.0.1:${server.address.port}/slow`));
  openGate();
  assert.match(await readAll(busy), /^HTTP\/1\.1 200 [\s\S]*done$/);
  await Promise.all([closed, again, silentEnd]);
});

test('close cuts an answer that does not finish', async (context) => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const app = new Hono();
  app.get('/never', () => {
    begin();
    return new Promise<Response>(() => undefined);
  });
  const server = await start(context, app);
  const socket = await open(context, server);
  socket.write('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
  await begun;
  const rest = readAll(socket);
  await server.close();
  assert.equal(await rest, '');
});

test('loopback addresses are told from others', () => {
  for (const host of ['127.0.0.1', '127.8.9.10', '::1', 'localhost']) {
    assert.equal(isLoopback(host), true, host);
  }
  for (const host of ['', '0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', '128.0.0.1']) {
    assert.equal(isLoopback(host), false, host);
  }
});
