import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { startBackend, type Echo } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { handshake, makePair } from '../support/tls.ts';

const annotation = 'nginx.ingress.kubernetes.io/ssl-passthrough';

function passed(value: string | null): object {
  return ingress('passed', {
    host: 'passed.example.com',
    paths: [{ service: 'secure' }],
    ...(value !== null && { annotations: { [annotation]: value } }),
  });
}

interface Asked {
  readonly port: number;
  readonly host: string;
  /** Of the connection. */
  readonly from?: string;
  /** Sent before TLS. */
  readonly proxyHeader?: string;
}

/** The body of the answer to one request over TLS, with HTTP/1.0 so that it is as it was written. */
async function overTls({ port, host, from = '127.0.0.1', proxyHeader }: Asked): Promise<string> {
  const socket = connectTcp({ port, host: '127.0.0.1', localAddress: from });
  await once(socket, 'connect');
  if (proxyHeader !== undefined) {
    socket.write(proxyHeader);
  }
  const tls = connectTls({ socket, servername: host, rejectUnauthorized: false });
  tls.setTimeout(20_000, () => tls.destroy(new Error('no answer within twenty seconds')));
  await once(tls, 'secureConnect');
  tls.write(`GET /x HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  let text = '';
  tls.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(tls, 'end');
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

onEveryNginx(
  'TLS of a host goes to its backend as it is, beside hosts whose TLS ends here',
  async (t, nginx) => {
    const [own, theirs] = [
      await makePair({ names: ['normal.example.com'] }),
      await makePair({ names: ['passed.example.com'] }),
    ];
    const normal = await startBackend(t, 'normal');
    const secure = await startBackend(t, 'secure', undefined, { tls: theirs });
    const gateway = await startGateway(t, {
      nginx,
      config: { kubernetes: { enable_ssl_passthrough: true, config_map: 'default/options' } },
      manifests: {
        'normal.yaml': [
          ...serviceOn('normal', [normal.port]),
          tlsSecret('normal', own),
          ingress('normal', {
            host: 'normal.example.com',
            paths: [{ service: 'normal' }],
            tls: [{ hosts: ['normal.example.com'], secretName: 'normal' }],
            annotations: { 'nginx.ingress.kubernetes.io/from-to-www-redirect': 'true' },
          }),
        ],
        'secure.yaml': serviceOn('secure', [secure.port]),
        'passed.yaml': passed(null),
      },
    });
    const { httpsPort: port } = gateway;
    assert.notEqual((await handshake({ port, servername: 'passed.example.com' })).serial, theirs.serial);

    // The port goes from http to stream while nginx runs, and back.
    await applied(gateway, async () => {
      await gateway.write('passed.yaml', passed('true'));
    });

    assert.equal((await handshake({ port, servername: 'passed.example.com' })).serial, theirs.serial);
    assert.equal((await handshake({ port, servername: 'PASSED.example.com' })).serial, theirs.serial);
    assert.equal((await handshake({ port, servername: 'normal.example.com' })).serial, own.serial);
    assert.notEqual((await handshake({ port })).serial, theirs.serial);
    const raw = JSON.parse(await overTls({ port, host: 'passed.example.com', from: '127.0.0.2' })) as Echo;
    assert.equal(raw.backend, 'secure');
    assert.deepEqual(raw.headers, { host: 'passed.example.com' });
    const ended = JSON.parse(await overTls({ port, host: 'normal.example.com', from: '127.0.0.2' })) as Echo;
    assert.equal(ended.backend, 'normal');
    assert.equal(ended.headers['x-real-ip'], '127.0.0.2');
    assert.equal(ended.headers['x-forwarded-for'], '127.0.0.2');
    assert.equal(ended.headers['x-forwarded-proto'], 'https');
    assert.equal(ended.headers['x-forwarded-port'], '443');
    assert.equal((await gateway.get('normal.example.com')).status, 308);
    // The socket behind stream has no port of its own.
    const www = request({
      host: '127.0.0.1',
      port,
      servername: 'www.normal.example.com',
      rejectUnauthorized: false,
    });
    www.setHeader('host', 'www.normal.example.com').end();
    const [redirect] = (await once(www, 'response')) as [IncomingMessage];
    redirect.resume();
    assert.equal(redirect.headers.location, 'https://normal.example.com:443');
    const log = path.join(gateway.stateDir, 'logs/stream.log');
    await eventually('the session is logged with the address of its client', async () => {
      return (await readFile(log, 'utf8')).includes('[127.0.0.2]');
    });

    await applied(gateway, async () => {
      await gateway.write('options.yaml', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'options', namespace: 'default' },
        data: {
          'use-proxy-protocol': 'true',
          'proxy-real-ip-cidr': '127.0.0.0/8',
          'proxy-protocol-header-timeout': '1s',
        },
      });
    });
    const proxyHeader = 'PROXY TCP4 192.0.2.7 198.51.100.9 4711 443\r\n';
    const proxied = JSON.parse(await overTls({ port, host: 'normal.example.com', proxyHeader })) as Echo;
    assert.equal(proxied.headers['x-real-ip'], '192.0.2.7');
    const rawToo = JSON.parse(await overTls({ port, host: 'passed.example.com', proxyHeader })) as Echo;
    assert.equal(rawToo.backend, 'secure');
    // Without the option nginx waits for half a minute.
    const silent = connectTcp({ host: '127.0.0.1', port });
    silent.resume();
    await once(silent, 'close', { signal: AbortSignal.timeout(25_000) });

    await applied(gateway, async () => {
      await gateway.remove('options.yaml');
      await gateway.write('passed.yaml', passed('false'));
    });
    await eventually('TLS of the host ends here again', async () => {
      // An old worker of stream may have taken the connection while its way to http goes away.
      const found = await handshake({ port, servername: 'passed.example.com' }).catch(() => null);
      return found !== null && found.serial !== theirs.serial;
    });
    await eventually('so does that of the other host', async () => {
      const found = await handshake({ port, servername: 'normal.example.com' }).catch(() => null);
      return found?.serial === own.serial;
    });
  },
);
