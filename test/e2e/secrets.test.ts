import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { startBackend } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway } from '../support/gateway.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { everythingSaid, holdsNoSecret, piecesOf } from '../support/secret-scan.ts';
import { handshake, https, makePair, type Pair } from '../support/tls.ts';

interface ObjectVerdict {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

/** A Secret that is wrong, or odd, and the certificate that its host shows all the same; null for the default one. */
interface OddSecret {
  readonly secret: object;
  readonly shows: Pair | null;
}

function secret(data: unknown, more: object = {}): object {
  return { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', data, ...more };
}

function base64(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64');
}

function pem(cert: string | Uint8Array, key: string | Uint8Array): object {
  return secret({ 'tls.crt': base64(cert), 'tls.key': base64(key) });
}

function encrypted(key: string, format: 'pkcs8' | 'sec1'): string {
  return createPrivateKey(key)
    .export({ type: format, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' })
    .toString();
}

function damaged(cert: string): string {
  const der = Buffer.from(new X509Certificate(cert).raw);
  der.fill(0, 40, 80);
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

/** All names of `pair` that a client may ask for are `*.odd.example`. */
async function oddSecrets(pair: Pair, other: Pair): Promise<Record<string, OddSecret>> {
  const { cert, key } = pair;
  const names = ['*.odd.example'];
  const expired = await makePair({ names, days: -3 });
  const weak = await makePair({ names, rsaBits: 1024 });
  const ed25519 = generateKeyPairSync('ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const keyAsPublic = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  function unusable(...objects: object[]): OddSecret[] {
    return objects.map((one) => ({ secret: one, shows: null }));
  }
  function usable(one: object, shows: Pair = pair): OddSecret {
    return { secret: one, shows };
  }
  const all: Record<string, OddSecret | OddSecret[]> = {
    swapped: unusable(pem(key, cert)),
    'other-pair': unusable(pem(other.cert, key), pem(cert, other.key), pem(cert, ed25519)),
    truncated: unusable(
      pem(cert.slice(0, 300), key),
      pem(cert, key.slice(0, 90)),
      pem(cert.slice(0, -30), key),
    ),
    empty: unusable(pem('', key), pem(cert, ''), pem('\n\n', '\n\n'), pem(' ', key)),
    missing: unusable(
      secret({ 'tls.key': base64(key) }),
      secret({ 'tls.crt': base64(cert) }),
      secret({ 'TLS.CRT': base64(cert), 'TLS.KEY': base64(key) }),
      secret({}),
      secret(null),
    ),
    'wrong-type': unusable(
      secret('all'),
      secret([base64(cert), base64(key)]),
      secret({ 'tls.crt': 7, 'tls.key': true }),
      secret({ 'tls.crt': null, 'tls.key': null }),
      secret({ 'tls.crt': { pem: cert }, 'tls.key': [key] }),
    ),
    'not-base64': unusable(
      secret({ 'tls.crt': cert, 'tls.key': key }),
      secret({ 'tls.crt': '%%%', 'tls.key': '%%%' }),
      secret({ 'tls.crt': base64(base64(cert)), 'tls.key': base64(base64(key)) }),
    ),
    encrypted: unusable(pem(cert, encrypted(key, 'pkcs8')), pem(cert, encrypted(key, 'sec1'))),
    binary: unusable(
      pem(new X509Certificate(cert).raw, key),
      pem(Buffer.alloc(2000, 255), key),
      pem(cert, Buffer.alloc(2000)),
      pem('A'.repeat(700_000), key),
    ),
    'other-blocks': unusable(
      pem(keyAsPublic, key),
      pem(cert, keyAsPublic),
      pem(cert, `${key}\n${other.key}`),
      pem(cert.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'), key),
      pem(cert, key.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY')),
    ),
    damaged: unusable(
      pem(damaged(cert), key),
      pem(cert.replaceAll('\n', ' '), key),
      pem(`${cert}\n`.repeat(25), key),
      pem(cert.trimEnd() + cert, key),
    ),
    weak: unusable(pem(weak.cert, weak.key)),
    crlf: usable(pem(cert.replaceAll('\n', '\r\n'), key.replaceAll('\n', '\r\n'))),
    bom: usable(pem(`\ufeff${cert}`, `\ufeff${key}`)),
    wordy: usable(pem(`Bag Attributes\n  name: x\n${cert}\n}; server { listen 1; }`, `# key\n${key}`)),
    twice: usable(pem(`${cert}\n${cert}`, key)),
    'key-beside': usable(pem(`${cert}\n${key}`, key)),
    opaque: usable({ ...pem(cert, key), type: 'Opaque' }),
    expired: usable(pem(expired.cert, expired.key), expired),
    'string-data': usable(secret(undefined, { stringData: { 'tls.crt': cert, 'tls.key': key } })),
  };
  const named: Record<string, OddSecret> = {};
  for (const [name, found] of Object.entries(all)) {
    for (const [index, one] of [found].flat().entries()) {
      named[`${name}-${index}`] = one;
    }
  }
  return named;
}

onEveryNginx('Secrets of every sort', async (t, nginx) => {
  const backend = await startBackend(t, 'web');
  const pair = await makePair({ names: ['*.odd.example'] });
  const other = await makePair({ names: ['*.odd.example'] });
  const good = await makePair({ names: ['good.example'] });
  const odd = await oddSecrets(pair, other);
  const names = Object.keys(odd);
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'web.json': serviceOn('web', [backend.port]),
      'good.json': [tlsSecret('good', good), secure('good', 'good.example', 'good')],
    },
  });
  await applied(gateway, async () => {
    await gateway.write(
      'secrets.json',
      names.map((name) => ({ ...odd[name]?.secret, metadata: { name, namespace: 'default' } })),
    );
    await gateway.write(
      'ingresses.json',
      names.map((name) => secure(name, `${name}.odd.example`, name)),
    );
  });

  await t.test(`${names.length} odd Secrets leave every host served`, async () => {
    const ofDefault = (await handshake({ port: gateway.httpsPort, servername: 'nobody.example' })).serial;
    assert.equal(
      (await handshake({ port: gateway.httpsPort, servername: 'good.example' })).serial,
      good.serial,
    );
    for (const [name, { shows }] of Object.entries(odd)) {
      const host = `${name}.odd.example`;
      assert.equal((await https({ port: gateway.httpsPort, host })).status, 200, name);
      const shown = await handshake({ port: gateway.httpsPort, servername: host });
      assert.equal(shown.serial, shows?.serial ?? ofDefault, name);
    }
  });

  await t.test('each is told by object, field and remedy', async () => {
    const verdicts = (await gateway.debug('/debug/objects')) as ObjectVerdict[];
    for (const [name, { shows }] of Object.entries(odd)) {
      const ofSecret = verdicts.find((one) => one.kind === 'Secret' && one.name === name);
      const ofIngress = verdicts.find((one) => one.kind === 'Ingress' && one.name === name);
      assert.ok(ofIngress, name);
      if (shows === null) {
        assert.equal(ofSecret?.state, 'rejected', `${name} ${JSON.stringify([ofSecret, ofIngress])}`);
        assert.match(ofSecret.reasons[0]?.field ?? '', /^(?:data|stringData)/u, name);
        assert.ok((ofSecret.reasons[0]?.message ?? '').length > 20, name);
        assert.equal(ofIngress.state, 'served-with-difference', name);
        assert.equal(ofIngress.reasons[0]?.field, 'spec.tls[0].secretName', name);
        assert.match(ofIngress.reasons[0].message, /the default certificate answers/u, name);
      } else {
        assert.notEqual(ofSecret?.state, 'rejected', `${name} ${JSON.stringify(ofSecret)}`);
      }
    }
  });

  await t.test('no key is ever shown', async () => {
    await applied(gateway, async () => {
      await gateway.write('more.json', secure('more', 'more.odd.example', 'opaque-0'));
      await gateway.write(
        'broken.yaml',
        `kind: Secret\nstringData:\n  tls.key: |\n    ${good.key.replaceAll('\n', '\n   ')}`,
      );
    });
    const keys = [pair.key, other.key, good.key].flatMap(piecesOf);
    holdsNoSecret(await everythingSaid(gateway), keys);
  });
});

function secure(name: string, host: string, secretName: string): object {
  return ingress(name, { host, tls: [{ hosts: [host], secretName }], paths: [{ service: 'web' }] });
}
