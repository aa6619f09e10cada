import assert from 'node:assert/strict';
import type { TLSSocket } from 'node:tls';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { makePair } from '../support/tls.ts';

/** A Secret with these entries. */
function secret(name: string, entries: Readonly<Record<string, string>>, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: entries };
}

const verified = {
  'proxy-ssl-secret': 'default/good',
  'proxy-ssl-verify': 'on',
  'proxy-ssl-name': 'backend.test',
};

/** By name: annotations beside backend-protocol, status. */
const cases: Readonly<Record<string, readonly [Readonly<Record<string, string>>, number]>> = {
  unchecked: [{ 'proxy-ssl-secret': 'default/good' }, 200],
  checked: [verified, 200],
  'named-by-request': [{ ...verified, 'proxy-ssl-name': '$http_x_name' }, 502],
  'checked-tls13': [
    { ...verified, 'proxy-ssl-protocols': 'TLSv1.2 TLSv1.3', 'proxy-ssl-server-name': 'on' },
    200,
  ],
  'wrong-name': [{ ...verified, 'proxy-ssl-name': 'other.test' }, 502],
  'wrong-authority': [{ ...verified, 'proxy-ssl-secret': 'default/stranger' }, 502],
  missing: [{ ...verified, 'proxy-ssl-secret': 'default/none' }, 503],
  'other-namespace': [{ ...verified, 'proxy-ssl-secret': 'other/good' }, 503],
  'no-namespace': [{ ...verified, 'proxy-ssl-secret': 'good' }, 503],
  'empty-secret': [{ ...verified, 'proxy-ssl-secret': 'default/empty' }, 503],
  'damaged-authority': [{ ...verified, 'proxy-ssl-secret': 'default/damaged' }, 503],
  'no-authority': [{ ...verified, 'proxy-ssl-secret': 'default/pair-only' }, 503],
  'mismatched-pair': [{ ...verified, 'proxy-ssl-secret': 'default/mismatched' }, 503],
  'verify-alone': [{ 'proxy-ssl-verify': 'on' }, 503],
  'verify-odd': [{ ...verified, 'proxy-ssl-verify': 'yes' }, 503],
  'name-odd': [{ ...verified, 'proxy-ssl-name': 'backend test' }, 503],
  'reference-odd': [{ ...verified, 'proxy-ssl-secret': 'a b' }, 503],
};

for (const binary of nginxBinaries()) {
  describe(`TLS to backends by nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      const pair = await makePair({ names: ['backend.test'] });
      const stranger = await makePair({ names: ['backend.test'] });
      const client = await makePair({ names: ['client.test'] });
      const own = { 'tls.crt': client.cert, 'tls.key': client.key };
      backend = await startBackend(suite, 'app', undefined, {
        tls: { cert: pair.cert, key: pair.key, requestCert: true, rejectUnauthorized: false },
      });
      served = await serve(suite, binary, [
        ...Object.entries(cases).map(([name, [annotations]]) =>
          annotated(name, { ...annotations, 'backend-protocol': 'HTTPS' }),
        ),
        secret('good', { 'ca.crt': pair.cert, ...own }),
        secret('good', { 'ca.crt': pair.cert }, 'other'),
        secret('stranger', { 'ca.crt': stranger.cert }),
        secret('empty', {}),
        secret('damaged', { 'ca.crt': pair.cert.replace(/\n.{20}/u, `\n${'x'.repeat(20)}`) }),
        secret('pair-only', own),
        secret('mismatched', { 'ca.crt': pair.cert, 'tls.crt': client.cert, 'tls.key': pair.key }),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    for (const [name, [, status]] of Object.entries(cases)) {
      it(`${name}: ${status}`, async () => {
        const seenBefore = backend.seen.length;

        const answer = await served.request({ host: `${name}.example.com` });

        assert.equal(answer.status, status);
        assert.equal(backend.seen.length - seenBefore, status === 200 ? 1 : 0);
        if (status === 503) {
          assert.match(served.ingress(name).reasons.join(), /proxy-ssl-\w+"\]: .+/u);
        }
      });
    }

    it('shows a certificate of its own, and asks for the name', async () => {
      const shown = new Promise<{ subject: string; servername: string | false | undefined }>((resolve) => {
        backend.server.once('request', ({ socket }) => {
          const tls = socket as TLSSocket & { servername?: string | false };
          resolve({ subject: tls.getPeerCertificate().subjectaltname ?? '', servername: tls.servername });
        });
      });
      const answer = await served.request({ host: 'checked-tls13.example.com' });

      assert.equal(answer.status, 200);
      assert.deepEqual(await shown, { subject: 'DNS:client.test', servername: 'backend.test' });
    });

    it('tells what is missing, and the key to nobody', () => {
      assert.match(served.ingress('other-namespace').reasons.join(), /another namespace than the Ingress/u);
      assert.match(served.ingress('no-namespace').reasons.join(), /write namespace\/name/u);
      assert.match(served.ingress('damaged-authority').reasons.join(), /ca\.crt cannot be read/u);
      assert.doesNotMatch(JSON.stringify(served.verdicts), /PRIVATE/u);
    });
  });
}
