import assert from 'node:assert/strict';
import { createDiffieHellmanGroup } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type EphemeralKeyInfo } from 'node:tls';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { serviceOn, tlsSecret } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { makePair } from '../support/tls.ts';

type Data = Readonly<Record<string, string>>;

async function serveWith(
  t: TestContext,
  binary: NginxBinary,
  data: Data,
  objects: readonly object[],
): Promise<Served> {
  const options = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'options', namespace: 'default' },
    data,
  };
  return await serve(t, binary, [options, ...objects], { optionsConfigMap: 'default/options' });
}

/** The lines of the access log, once there are so many. */
async function logged(served: Served, count: number): Promise<string[]> {
  const log = path.join(stateDirOf(served), 'logs/access.log');
  for (let tries = 0; ; tries += 1) {
    const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
    if (lines.length >= count || tries > 400) {
      return lines;
    }
    await sleep(50);
  }
}

function stateDirOf({ text }: Served): string {
  return /pid (\S+)\/run\/nginx\.pid;/u.exec(text)?.[1] ?? '';
}

/** DER of a length and a content. */
function der(tag: number, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const bytes = length.subarray(length.findIndex((byte) => byte !== 0));
  const head = content.length < 128 ? [tag, content.length] : [tag, 0x80 + bytes.length, ...bytes];
  return Buffer.concat([Buffer.from(head), content]);
}

/** DH PARAMETERS of a well-known group, as `openssl dhparam` writes them. */
function dhParameters(group: string): string {
  const { prime, generator } = {
    prime: createDiffieHellmanGroup(group).getPrime(),
    generator: Buffer.from([2]),
  };
  const content = Buffer.concat([der(2, Buffer.concat([Buffer.from([0]), prime])), der(2, generator)]);
  const text = der(0x30, content).toString('base64').replaceAll(/.{64}/gu, '$&\n');
  return `-----BEGIN DH PARAMETERS-----\n${text}\n-----END DH PARAMETERS-----\n`;
}

for (const binary of nginxBinaries()) {
  describe(`global options on nginx ${binary.version}`, () => {
    it('correct what backends say of themselves, where an Ingress does not', async (t) => {
      const app = await startBackend(t, 'app', (_request, response) => {
        response.writeHead(302, {
          location: 'http://inner.example/a',
          'set-cookie': 'a=b; domain=inner.example; path=/inner/',
        });
        response.end();
      });
      const served = await serveWith(
        t,
        binary,
        {
          'proxy-cookie-domain': 'inner.example outer.example',
          'proxy-cookie-path': '/inner/ /',
          'proxy-redirect-from': 'http://inner.example/',
          'proxy-redirect-to': 'https://outer.example/',
        },
        [
          annotated('plain', {}),
          annotated('own', {
            'proxy-cookie-domain': 'off',
            'proxy-cookie-path': '/inner/ /own/',
            'proxy-redirect-from': 'off',
            'proxy-redirect-to': 'off',
          }),
          ...serviceOn('app', [app.port]),
        ],
      );

      const plain = await served.request({ host: 'plain.example.com' });
      assert.equal(plain.headers.location, 'https://outer.example/a');
      assert.match(String(plain.headers['set-cookie']), /domain=outer\.example; path=\/$/u);
      const own = await served.request({ host: 'own.example.com' });
      assert.equal(own.headers.location, 'http://inner.example/a');
      assert.match(String(own.headers['set-cookie']), /domain=inner\.example; path=\/own\/$/u);
    });

    it('count limits by another variable', async (t) => {
      const app = await startBackend(t, 'app');
      const limited = { 'limit-rpm': '1', 'limit-burst-multiplier': '0' };
      const served = await serveWith(t, binary, { 'limit-conn-zone-variable': '$http_x_key' }, [
        annotated('limited', limited),
        annotated('exempt', { ...limited, 'limit-allowlist': '127.0.0.1' }),
        ...serviceOn('app', [app.port]),
      ]);
      async function ask(name: string, key?: string): Promise<number> {
        const headers = key === undefined ? {} : { 'x-key': key };
        return (await served.request({ host: `${name}.example.com`, headers })).status;
      }

      assert.deepEqual([await ask('limited', 'a'), await ask('limited', 'a')], [200, 503]);
      assert.deepEqual([await ask('limited', 'b'), await ask('limited', 'b')], [200, 503]);
      assert.deepEqual([await ask('limited'), await ask('limited')], [200, 200]);
      assert.deepEqual([await ask('exempt', 'a'), await ask('exempt', 'a')], [200, 200]);
    });

    it('say which requests are logged', async (t) => {
      const app = await startBackend(t, 'app');
      const objects = [
        annotated('asked', { 'auth-url': 'http://app.default.svc/question' }),
        ...serviceOn('app', [app.port]),
      ];
      const format = { 'log-format-upstream': '$host $uri' };
      const usual = await serveWith(t, binary, format, objects);
      const other = await serveWith(
        t,
        binary,
        {
          ...format,
          'enable-auth-access-log': 'true',
          'enable-access-log-for-default-backend': 'false',
          'skip-access-log-urls': '/skipped',
        },
        objects,
      );
      for (const served of [usual, other]) {
        await served.request({ host: 'nobody.example.com', path: '/none' });
        await served.request({ host: 'asked.example.com', path: '/a' });
        await served.request({ host: 'asked.example.com', path: '/end' });
      }
      await other.request({ host: 'asked.example.com', path: '/skipped' });
      await other.request({ host: 'asked.example.com', path: '/last' });

      const usualLines = (await logged(usual, 4)).filter((line) => !line.startsWith('localhost'));
      assert.deepEqual(usualLines, [
        'nobody.example.com /none',
        'asked.example.com /a',
        'asked.example.com /end',
      ]);
      const otherLines = await logged(other, 6);
      assert.equal(otherLines.filter((line) => /\/none|\/skipped/u.test(line)).length, 0);
      assert.equal(otherLines.filter((line) => line.includes('/_cng/external-auth')).length, 3);
    });

    it('let DHE ciphers use the parameters of a Secret', async (t) => {
      const pair = await makePair({ names: ['dhe.example.com'], rsaBits: 2048 });
      const app = await startBackend(t, 'app');
      const objects = [
        annotated('dhe', {}, 'app', { tls: [{ hosts: ['dhe.example.com'], secretName: 'pair' }] }),
        tlsSecret('pair', pair),
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'dh', namespace: 'default' },
          stringData: { 'dhparam.pem': `a comment\n${dhParameters('modp15')}` },
        },
        ...serviceOn('app', [app.port]),
      ];
      const served = await serveWith(t, binary, { 'ssl-dh-param': 'default/dh' }, objects);

      const socket = connect({
        host: '127.0.0.1',
        port: served.httpsPort,
        servername: 'dhe.example.com',
        maxVersion: 'TLSv1.2',
        ciphers: 'DHE-RSA-AES128-GCM-SHA256',
        rejectUnauthorized: false,
      });
      await once(socket, 'secureConnect');
      const key = socket.getEphemeralKeyInfo() as EphemeralKeyInfo;
      socket.destroy();
      assert.deepEqual([key.type, key.size], ['DH', 3072]);

      for (const name of ['none', 'pair']) {
        const without = await serveWith(t, binary, { 'ssl-dh-param': `default/${name}` }, objects);
        const found = without.verdicts.find(({ kind, state }) => kind === 'ConfigMap' && state !== 'served');
        assert.match(found?.reasons[0]?.message ?? '', /none are used/u);
      }
    });

    it('let annotations name Secrets of other namespaces, where that is switched on', async (t) => {
      const app = await startBackend(t, 'app');
      const objects = [
        annotated('closed', { 'auth-type': 'basic', 'auth-secret': 'other/users' }),
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'users', namespace: 'other' },
          stringData: { auth: 'ada:{PLAIN}secret' },
        },
        ...serviceOn('app', [app.port]),
      ];
      const headers = { authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` };
      for (const [text, statuses] of [
        ['true', [401, 200]],
        ['false', [503, 503]],
      ] as const) {
        const served = await serveWith(t, binary, { 'allow-cross-namespace-resources': text }, objects);
        const without = await served.request({ host: 'closed.example.com' });
        const login = await served.request({ host: 'closed.example.com', headers });
        assert.deepEqual([without.status, login.status], statuses);
      }
    });

    it('tell backends what another header said of the host', async (t) => {
      const app = await startBackend(t, 'app');
      const served = await serveWith(
        t,
        binary,
        { 'forwarded-host-header': 'X-Outer-Host', 'forwarded-for-header': 'X-Outer-For' },
        [annotated('plain', {}), ...serviceOn('app', [app.port])],
      );

      const headers = {
        'x-outer-host': 'h',
        'x-outer-for': 'f',
        'x-forwarded-host': 'no',
        'x-forwarded-for': 'no',
      };
      await served.request({ host: 'plain.example.com', headers });

      const seen = app.seen.at(-1)?.headers ?? {};
      assert.equal(seen['x-original-forwarded-host'], 'h');
      assert.equal(seen['x-original-forwarded-for'], 'f');
    });

    it('are accepted where only the log or an authority could show their effect', async (t) => {
      const app = await startBackend(t, 'app');
      const pair = await makePair({ names: ['plain.example.com'] });
      const served = await serveWith(
        t,
        binary,
        { 'enable-ocsp': 'true', 'debug-connections': '127.0.0.1, 2001:db8::/32' },
        [
          annotated('plain', {}, 'app', { tls: [{ hosts: ['plain.example.com'], secretName: 'pair' }] }),
          tlsSecret('pair', pair),
          ...serviceOn('app', [app.port]),
        ],
      );

      assert.equal((await served.request({ host: 'plain.example.com' })).status, 308);
      assert.match(served.text, /\n {4}ssl_stapling on;/u);
      assert.match(
        served.text,
        /\n {4}debug_connection 127\.0\.0\.1;\n {4}debug_connection 2001:db8::\/32;/u,
      );
    });
  });
}
