import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { startBackend, type Echo } from '../support/backend.ts';
import { eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { askHttp2, http2, openHttp2 } from '../support/http2-client.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { sendRaw } from '../support/raw-http.ts';
import { handshake, makePair } from '../support/tls.ts';

const timeoutMs = 10_000;
/** nginx takes bodies of up to 1 MiB, as ingress-nginx's `proxy-body-size` has it. */
const largestBody = 1024 * 1024;

/** A backend that answers while it is told to, and hashes what it gets. */
async function startSlowBackend(t: Pick<TestContext, 'after'>): Promise<{
  port: number;
  /** Answers that wait for more, in the order of their requests. */
  readonly open: { write(text: string): void; end(): void; readonly aborted: boolean }[];
  connections(): number;
}> {
  const open: { write(text: string): void; end(): void; readonly aborted: boolean }[] = [];
  let connections = 0;
  const server = createServer((incoming, response) => {
    let aborted = false;
    response.on('close', () => {
      aborted = !response.writableFinished;
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    incoming.resume();
    open.push({
      write: (text) => response.write(text),
      end: () => response.end(),
      get aborted() {
        return aborted;
      },
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return { port: (server.address() as AddressInfo).port, open, connections: () => connections };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function nextChunk(incoming: IncomingMessage): Promise<string> {
  const [chunk] = (await once(incoming, 'data', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer];
  return chunk.toString();
}

onEveryNginx('HTTP between clients and backends', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const slow = await startSlowBackend(t);
  const special = await startBackend(t, 'special', (incoming, response) => {
    const status = Number(incoming.url?.slice(1)) || 200;
    response.writeHead(status, {
      'X-Backend': 'special',
      'Set-Cookie': ['a=1', 'b=2'],
      'Cache-Control': 'no-store',
      ...(incoming.url === '/large-header' && { 'X-Large': 'x'.repeat(3000) }),
    });
    response.end(status === 204 || status === 304 ? undefined : `body of ${status}`);
  });
  const uploads: string[] = [];
  const upload = await startBackend(t, 'upload');
  upload.server.removeAllListeners('request');
  upload.server.on('request', (incoming: IncomingMessage, response) => {
    const hash = createHash('sha256');
    incoming.on('data', (chunk: Buffer) => hash.update(chunk));
    incoming.on('end', () => {
      uploads.push(hash.digest('hex'));
      response.end(incoming.headers['content-length'] ?? 'chunked');
    });
  });
  const counted = await startBackend(t, 'counted');
  let connections = 0;
  counted.server.on('connection', () => {
    connections += 1;
  });
  const secure = await startBackend(t, 'secure', undefined, {
    tls: await makePair({ names: ['backend.internal'] }),
  });
  const broken = await startBackend(t, 'broken', (incoming, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
    setImmediate(() => incoming.socket.destroy());
  });
  const all = { app, slow, special, upload, counted, secure, broken };
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': Object.entries(all).flatMap(([name, { port }]) => serviceOn(name, [port])),
      'ingresses.json': Object.keys(all).map((name) =>
        ingress(name, {
          host: `${name}.test`,
          paths: [{ service: name }],
          ...(name === 'secure' && {
            annotations: { 'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS' },
          }),
        }),
      ),
    },
  });
  const port = gateway.httpPort;

  await t.test('methods and bodies arrive as they were sent', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      const body = method === 'GET' || method === 'OPTIONS' ? '' : `body of ${method}`;
      const answer = await http({
        port,
        host: 'app.test',
        method,
        ...(body !== '' && { body, headers: { 'Content-Length': String(body.length) } }),
      });
      const echo = JSON.parse(answer.body) as Echo;
      assert.deepEqual([echo.method, echo.body], [method, body]);
    }
  });

  await t.test('statuses and headers of the backend reach the client', async () => {
    for (const status of [200, 201, 204, 206, 301, 304, 400, 401, 404, 418, 500, 503]) {
      const answer = await http({ port, host: 'special.test', path: `/${status}` });
      assert.deepEqual(
        [answer.status, answer.headers['x-backend'], answer.headers['set-cookie'], answer.body],
        [status, 'special', ['a=1', 'b=2'], status === 204 || status === 304 ? '' : `body of ${status}`],
      );
    }
    const large = await http({ port, host: 'special.test', path: '/large-header' });
    assert.equal(large.headers['x-large']?.length, 3000);
  });

  await t.test('HEAD has the headers of GET and no body', async () => {
    const [head, get] = await Promise.all(
      ['HEAD', 'GET'].map(async (method) => await http({ port, host: 'app.test', method })),
    );
    assert.deepEqual([head?.status, head?.body], [200, '']);
    assert.equal(head?.headers['content-type'], get?.headers['content-type']);
    assert.equal(app.seen.at(-1)?.url, '/');
  });

  await t.test('an upload of the largest size is unharmed, a larger one is refused with 413', async () => {
    const content = randomBytes(largestBody);
    const session = await openHttp2(gateway.httpsPort, 'upload.test');
    const modern = await askHttp2(session, { authority: 'upload.test', method: 'POST', body: content });
    assert.deepEqual([modern.status, uploads.at(-1)], [200, sha256(content)]);
    const before = uploads.length;
    const large = await askHttp2(session, {
      authority: 'upload.test',
      method: 'POST',
      body: Buffer.alloc(largestBody + 1),
    });
    assert.equal(large.status, 413);
    const announced = await http({
      port,
      host: 'upload.test',
      method: 'POST',
      headers: { 'Content-Length': String(largestBody + 1) },
      body: 'x'.repeat(largestBody + 1),
    });
    assert.equal(announced.status, 413);
    assert.equal(uploads.length, before);
    session.destroy();
  });

  await t.test('a chunked body arrives whole', async () => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      headers: { host: 'app.test' },
      agent: false,
    });
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error('no answer')));
    for (const part of ['one ', 'two ', 'three']) {
      outgoing.write(part);
      await new Promise(setImmediate);
    }
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) {
      chunks.push(chunk as Buffer);
    }
    const echo = JSON.parse(Buffer.concat(chunks).toString()) as Echo;
    assert.equal(echo.body, 'one two three');
  });

  await t.test('a request of two lengths, or of a length and chunks, reaches no backend', async () => {
    const before = app.seen.length;
    for (const lines of [
      ['Content-Length: 5', 'Content-Length: 6'],
      ['Content-Length: 5', 'Transfer-Encoding: chunked'],
      ['Content-Length: +5'],
      ['Transfer-Encoding: chunked, chunked'],
      ['Transfer-Encoding: gzip'],
    ]) {
      const head = ['POST / HTTP/1.1', 'Host: app.test', 'Connection: close', ...lines, '', ''];
      const { status } = await sendRaw(port, `${head.join('\r\n')}0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`);
      assert.ok([400, 501].includes(status), `${lines.join(' and ')} gets ${status}`);
    }
    assert.equal(app.seen.length, before);
  });

  await t.test('100-continue is answered before the body is sent', async () => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      headers: { host: 'app.test', expect: '100-continue', 'content-length': '4' },
      agent: false,
    });
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error('no answer')));
    outgoing.flushHeaders();
    await once(outgoing, 'continue', { signal: AbortSignal.timeout(timeoutMs) });
    outgoing.end('body');
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const echo = JSON.parse(await nextChunk(incoming)) as Echo;
    assert.equal(echo.body, 'body');
  });

  await t.test('an answer flows as it is made, and its end reaches both sides', async () => {
    const outgoing = request({ host: '127.0.0.1', port, headers: { host: 'slow.test' }, agent: false });
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(incoming.headers['content-type'], 'text/event-stream');
    assert.equal(await nextChunk(incoming), 'data: first\n\n');
    const answer = slow.open.at(-1);
    answer?.write('data: second\n\n');
    assert.equal(await nextChunk(incoming), 'data: second\n\n');
    answer?.end();
    incoming.resume();
    await once(incoming, 'end', { signal: AbortSignal.timeout(timeoutMs) });
    assert.equal(answer?.aborted, false);
  });

  await t.test('a client that goes away ends the request to the backend', async () => {
    const outgoing = request({ host: '127.0.0.1', port, headers: { host: 'slow.test' }, agent: false });
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    await nextChunk(incoming);
    const answer = slow.open.at(-1);
    incoming.on('error', () => undefined);
    outgoing.destroy();
    assert.ok(answer !== undefined);
    await eventually('the backend sees the end of the request', () => answer.aborted);
  });

  await t.test('an answer that breaks off is not passed off as whole', async () => {
    await assert.rejects(http({ port, host: 'broken.test' }), { code: 'ECONNRESET' });
  });

  await t.test('connections are kept, to clients and to backends', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let clients = 0;
    for (let index = 0; index < 20; index += 1) {
      const outgoing = request({ host: '127.0.0.1', port, agent, headers: { host: 'counted.test' } });
      outgoing.end();
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
      clients += outgoing.reusedSocket ? 0 : 1;
      incoming.resume();
      await once(incoming, 'end');
    }
    agent.destroy();
    assert.equal(clients, 1);
    assert.equal(connections, 1, 'one worker needs one connection to the backend');
    assert.equal(counted.seen.length, 20);
  });

  await t.test('a backend that closes kept connections loses no request', async () => {
    for (let index = 0; index < 5; index += 1) {
      assert.equal((await gateway.get('counted.test')).status, 200);
      counted.server.closeAllConnections();
      assert.equal((await http({ port, host: 'counted.test', method: 'POST', body: 'x' })).status, 200);
      counted.server.closeAllConnections();
    }
  });

  await t.test('pipelined requests are answered in their order', async () => {
    const socket = connect({ host: '127.0.0.1', port });
    const paths = ['/1', '/2', '/3'];
    socket.write(
      paths
        .map((path, index) => {
          const connection = index === paths.length - 1 ? 'Connection: close\r\n' : '';
          return `GET ${path} HTTP/1.1\r\nHost: app.test\r\n${connection}\r\n`;
        })
        .join(''),
    );
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
    }
    const urls = [
      ...Buffer.concat(chunks)
        .toString()
        .matchAll(/"url":"([^"]+)"/gu),
    ].map((match) => match[1]);
    assert.deepEqual(urls, paths);
  });

  await t.test('HTTP/2 is offered by ALPN, HTTP/1.1 beside it', async () => {
    for (const [alpn, chosen] of [
      [['h2', 'http/1.1'], 'h2'],
      [['http/1.1'], 'http/1.1'],
    ] as const) {
      assert.equal((await handshake({ port: gateway.httpsPort, servername: 'app.test', alpn })).alpn, chosen);
    }
    const answer = await http2(gateway.httpsPort, { authority: 'app.test', path: '/a?b', method: 'DELETE' });
    const echo = JSON.parse(answer.body.toString()) as Echo;
    assert.deepEqual([echo.method, echo.url, echo.headers.host], ['DELETE', '/a?b', 'app.test']);
  });

  await t.test('requests on one HTTP/2 connection do not mix, whatever their host', async () => {
    const session = await openHttp2(gateway.httpsPort, 'app.test');
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const host = index % 2 === 0 ? 'app.test' : 'counted.test';
        const { body } = await askHttp2(session, { authority: host, path: `/${index}` });
        const echo = JSON.parse(body.toString()) as Echo;
        return [echo.backend, echo.url];
      }),
    );
    assert.deepEqual(
      answers,
      answers.map((_, index) => [index % 2 === 0 ? 'app' : 'counted', `/${index}`]),
    );
    session.destroy();
  });

  await t.test('an HTTPS backend is spoken to over TLS', async () => {
    const echo = JSON.parse((await gateway.get('secure.test', '/x?y=z')).body) as Echo;
    assert.deepEqual(
      [echo.backend, echo.url, echo.headers.host, echo.headers['x-forwarded-proto']],
      ['secure', '/x?y=z', 'secure.test', 'http'],
    );
    // Asked over HTTP the same backend would refuse: it is TLS that carried the request.
    const plain = await http({ port: secure.port, host: 'secure.test' }).catch((error: unknown) => error);
    assert.ok(plain instanceof Error);
  });
});
