import assert from 'node:assert/strict';
import { startBackend } from '../support/backend.ts';
import { onEveryNginx, startGateway } from '../support/gateway.ts';
import { http } from '../support/http-client.ts';
import { http2 } from '../support/http2-client.ts';
import { ingress, serviceObject, serviceOn, type IngressOptions } from '../support/objects.ts';
import { getText, sendRaw } from '../support/raw-http.ts';
import { https } from '../support/tls.ts';

const hsts = 'max-age=31536000; includeSubDomains';

/** An Ingress for `name.test` with TLS by the default certificate. */
function secure(name: string, annotations: Readonly<Record<string, string>> = {}, more: IngressOptions = {}) {
  const host = `${name}.test`;
  const prefixed = Object.entries(annotations).map(([key, value]) => [
    `nginx.ingress.kubernetes.io/${key}`,
    value,
  ]);
  return ingress(name, {
    host,
    tls: [{ hosts: [host] }],
    paths: [{ service: 'app' }],
    annotations: Object.fromEntries(prefixed) as Record<string, string>,
    ...more,
  });
}

onEveryNginx('redirects to HTTPS', async (t, nginx) => {
  const backend = await startBackend(t, 'app', (request, response) => {
    response.setHeader('Strict-Transport-Security', 'max-age=1');
    response.setHeader('Location', 'http://secure.test/elsewhere/');
    response.writeHead(request.url === '/moved' ? 302 : 200);
    response.end();
  });
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': [...serviceOn('app', [backend.port]), serviceObject('empty')],
      'ingresses.json': [
        secure('secure', {}, { paths: [{ service: 'app' }, { path: '/dead', service: 'empty' }] }),
        // Everything that this tls section does not list is secure all the same.
        secure('unlisted', {}, { tls: [{ hosts: ['somebody-else.test'] }] }),
        secure('off', { 'ssl-redirect': 'false' }),
        secure('forced', { 'force-ssl-redirect': 'true' }, { tls: [] }),
        secure('slash', { 'preserve-trailing-slash': 'true' }),
        secure('port', { 'use-port-in-redirects': 'true' }),
        secure('wild', {}, { host: '*.wild.test', tls: [{ hosts: ['*.wild.test'] }] }),
        secure('under-wild', {}, { host: 'under.wild.test', tls: [] }),
        ingress('plain', { host: 'plain.test', paths: [{ service: 'app' }] }),
        ingress('catch-all', { paths: [{ path: '/everywhere', service: 'app' }], tls: [{ hosts: [] }] }),
      ],
    },
  });

  /** Status and Location over plain HTTP. */
  async function redirect(
    host: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<readonly [number, string | undefined]> {
    const answer = await gateway.get(host, path, headers);
    return [answer.status, answer.headers.location];
  }

  await t.test('path and query are kept, but for one slash at the end', async () => {
    for (const [path, target] of [
      ['/', 'https://secure.test'],
      ['/a', 'https://secure.test/a'],
      ['/a/', 'https://secure.test/a'],
      ['/a//', 'https://secure.test/a/'],
      ['/a/?x=1&y=%20z', 'https://secure.test/a/?x=1&y=%20z'],
      ['/a?x=/', 'https://secure.test/a?x='],
      ['/a%2Fb/%0d%0aSet-Cookie:x', 'https://secure.test/a%2Fb/%0d%0aSet-Cookie:x'],
      ['//evil.example/x', 'https://secure.test//evil.example/x'],
      ['/$host/${x}', 'https://secure.test/$host/${x}'],
      ['/dead', 'https://secure.test/dead'],
    ] as const) {
      assert.deepEqual(await redirect('secure.test', path), [308, target]);
    }
  });

  await t.test('the host of the redirect has no port and small letters', async () => {
    assert.deepEqual(await redirect(`Secure.TEST:${gateway.httpPort}`, '/a'), [308, 'https://secure.test/a']);
    assert.deepEqual(await redirect('x.wild.test', '/a'), [308, 'https://x.wild.test/a']);
    assert.deepEqual(await redirect('under.wild.test', '/a'), [308, 'https://under.wild.test/a']);
    assert.deepEqual(await redirect('unlisted.test', '/a'), [308, 'https://unlisted.test/a']);
  });

  await t.test('every method is redirected, and no request reaches the backend', async () => {
    const before = backend.seen.length;
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      const answer = await http({
        port: gateway.httpPort,
        host: 'secure.test',
        path: '/a',
        method,
        ...(method === 'POST' && { body: 'x'.repeat(10_000) }),
      });
      assert.deepEqual([answer.status, answer.headers.location], [308, 'https://secure.test/a'], method);
    }
    assert.equal(backend.seen.length, before);
  });

  await t.test('no header of the client counts as HTTPS or names the host', async () => {
    const spoofed = {
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Scheme': 'https',
      'X-Scheme': 'https',
      'X-Forwarded-Port': '443',
      'X-Forwarded-Host': 'evil.example',
      Forwarded: 'proto=https;host=evil.example',
    };
    assert.deepEqual(await redirect('secure.test', '/a', spoofed), [308, 'https://secure.test/a']);
    const absolute = await sendRaw(
      gateway.httpPort,
      getText('http://secure.test/a', ['Host: evil.example', 'X-Forwarded-Proto: https']),
    );
    assert.equal(new Map(absolute.headers).get('location'), 'https://secure.test/a');
  });

  await t.test('challenges of certificate authorities are served over plain HTTP', async () => {
    assert.equal((await redirect('secure.test', '/.well-known/acme-challenge/token'))[0], 200);
    assert.equal((await redirect('secure.test', '/.well-known/other'))[0], 308);
    assert.equal((await redirect('secure.test', '/x/.well-known/acme-challenge/token'))[0], 308);
    assert.equal((await redirect('secure.test', '/.well-known/acme-challenge/../../a'))[0], 308);
  });

  await t.test('annotations switch it off and on, keep the slash, and name the port', async () => {
    assert.equal((await redirect('off.test', '/a'))[0], 200);
    assert.deepEqual(await redirect('forced.test', '/a/'), [308, 'https://forced.test/a']);
    assert.deepEqual(await redirect('slash.test', '/a/'), [308, 'https://slash.test/a/']);
    assert.deepEqual(await redirect('slash.test', '/'), [308, 'https://slash.test/']);
    assert.deepEqual(await redirect('port.test', '/a/'), [308, `https://port.test:${gateway.httpsPort}/a`]);
  });

  await t.test('hosts without TLS and the catch-all are not redirected', async () => {
    assert.equal((await redirect('plain.test', '/a'))[0], 200);
    assert.equal((await redirect('unknown.test', '/a'))[0], 404);
    assert.equal((await redirect('unknown.test', '/everywhere'))[0], 200);
  });

  await t.test('over HTTPS nothing is redirected, and the answers of backends are not touched', async () => {
    const port = gateway.httpsPort;
    assert.equal((await https({ port, host: 'secure.test', path: '/a' })).status, 200);
    const modern = await http2(port, { authority: 'secure.test', path: '/a' });
    assert.equal(modern.status, 200);
    const moved = await https({ port, host: 'secure.test', path: '/moved' });
    assert.deepEqual([moved.status, moved.headers.location], [302, 'http://secure.test/elsewhere/']);
  });

  await t.test('HSTS stands on every answer over HTTPS, once, and on none over HTTP', async () => {
    const port = gateway.httpsPort;
    for (const [host, path, status] of [
      ['secure.test', '/a', 200],
      ['secure.test', '/moved', 302],
      ['secure.test', '/dead', 503],
      ['plain.test', '/a', 200],
      ['unknown.test', '/a', 404],
    ] as const) {
      const answer = await https({ port, host, path });
      assert.deepEqual([answer.status, answer.headers['strict-transport-security']], [status, hsts]);
      const modern = await http2(port, { authority: host, path });
      assert.deepEqual([modern.status, modern.headers['strict-transport-security']], [status, hsts]);
    }
    for (const host of ['secure.test', 'plain.test', 'off.test', 'unknown.test']) {
      assert.equal((await gateway.get(host, '/a')).headers['strict-transport-security'], undefined, host);
    }
  });
});
