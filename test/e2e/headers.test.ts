import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { startBackend, type Echo } from '../support/backend.ts';
import { startDns } from '../support/dns.ts';
import { onEveryNginx, startGateway } from '../support/gateway.ts';
import { call, startGrpcBackend } from '../support/grpc.ts';
import { http } from '../support/http-client.ts';
import { http2, openHttp2 } from '../support/http2-client.ts';
import { ingress, serviceOn, serviceWith } from '../support/objects.ts';
import { getText, sendRaw } from '../support/raw-http.ts';
import { https, makePair } from '../support/tls.ts';
import { openWebsocket, startWebsocketBackend } from '../support/websocket.ts';

const lie = '6.6.6.6';

/** Everything that a client may claim about itself. */
const claims = {
  'X-Forwarded-For': lie,
  'X-Real-IP': lie,
  'X-Forwarded-Proto': 'lie',
  'X-Forwarded-Scheme': 'lie',
  'X-Scheme': 'lie',
  'X-Forwarded-Host': 'lie.example',
  'X-Forwarded-Port': '666',
  'X-Original-Forwarded-For': '7.7.7.7',
  'X-Original-Forwarded-Host': 'deeper-lie.example',
  Forwarded: `for=${lie};proto=lie;host=lie.example`,
  Proxy: 'http://lie.example',
  'ssl-client-verify': 'SUCCESS',
  'ssl-client-subject-dn': 'CN=lie',
  'ssl-client-issuer-dn': 'CN=lie',
  'ssl-client-cert': 'lie',
  // With underscores some frameworks read them as the same names.
  X_Forwarded_For: lie,
  X_Real_IP: lie,
  ssl_client_verify: 'SUCCESS',
} as const;

interface Expected {
  readonly scheme: 'http' | 'https';
  readonly port: string;
  readonly host: string;
}

/** That a backend saw the truth, and what the client claimed only where it is marked as such. */
function assertTruth(headers: IncomingHttpHeaders, { scheme, port, host }: Expected): void {
  const names = Object.keys(claims).map((name) => name.toLowerCase());
  const seen = Object.fromEntries(names.map((name) => [name, headers[name]]));
  assert.deepEqual(seen, {
    'x-forwarded-for': '127.0.0.1',
    'x-real-ip': '127.0.0.1',
    'x-forwarded-proto': scheme,
    'x-forwarded-scheme': scheme,
    'x-scheme': scheme,
    'x-forwarded-host': host,
    'x-forwarded-port': port,
    'x-original-forwarded-for': lie,
    'x-original-forwarded-host': 'lie.example',
    forwarded: undefined,
    proxy: undefined,
    'ssl-client-verify': undefined,
    'ssl-client-subject-dn': undefined,
    'ssl-client-issuer-dn': undefined,
    'ssl-client-cert': undefined,
    x_forwarded_for: undefined,
    x_real_ip: undefined,
    ssl_client_verify: undefined,
  });
}

onEveryNginx('headers that tell about the client', async (t, nginx) => {
  const app = await startBackend(t, 'app');
  const secure = await startBackend(t, 'secure', undefined, { tls: await makePair({ names: ['b.test'] }) });
  const grpc = await startGrpcBackend(t);
  const sockets = await startWebsocketBackend(t);
  const dns = await startDns(t, { 'far.example.net': { a: ['127.0.0.1'] } });
  const gateway = await startGateway(t, {
    nginx,
    config: {
      nginx: { resolver: [`127.0.0.1:${dns.port}`] },
      kubernetes: { default_backend_service: 'default/app' },
    },
    manifests: {
      'services.json': [
        ...serviceOn('app', [app.port]),
        ...serviceOn('secure', [secure.port]),
        ...serviceOn('grpc', [grpc.port]),
        ...serviceOn('sockets', [sockets.port]),
        serviceWith('far', { type: 'ExternalName', externalName: 'far.example.net' }),
      ],
      'ingresses.json': [
        ingress('app', { host: 'app.test', paths: [{ service: 'app' }] }),
        ingress('force', {
          host: 'force.test',
          paths: [{ service: 'app' }],
          tls: [{ hosts: ['force.test'] }],
          annotations: { 'nginx.ingress.kubernetes.io/use-port-in-redirects': 'true' },
        }),
        ingress('far', { host: 'far.test', paths: [{ service: 'far', port: app.port }] }),
        ingress('sockets', { host: 'sockets.test', paths: [{ service: 'sockets' }] }),
        ingress('secure', {
          host: 'secure.test',
          paths: [{ service: 'secure' }],
          annotations: { 'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS' },
        }),
        ingress('grpc', {
          host: 'grpc.test',
          paths: [{ service: 'grpc' }],
          annotations: { 'nginx.ingress.kubernetes.io/backend-protocol': 'GRPC' },
        }),
      ],
    },
  });
  const { httpPort, httpsPort } = gateway;
  const overHttp = { scheme: 'http', port: String(httpPort) } as const;
  const overHttps = { scheme: 'https', port: '443' } as const;

  await t.test('over HTTP/1.1, to every kind of backend', async () => {
    for (const host of ['app.test', 'far.test', 'secure.test', 'unknown.test']) {
      const answer = await gateway.get(host, '/', claims);
      assert.equal(answer.status, 200, host);
      assertTruth((JSON.parse(answer.body) as Echo).headers, { ...overHttp, host });
    }
  });

  await t.test('over HTTPS and HTTP/2, in locations with and without settings of their own', async () => {
    for (const host of ['app.test', 'force.test', 'secure.test']) {
      const old = await https({ port: httpsPort, host, headers: claims });
      assertTruth((JSON.parse(old.body) as Echo).headers, { ...overHttps, host });
      const modern = await http2(httpsPort, { authority: host, headers: lowerCase(claims) });
      assertTruth((JSON.parse(modern.body.toString()) as Echo).headers, { ...overHttps, host });
    }
  });

  await t.test('of a client that comes over IPv6', async ({ signal }) => {
    const outgoing = request({
      host: '::1',
      port: httpPort,
      headers: { host: 'app.test', ...claims },
      agent: false,
      signal,
    });
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    incoming.resume();
    await once(incoming, 'end');
    const headers = app.seen.at(-1)?.headers;
    assert.deepEqual([headers?.['x-forwarded-for'], headers?.['x-real-ip']], ['::1', '::1']);
  });

  await t.test('in gRPC calls', async () => {
    const session = await openHttp2(httpsPort, 'grpc.test');
    const result = await call(session, 'grpc.test', '/test.Echo/Unary', 'x', lowerCase(claims));
    assert.equal(result.status, '0');
    assertTruth(grpc.calls.at(-1) ?? {}, { ...overHttps, host: 'grpc.test' });
    session.destroy();
  });

  await t.test('when a websocket is opened', async () => {
    const lines = Object.entries(claims).map(([name, value]) => `${name}: ${value}`);
    const socket = await openWebsocket({ port: httpPort, host: 'sockets.test', lines });
    assert.equal(await socket.ask('x'), 'echo:x');
    assertTruth(sockets.upgrades.at(-1)?.headers ?? {}, { ...overHttp, host: 'sockets.test' });
    socket.close();
  });

  await t.test('when a header comes twice, in odd letter case, or at the end of a chunked body', async () => {
    const doubled = Object.entries(claims).flatMap(([name, value]) => [
      `${name.toUpperCase()}: ${value}`,
      `${name.toLowerCase()}: ${value}`,
    ]);
    const answer = await sendRaw(httpPort, getText('/', ['Host: app.test', ...doubled]));
    assert.equal(answer.status, 200);
    const echo = app.seen.at(-1);
    for (const name of [
      'x-forwarded-for',
      'x-real-ip',
      'x-forwarded-proto',
      'ssl-client-verify',
      'forwarded',
    ]) {
      const values = valuesOf(echo, name);
      assert.deepEqual(
        values,
        { 'x-forwarded-proto': ['http'] }[name] ?? (name.startsWith('x') ? ['127.0.0.1'] : []),
      );
    }
    const chunked = [
      'POST / HTTP/1.1',
      'Host: app.test',
      'Connection: close',
      'Transfer-Encoding: chunked',
      'Trailer: X-Real-IP',
      '',
      '1\r\nx\r\n0',
      `X-Real-IP: ${lie}`,
      '',
      '',
    ];
    assert.equal((await sendRaw(httpPort, chunked.join('\r\n'))).status, 200);
    assert.deepEqual(valuesOf(app.seen.at(-1), 'x-real-ip'), ['127.0.0.1']);
  });

  await t.test(
    'a client cannot have the headers of the gateway dropped by naming them in Connection',
    async () => {
      const lines = ['Host: app.test', 'Connection: X-Real-IP, X-Forwarded-For, close'];
      const text = ['GET / HTTP/1.1', ...lines, '', ''].join('\r\n');
      assert.equal((await sendRaw(httpPort, text)).status, 200);
      const seen = app.seen.at(-1);
      assert.deepEqual(valuesOf(seen, 'x-real-ip'), ['127.0.0.1']);
      assert.deepEqual(
        valuesOf(seen, 'connection').filter((value) => /x-/iu.test(value)),
        [],
      );
    },
  );

  await t.test('an HTTP/2 request that names two hosts is refused', async () => {
    const before = app.seen.length;
    const answer = await http2(httpsPort, { authority: 'app.test', headers: { host: 'lie.example' } });
    assert.equal(answer.status, 400);
    assert.equal(app.seen.length, before);
  });

  await t.test('every request has an id: the client’s own, or a new one', async () => {
    const own = JSON.parse((await gateway.get('app.test', '/', { 'X-Request-ID': 'abc' })).body) as Echo;
    assert.equal(own.headers['x-request-id'], 'abc');
    const ids = new Set<unknown>();
    for (let index = 0; index < 3; index += 1) {
      const { headers } = JSON.parse((await gateway.get('app.test')).body) as Echo;
      assert.match(String(headers['x-request-id']), /^[0-9a-f]{32}$/u);
      ids.add(headers['x-request-id']);
    }
    assert.equal(ids.size, 3);
  });

  await t.test('other headers arrive as they are, and none is made up', async () => {
    const headers = {
      'X-Custom': 'a, b',
      Cookie: 'c=d; e=f',
      Authorization: 'Basic eDp5',
      'User-Agent': 'test/1',
    };
    const { headers: seen } = JSON.parse(
      // As in ingress-nginx a name with an underscore is dropped.
      (await gateway.get('app.test', '/', { ...headers, X_Custom: 'x' })).body,
    ) as Echo;
    assert.deepEqual(
      Object.keys(seen).sort(),
      [
        'authorization',
        'cookie',
        'host',
        'user-agent',
        'x-custom',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-port',
        'x-forwarded-proto',
        'x-forwarded-scheme',
        'x-real-ip',
        'x-request-id',
        'x-scheme',
      ].sort(),
    );
    assert.deepEqual(
      [seen['x-custom'], seen.cookie, seen.authorization, seen['user-agent']],
      Object.values(headers),
    );
  });

  await t.test('the answer does not tell which version of nginx it is', async () => {
    for (const host of ['app.test', 'unknown.test']) {
      const answer = await http({ port: httpPort, host });
      assert.doesNotMatch(JSON.stringify(answer.headers), /nginx\/[\d.]+/u);
    }
    assert.doesNotMatch((await sendRaw(httpPort, 'nonsense\r\n\r\n')).body, /nginx\/[\d.]+/u);
  });
});

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** All values of a header, as they came. */
function valuesOf(echo: Echo | undefined, name: string): string[] {
  const raw = echo?.rawHeaders ?? [];
  return raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name);
}
