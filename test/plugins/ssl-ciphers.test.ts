import assert from 'node:assert/strict';
import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { https, makePair } from '../support/tls.ts';

const [small, large] = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'];

for (const binary of nginxBinaries()) {
  describe(`TLS of one host on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    /** The cipher that is agreed on with a client that would rather have the small one. */
    async function cipherOf(name: string): Promise<string> {
      const socket: TLSSocket = connect({
        host: '127.0.0.1',
        port: served.httpsPort,
        servername: `${name}.example.com`,
        maxVersion: 'TLSv1.2',
        ciphers: `${small}:${large}`,
        rejectUnauthorized: false,
      });
      await once(socket, 'secureConnect');
      const { name: cipher } = socket.getCipher();
      socket.destroy();
      return cipher;
    }

    before(async () => {
      const pair = await makePair({ names: ['*.example.com'] });
      const app = await startBackend(suite, 'app');
      const secure = await startBackend(suite, 'secure', undefined, { tls: pair });
      const tls = [
        { hosts: ['one.example.com', 'client.example.com', 'plain.example.com'], secretName: 'pair' },
      ];
      served = await serve(suite, binary, [
        annotated('plain', {}, 'app', { tls }),
        annotated('one', { 'ssl-ciphers': large }, 'app', { tls }),
        ingress('other', {
          host: 'one.example.com',
          paths: [{ path: '/other', service: 'app' }],
          annotations: { 'nginx.ingress.kubernetes.io/ssl-ciphers': small },
        }),
        annotated('without', { 'ssl-ciphers': large }),
        annotated(
          'client',
          { 'ssl-ciphers': `${large}:${small}`, 'ssl-prefer-server-ciphers': 'false' },
          'app',
          { tls },
        ),
        annotated('server', { 'ssl-ciphers': `${large}:${small}`, 'ssl-prefer-server-ciphers': 'true' }),
        annotated('bad', { 'ssl-ciphers': 'HIGH; return 200' }),
        annotated('auto', { 'backend-protocol': 'auto_http' }, 'secure'),
        annotated('auto-plain', { 'backend-protocol': 'AUTO_HTTP' }),
        tlsSecret('pair', pair),
        ...serviceOn('app', [app.port]),
        ...serviceOn('secure', [secure.port]),
      ]);
    });

    it('has the ciphers that its oldest Ingress asks for', async () => {
      assert.equal(await cipherOf('plain'), small);
      // Of equally old ones the first by descending name.
      assert.equal(await cipherOf('one'), small);
      assert.match(
        served.ingress('one').reasons.join('\n'),
        /has no effect: the value of Ingress\/default\/other holds/u,
      );
      assert.equal(await cipherOf('without'), large);
    });

    it('has the order of the client or that of the server', async () => {
      assert.equal(await cipherOf('client'), small);
      assert.equal(await cipherOf('server'), large);
    });

    it('is refused where the ciphers cannot be read', async () => {
      assert.equal((await served.request({ host: 'bad.example.com' })).status, 503);
      assert.equal(served.ingress('bad').state, 'rejected');
    });

    it('is spoken to backends too where the protocol is that of the client', async () => {
      const over = { port: served.httpsPort };
      assert.equal(
        (await https({ ...over, host: 'auto.example.com', servername: 'auto.example.com' })).status,
        200,
      );
      assert.equal((await served.request({ host: 'auto.example.com' })).status, 502);
      assert.equal((await served.request({ host: 'auto-plain.example.com', path: '/x?y' })).status, 200);
    });
  });
}
