import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { token } from '../../src/model/token.ts';
import type { RouteContext } from '../../src/plugins/context.ts';
import { pluginApi, type UserDefinition } from '../../src/plugins/user/api.ts';
import { Marker, markerMemory } from '../../src/plugins/user/marker.ts';
import { userPlugin } from '../../src/plugins/user/plugin.ts';
import { annotated } from '../support/annotated.ts';
import { startByteBackend, type ByteBackend } from '../support/byte-backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { sendRaw } from '../support/raw-http.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

/** Say where a message ends, or hold for one connection. */
const forbidden = [
  'Content-Length',
  'transfer-encoding',
  'Transfer_Encoding',
  'Connection',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Upgrade',
  'Expect',
  'Proxy-Connection',
  'HTTP2-Settings',
  'Host',
];

const service = 'http://auth.security.svc.cluster.local';

function configMap(name: string, namespace: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

function hostOf(way: string, header: string): string {
  return `${way}-${header.toLowerCase().replaceAll('_', '--')}`;
}

/** Each way in which somebody sets a header, for each header that nobody may set. */
const attempts = forbidden.flatMap((header) => [
  annotated(hostOf('answered', header), {
    'auth-url': `${service}/allow`,
    'auth-response-headers': `X-User, ${header}`,
  }),
  annotated(hostOf('asked', header), {
    'auth-url': `${service}/allow`,
    'auth-proxy-set-headers': `default/${hostOf('evil', header)}`,
  }),
  annotated(hostOf('custom', header), { 'custom-headers': `default/${hostOf('evil', header)}` }),
  configMap(hostOf('evil', header), 'default', { [header]: '68' }),
]);

const user = {
  name: 'mine',
  slots: new Set<string>(),
  marker: new Marker(markerMemory()),
  onFailure: () => undefined,
};

describe("headers that no user's plugin may set", () => {
  for (const header of forbidden) {
    it(`are refused where ${header} is made, read or returned`, () => {
      const { make, parse } = pluginApi;
      const value = make.text('3');
      const name = token('header-name', header);
      const definition: UserDefinition = { route: () => ({ requestHeaders: [{ name, value }] }) };
      const plugin = userPlugin({ ...user, definition });

      assert.throws(() => make.requestHeader(header, value), /is set by/u);
      assert.throws(() => make.responseHeader(header, value), /is set by/u);
      assert.match(JSON.stringify(parse.headerName(header)), /is set by/u);
      assert.throws(
        () => plugin.route?.({ settings: {}, given: [] } as unknown as RouteContext),
        /is set by/u,
      );
    });
  }
});

for (const binary of nginxBinaries()) {
  describe(`headers that nobody may set, on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: ByteBackend;
    let auth: ByteBackend;
    let served: Served;

    before(async () => {
      backend = await startByteBackend(suite, () => 200);
      auth = await startByteBackend(suite, (head) => (head.startsWith('GET /allow') ? 200 : 401));
      served = await serve(
        suite,
        binary,
        [
          ...attempts,
          annotated('victim', { 'auth-url': `${service}/check` }, 'app', { namespace: 'security' }),
          annotated('neighbour', { 'auth-url': `${service}/allow` }),
          annotated('other', { 'auth-url': `${service}/allow`, 'auth-proxy-set-headers': 'default/fine' }),
          annotated('plain', {}),
          configMap('fine', 'default', { 'X-Fine': 'yes' }),
          configMap('options', 'gateway', {
            'proxy-set-headers': 'gateway/all',
            'add-headers': 'gateway/all',
            'global-allowed-response-headers': forbidden.join(),
          }),
          configMap('all', 'gateway', {
            'X-All': 'fine',
            ...Object.fromEntries(forbidden.map((name) => [name, '3'])),
          }),
          ...serviceOn('app', [backend.port]),
          ...serviceOn('app', [backend.port], 'security'),
          ...serviceOn('auth', [auth.port], 'security'),
        ],
        { optionsConfigMap: 'gateway/options' },
      );
    });

    for (const header of forbidden) {
      for (const way of ['answered', 'asked', 'custom']) {
        it(`keep the route closed that sets ${header} (${way})`, async () => {
          const name = hostOf(way, header);
          const seen = [backend.connections.length, auth.connections.length];

          assert.equal((await served.request({ host: `${name}.example.com` })).status, 503);

          assert.deepEqual([backend.connections.length, auth.connections.length], seen);
          const { reasons } = served.ingress(name);
          const why = header === 'Host' ? /upstream-vhost alone/u : /set by the gateway alone: leave it out/u;
          assert.match(reasons.join('\n'), why);
          assert.ok(reasons.join('\n').includes(header));
        });
      }
    }

    it('are left out of the headers of all routes, and told on their ConfigMap', async () => {
      const answer = await served.request({ host: 'plain.example.com' });

      assert.equal(answer.headers['x-all'], 'fine');
      assert.equal(answer.headers['content-length'], '2');
      const heads = backend.connections.join('');
      assert.match(heads, /^X-All: fine\r$/mu);
      assert.doesNotMatch(heads, /^(?:content-length|transfer.encoding|te|trailer|expect): *3/imu);
      const all = served.verdicts.find(({ kind, name }) => kind === 'ConfigMap' && name === 'all');
      assert.equal(all?.reasons.filter(({ message }) => /is set by/u.test(message)).length, forbidden.length);
    });

    it('cannot put a question into that of another namespace', async () => {
      // What the second line of this would have been: a question of its own, which the service allows.
      const smuggled = 'GET /allow HTTP/1.1\r\nHost: x\r\n\r\n';
      for (let round = 0; round < 8; round += 1) {
        await sendRaw(
          served.port,
          `POST / HTTP/1.1\r\nHost: ${hostOf('asked', 'Content-Length')}.example.com\r\nConnection: close\r\n` +
            `Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
        );
        const answer = await served.request({
          host: 'victim.example.com',
          headers: { 'x-request-id': 'GET /allow HTTP/1.0' },
        });
        assert.equal(answer.status, 401);
      }
    });

    it('share no connection with questions of another namespace, or of other headers', async () => {
      for (let round = 0; round < 4; round += 1) {
        await served.request({ host: 'victim.example.com' });
        await served.request({ host: 'neighbour.example.com' });
        await served.request({ host: 'other.example.com' });
      }

      const hosts = auth.connections.map((bytes) => [
        ...new Set([...bytes.matchAll(/^X-Original-URL: http:\/\/([a-z]+)/gimu)].map((match) => match[1])),
      ]);
      assert.deepEqual(
        hosts.filter((names) => names.length > 1),
        [],
      );
      for (const name of ['victim', 'neighbour', 'other']) {
        assert.ok(hosts.some(([only]) => only === name));
      }
    });
  });
}
