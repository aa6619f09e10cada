import assert from 'node:assert/strict';
import { startBackend } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway } from '../support/gateway.ts';
import { call, startCall, startGrpcBackend } from '../support/grpc.ts';
import { openHttp2 } from '../support/http2-client.ts';
import { http } from '../support/http-client.ts';
import { ingress, serviceObject, serviceOn } from '../support/objects.ts';
import { sendRaw } from '../support/raw-http.ts';
import { makePair } from '../support/tls.ts';
import { openWebsocket, startWebsocketBackend } from '../support/websocket.ts';

function grpcIngress(name: string, service: string, protocol: string): object {
  return ingress(name, {
    host: `${name}.test`,
    paths: [{ service }],
    annotations: { 'nginx.ingress.kubernetes.io/backend-protocol': protocol },
  });
}

onEveryNginx('websockets and gRPC', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const sockets = await startWebsocketBackend(t);
  const plain = await startGrpcBackend(t);
  const secure = await startGrpcBackend(t, await makePair({ names: ['backend.internal'] }));
  const gateway = await startGateway(t, {
    nginx,
    // Until then old workers keep what they carry.
    config: { nginx: { worker_shutdown_timeout: 60 } },
    manifests: {
      'services.json': [
        ...serviceOn('app', [app.port]),
        ...serviceOn('sockets', [sockets.port]),
        ...serviceOn('plain', [plain.port]),
        ...serviceOn('secure', [secure.port]),
        serviceObject('empty'),
      ],
      'ingresses.json': [
        ingress('sockets', { host: 'sockets.test', paths: [{ service: 'sockets' }] }),
        ingress('app', { host: 'app.test', paths: [{ service: 'app' }] }),
        grpcIngress('grpc', 'plain', 'GRPC'),
        grpcIngress('grpcs', 'secure', 'grpcs'),
        grpcIngress('empty', 'empty', 'GRPC'),
      ],
    },
  });
  const { httpPort, httpsPort } = gateway;

  await t.test('a websocket is carried, over HTTP and HTTPS', async () => {
    for (const options of [{ port: httpPort }, { port: httpsPort, tls: true as const }]) {
      const socket = await openWebsocket({ host: 'sockets.test', path: '/chat?room=1', ...options });
      assert.equal(await socket.ask('hello'), 'echo:hello');
      assert.equal(await socket.ask('again'), 'echo:again');
      socket.close();
    }
    assert.deepEqual(
      sockets.upgrades.map(({ url, headers }) => [url, headers.host, headers['x-forwarded-proto']]),
      [
        ['/chat?room=1', 'sockets.test', 'http'],
        ['/chat?room=1', 'sockets.test', 'https'],
      ],
    );
  });

  await t.test('a backend that knows no websockets answers as usual', async () => {
    await assert.rejects(openWebsocket({ port: httpPort, host: 'app.test' }), {
      message: 'the answer to the upgrade was HTTP/1.1 200 OK',
    });
  });

  await t.test('a request that asks for no upgrade is not one', async () => {
    const answer = await http({ port: httpPort, host: 'sockets.test' });
    assert.equal(answer.body.split(' ').slice(0, 2).join(' '), 'plain none');
  });

  await t.test('an upgrade to HTTP/2 is not offered to the backend', async () => {
    // A backend that takes it has a connection of its own with the client: every path, and headers at will.
    const before = sockets.upgrades.length;
    const lines = ['Host: sockets.test', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'];
    const { status } = await sendRaw(
      httpPort,
      ['GET / HTTP/1.1', ...lines, 'Connection: Upgrade, HTTP2-Settings, close', '', ''].join('\r\n'),
    );
    assert.equal(status, 200);
    assert.equal(sockets.upgrades.length, before, 'requests to upgrade that the backend has seen');
  });

  await t.test('a unary call brings message, metadata, status and trailers', async () => {
    const session = await openHttp2(httpsPort, 'grpc.test');
    const result = await call(session, 'grpc.test', '/test.Echo/Unary', 'hello', { 'x-meta': 'data' });
    assert.deepEqual(
      [result.httpStatus, result.status, result.messages, result.trailers['x-trailer']],
      [200, '0', ['echo:hello:1'], 'at the end'],
    );
    const seen = plain.calls.at(-1);
    assert.deepEqual(
      [seen?.['x-meta'], seen?.['te'], seen?.['content-type'], seen?.['x-forwarded-proto']],
      ['data', 'trailers', 'application/grpc', 'https'],
    );
    assert.equal(seen?.[':authority'] ?? seen?.host, 'grpc.test');
    session.destroy();
  });

  await t.test('streams flow in both directions while they are open', async () => {
    const session = await openHttp2(httpsPort, 'grpc.test');
    const many = await call(session, 'grpc.test', '/test.Echo/Many', 'x');
    assert.deepEqual(many.messages, ['echo:x:1', 'echo:x:2', 'echo:x:3']);
    const chat = startCall(session, 'grpc.test', '/test.Echo/Chat');
    chat.send('one');
    assert.equal(await chat.next(), 'echo:one');
    chat.send('two');
    assert.equal(await chat.next(), 'echo:two');
    assert.equal((await chat.end()).status, '0');
    session.destroy();
  });

  await t.test('the statuses of the backend are its own', async () => {
    const session = await openHttp2(httpsPort, 'grpc.test');
    for (const [path, status] of [
      ['/test.Echo/Fail', '5'],
      ['/test.Echo/Unknown', '12'],
    ] as const) {
      const result = await call(session, 'grpc.test', path, 'x');
      assert.deepEqual([result.httpStatus, result.status, result.messages], [200, status, []]);
    }
    session.destroy();
  });

  await t.test('calls at the same time do not mix', async () => {
    const session = await openHttp2(httpsPort, 'grpc.test');
    const texts = Array.from({ length: 40 }, (_, index) => `text ${index}`);
    const results = await Promise.all(
      texts.map(async (text) => await call(session, 'grpc.test', '/test.Echo/Unary', text)),
    );
    assert.deepEqual(
      results.map(({ messages }) => messages[0]),
      texts.map((text) => `echo:${text}:1`),
    );
    session.destroy();
  });

  await t.test('GRPCS speaks TLS to the backend; without endpoints the answer is 503', async () => {
    const session = await openHttp2(httpsPort, 'grpcs.test');
    assert.deepEqual((await call(session, 'grpcs.test', '/test.Echo/Unary', 'x')).messages, ['echo:x:1']);
    assert.equal(secure.calls.length, 1);
    assert.equal((await call(session, 'empty.test', '/test.Echo/Unary', 'x')).httpStatus, 503);
    session.destroy();
  });

  await t.test('connections to gRPC backends are kept', async () => {
    const session = await openHttp2(httpsPort, 'grpc.test');
    const before = plain.sessions;
    for (let index = 0; index < 10; index += 1) {
      await call(session, 'grpc.test', '/test.Echo/Unary', 'x');
    }
    // Two workers may each have their own.
    assert.ok(plain.sessions - before <= 2, `${plain.sessions - before} connections for 10 calls`);
    session.destroy();
  });

  await t.test('a reload for another object cuts neither websocket nor stream', async () => {
    const socket = await openWebsocket({ port: httpPort, host: 'sockets.test' });
    const session = await openHttp2(httpsPort, 'grpc.test');
    const chat = startCall(session, 'grpc.test', '/test.Echo/Chat');
    chat.send('before');
    assert.deepEqual([await socket.ask('before'), await chat.next()], ['echo:before', 'echo:before']);
    await applied(gateway, async () => {
      await gateway.write(
        'another.json',
        ingress('another', { host: 'another.test', paths: [{ service: 'app' }] }),
      );
    });
    assert.equal((await gateway.get('another.test')).status, 200);
    chat.send('after');
    assert.deepEqual([await socket.ask('after'), await chat.next()], ['echo:after', 'echo:after']);
    assert.equal((await chat.end()).status, '0');
    assert.equal(socket.isOpen, true);
    socket.close();
    session.destroy();
  });
});
