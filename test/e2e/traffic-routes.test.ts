import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { startBackend } from '../support/backend.ts';
import { eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { figure, sumOf } from '../support/metrics-page.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { sendRaw } from '../support/raw-http.ts';

const nginx = 'nginx.ingress.kubernetes.io/';
const requests = 'http_requests_total';

/** What a client may try to write into the log: the ends of lines and fields, and words of it. */
const forged = ['\t', '|', '"', '\\', '%0a', '%7C', '|200|GET||- default victim web 80 /'];

onEveryNginx(
  'a request is counted for the route that took it, and by nothing that a client wrote',
  async (t, binary) => {
    const backend = await startBackend(t, 'web', (request, response) => {
      response.writeHead(request.url?.startsWith('/fails') === true ? 500 : 200).end('x');
    });
    const auth = await startBackend(t, 'auth', (request, response) => {
      response.writeHead(request.headers['x-allowed'] === undefined ? 401 : 200).end();
    });
    const pages = await startBackend(t, 'pages', (_, response) => {
      response.writeHead(500).end('a page');
    });
    function one(name: string, annotations: Record<string, string> = {}, path_ = '/'): object {
      const named = Object.entries(annotations).map(([key, value]) => [`${nginx}${key}`, value]);
      return ingress(name, {
        host: `${name}.example`,
        paths: [{ path: path_, service: 'web' }],
        annotations: Object.fromEntries(named) as Record<string, string>,
      });
    }
    const canary = ingress('next', {
      host: 'plain.example',
      paths: [{ service: 'pages', port: 'http' }],
      annotations: { [`${nginx}canary`]: 'true', [`${nginx}canary-by-header`]: 'x-next' },
    });
    const gateway = await startGateway(t, {
      nginx: binary,
      config: {
        metrics: { per_host: true, report_status_classes: false },
        kubernetes: { config_map: 'default/options' },
      },
      manifests: {
        'all.yaml': [
          ...serviceOn('web', [backend.port]),
          ...serviceOn('auth', [auth.port]),
          ...serviceOn('pages', [pages.port]),
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'options', namespace: 'default' },
            data: { 'enable-auth-access-log': 'true' },
          },
          one('plain'),
          canary,
          one('silent', { 'enable-access-log': 'false' }),
          one('guarded', { 'auth-url': 'http://auth.default.svc.cluster.local/' }),
          one('mirrored', { 'mirror-target': 'http://auth.default.svc.cluster.local/copy' }),
          one('pages', { 'custom-http-errors': '500', 'default-backend': 'pages' }),
          one('closed', { 'proxy-body-size': 'wrong', 'auth-type': 'nonsense' }),
          one('victim'),
          one('rooted', { 'app-root': '/start' }),
          one('odd', {}, '/a "b" $c|d'),
        ],
      },
    });
    const sent = { forged: 0 };

    for (const text of forged) {
      for (const head of [
        `G${text}T / HTTP/1.1\r\nHost: plain.example`,
        `GET /${text} HTTP/1.1\r\nHost: plain.example`,
        `GET / HTTP/1.1\r\nHost: ${text}plain.example`,
        `GET / HTTP/1.1\r\nHost: plain.example\r\nUser-Agent: ${text}\r\nReferer: ${text}`,
        `GET / HTTP/1.0\r\nHost: plain.example\r\nX-Request-ID: ${text}`,
      ]) {
        await sendRaw(gateway.httpPort, `${head}\r\nConnection: close\r\n\r\n`);
        sent.forged += 1;
      }
    }
    await gateway.get('silent.example');
    await gateway.get('guarded.example');
    await gateway.get('guarded.example', '/', { 'x-allowed': 'yes' });
    await gateway.get('mirrored.example');
    await gateway.get('pages.example', '/fails');
    await gateway.get('closed.example');
    await gateway.get('nobody.example', '/secret-of-a-client');
    await gateway.get('plain.example', '/', { 'x-next': 'always' });
    // Begins as the gateway's own questions to authentication services do, and is a request like any other.
    await gateway.get('plain.example', '/_cng/of-a-client');
    await gateway.get('guarded.example', '/_cng/of-a-client', { 'x-allowed': 'yes' });
    await gateway.get('odd.example', '/a%20%22b%22%20$c%7Cd');
    await sendRaw(gateway.httpPort, 'BREW / HTTP/1.1\r\nHost: victim.example\r\nConnection: close\r\n\r\n');

    // nginx looks at these before the location has named its route.
    const tooLong = 'Content-Length: 99999999\r\nConnection: close';
    await sendRaw(gateway.httpPort, `POST / HTTP/1.1\r\nHost: victim.example\r\n${tooLong}\r\n\r\n`);
    assert.equal((await gateway.get('rooted.example')).status, 302);

    let page = '';
    const all = sent.forged + 14;
    await eventually('all of them on the page', async () => {
      page = await gateway.metrics();
      return sumOf(page, requests) >= all;
    }).catch(() => undefined);
    assert.equal(sumOf(page, requests), all);
    assert.equal(figure(page, 'cloud_native_gateway_traffic_malformed_lines_total'), 0);
    function of(name: string, more: Record<string, string> = {}): number {
      return sumOf(page, requests, { namespace: 'default', ingress: name, host: `${name}.example`, ...more });
    }
    assert.equal(of('silent', { status: '200', endpoint: '/', method: 'GET', service: 'web' }), 1);
    assert.equal(of('guarded'), 3);
    assert.equal(of('guarded', { status: '401' }), 1);
    assert.equal(of('mirrored'), 1);
    assert.equal(of('pages', { status: '500' }), 1);
    assert.equal(of('closed', { status: '503' }), 1);
    assert.equal(of('victim'), 1);
    assert.equal(of('victim', { method: 'OTHER' }), 1);
    assert.equal(of('odd', { endpoint: '/a "b" $c|d' }), 1);
    assert.equal(of('plain', { canary: 'next' }), 1);
    assert.equal(sumOf(page, 'nginx_ingress_controller_requests', { canary: 'default-pages-http' }), 1);
    assert.ok(sumOf(page, requests, { ingress: '', status: '404' }) >= 1);
    assert.equal(sumOf(page, requests, { ingress: '', status: '413', method: 'POST' }), 1);
    assert.equal(sumOf(page, requests, { ingress: '', status: '302' }), 1);
    assert.equal(sumOf(page, 'nginx_ingress_controller_requests', { ingress: '' }), 0);
    assert.doesNotMatch(page, /secret-of-a-client|nobody\.example/u);
    assert.ok(auth.seen.length >= 3, 'authentication was asked, and the copy came');
    const log = await readFile(path.join(gateway.stateDir, 'logs/access.log'), 'utf8');
    assert.ok(
      log.includes('nobody.example') || log.includes('secret-of-a-client'),
      'the other log is as it was',
    );
    assert.doesNotMatch(log, /silent\.example/u);
  },
);
