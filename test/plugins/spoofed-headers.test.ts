import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { sendRaw } from '../support/raw-http.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

/** Backends take them for those of a proxy. */
const ofProxies = [
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
];
const sent = Object.fromEntries(ofProxies.map((name) => [name, `spoofed ${name}`]));

/** A Host header of a client, and what of it counts. */
const hosts: readonly [string, string][] = [
  ['root.example.com', 'root.example.com'],
  ['root.example.com:8080', 'root.example.com:8080'],
  ['ROOT.example.com', 'ROOT.example.com'],
  ['root.example.com:80@evil.com', 'root.example.com'],
  ['root.example.com:x', 'root.example.com'],
  ['root.example.com:80\'"', 'root.example.com'],
];

function options(data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'gateway' }, data };
}

for (const binary of nginxBinaries()) {
  describe(`what clients say about themselves to nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    const served: Record<string, Served> = {};

    before(async () => {
      backend = await startBackend(suite, 'app');
      const worlds = {
        plain: {},
        trusting: { 'use-forwarded-headers': 'true', 'proxy-real-ip-cidr': '127.0.0.1' },
        distrusting: { 'use-forwarded-headers': 'true', 'proxy-real-ip-cidr': '192.0.2.1' },
        original: { 'proxy-add-original-uri-header': 'true' },
      };
      for (const [name, data] of Object.entries(worlds)) {
        served[name] = await serve(
          suite,
          binary,
          [
            options(data),
            annotated('app', {}),
            annotated('root', { 'app-root': '/start' }),
            annotated('own', { 'rewrite-target': '/$1', 'x-forwarded-prefix': '/own' }, 'app', {
              paths: [{ path: '/(.*)', service: 'app' }],
            }),
            ...serviceOn('app', [backend.port]),
          ],
          { optionsConfigMap: 'gateway/options' },
        );
      }
    });

    async function seen(world: string, host = 'app'): Promise<Record<string, unknown>> {
      const answer = await served[world]?.request({ host: `${host}.example.com`, path: '/x', headers: sent });
      assert.equal(answer?.status, 200);
      const headers = backend.seen.at(-1)?.headers ?? {};
      return Object.fromEntries(
        ofProxies.flatMap((name) => (name in headers ? [[name, headers[name]]] : [])),
      );
    }

    it('never reaches backends, but from trusted proxies', async () => {
      assert.deepEqual(await seen('plain'), {});
      assert.deepEqual(await seen('distrusting'), {});
      assert.deepEqual(await seen('trusting'), sent);
    });

    it('stands back behind what the gateway says', async () => {
      assert.deepEqual(await seen('original'), { 'x-original-uri': '/x' });
      assert.deepEqual(await seen('plain', 'own'), { 'x-forwarded-prefix': '/own' });
    });

    for (const [host, counts] of hosts) {
      it(`counts as the host ${counts} where it is ${host}`, async () => {
        const answer = await sendRaw(
          served['plain']?.port ?? 0,
          `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        );

        // Newer ones refuse a Host that is none.
        if (answer.status !== 400) {
          assert.equal(answer.status, 302);
          assert.deepEqual(
            answer.headers.filter(([name]) => name === 'location'),
            [['location', `http://${counts}/start`]],
          );
        } else {
          assert.notEqual(host, counts);
        }
      });
    }

    it('counts as the host of an absolute request line', async () => {
      for (const [line, location] of [
        ['http://root.example.com:81/', 'http://root.example.com:81/start'],
        ['http://root.example.com:80@evil.com/', null],
      ] as const) {
        const answer = await sendRaw(
          served['plain']?.port ?? 0,
          `GET ${line} HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n`,
        );
        const [found] = answer.headers.filter(([name]) => name === 'location');
        assert.ok(
          location === null ? answer.status === 400 : found?.[1] === location,
          JSON.stringify(answer),
        );
      }
    });
  });
}
