import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Secret } from '../../src/cluster/objects.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { ecKey, makeCertificate, rsaKey, type MadeCertificate } from './certificates.ts';
import { app, ingress, now, run, secret, serverOf, verdictOf, type RunOptions } from './world.ts';

const host = 'a.example.com';
const rules = { [host]: ['Prefix / a:80'] };

function tlsSecret(name: string, { pem, keyPem }: Pick<MadeCertificate, 'pem' | 'keyPem'>): Secret {
  return secret(name, { 'tls.crt': pem, 'tls.key': keyPem });
}

const good = makeCertificate({ commonName: host, names: [host] });

function runOne(given: Secret | null, options: RunOptions = {}): Translation {
  const tls = [{ hosts: [host], secretName: 's' }];
  return run([...app('a'), ...(given === null ? [] : [given]), ingress('i', { rules, tls })], options);
}

function contentOf({ model }: Translation, name: string): string | null {
  const wanted = serverOf({ model } as Translation, name).certificate?.path.text;
  return model.files.find(({ path }) => wanted === `/state/${path}`)?.content ?? null;
}

describe('Secrets that cannot be used', () => {
  const other = makeCertificate();
  const cases: readonly { of: string; data: Readonly<Record<string, string>>; says: RegExp }[] = [
    { of: 'a missing certificate', data: { 'tls.key': good.keyPem }, says: /tls\.crt.*is missing/u },
    { of: 'a missing key', data: { 'tls.crt': good.pem }, says: /tls\.key.*is missing/u },
    {
      of: 'a key of another certificate',
      data: { 'tls.crt': good.pem, 'tls.key': other.keyPem },
      says: /tls\.key.*is not the key of the certificate/u,
    },
    {
      of: 'a chain whose first certificate is not the one of the key',
      data: { 'tls.crt': other.pem + good.pem, 'tls.key': good.keyPem },
      says: /is the key of certificate number 2 in tls\.crt: put that certificate first/u,
    },
    {
      of: 'a certificate cut off',
      data: { 'tls.crt': good.pem.slice(0, -40), 'tls.key': good.keyPem },
      says: /tls\.crt.*is cut off/u,
    },
    {
      of: 'a damaged certificate',
      data: { 'tls.crt': good.pem.replace(/\n.{20}/u, '\nAAAA'), 'tls.key': good.keyPem },
      says: /its first certificate is damaged/u,
    },
    {
      of: 'no PEM at all',
      data: { 'tls.crt': 'hello', 'tls.key': good.keyPem },
      says: /has no "-----BEGIN CERTIFICATE/u,
    },
    {
      of: 'an encrypted key',
      data: {
        'tls.crt': good.pem,
        'tls.key': ecKey()
          .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'geheim' })
          .toString(),
      },
      says: /tls\.key.*is encrypted/u,
    },
    {
      of: 'a key encrypted in the old form',
      data: {
        'tls.crt': good.pem,
        'tls.key': rsaKey(2048)
          .export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'geheim' })
          .toString(),
      },
      says: /tls\.key.*is encrypted/u,
    },
    {
      of: 'a certificate in the place of the key',
      data: { 'tls.crt': good.pem, 'tls.key': good.pem },
      says: /tls\.key.*has no "-----BEGIN PRIVATE KEY/u,
    },
    {
      of: 'an RSA key that OpenSSL finds too small',
      data: dataOf(makeCertificate({ key: rsaKey(1024), names: [host] })),
      says: /an RSA key of 1024 bits/u,
    },
    {
      of: 'a curve that OpenSSL finds too small',
      data: dataOf(makeCertificate({ key: ecKey('prime192v1'), names: [host] })),
      says: /the elliptic curve prime192v1/u,
    },
    {
      of: 'a key that no client can use',
      data: dataOf(
        makeCertificate({
          key: generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey,
        }),
      ),
      says: /tls\.crt/u,
    },
    {
      of: 'a signature with SHA-1 by somebody else',
      data: dataOf(makeCertificate({ issuer: makeCertificate({ key: rsaKey(2048) }), hash: 'sha1' })),
      says: /is signed with sha1/u,
    },
  ];
  for (const { of, data, says } of cases) {
    it(`refuses ${of} and answers with the default certificate`, () => {
      const result = runOne(secret('s', data));

      assert.equal(serverOf(result, host).certificate, null);
      assert.equal(verdictOf(result, 'Secret/default/s').state, 'rejected');
      assert.match(verdictOf(result, 'Secret/default/s').reasons.join(), says);
      const onIngress = verdictOf(result, 'Ingress/default/i');
      assert.equal(onIngress.state, 'served-with-difference');
      assert.match(onIngress.reasons.join(), /spec\.tls\[0\]\.secretName: Secret "s" cannot be used/u);
      assert.match(onIngress.reasons.join(), /the default certificate answers/u);
    });
  }

  it('tells a Secret that does not exist, one for other hosts, and one in quarantine', () => {
    const missing = runOne(null);
    const unfit = runOne(tlsSecret('s', makeCertificate({ commonName: host, names: ['b.example.com'] })));
    const quarantined = runOne(tlsSecret('s', good), { quarantine: { 'Secret/default/s': 'broke nginx' } });

    assert.match(
      verdictOf(missing, 'Ingress/default/i').reasons.join(),
      /Secret "s" does not exist in namespace "default": create it/u,
    );
    assert.match(verdictOf(unfit, 'Ingress/default/i').reasons.join(), /is not valid for a\.example\.com/u);
    assert.match(verdictOf(quarantined, 'Ingress/default/i').reasons.join(), /is quarantined: broke nginx/u);
    assert.equal(verdictOf(quarantined, 'Secret/default/s').state, 'quarantined');
    for (const result of [missing, unfit, quarantined]) {
      assert.equal(serverOf(result, host).certificate, null);
    }
  });
});

describe('Secrets that are odd but can be used', () => {
  it('forgives a byte order mark, CR LF, indentation and text around the blocks', () => {
    const untidy = `\uFEFFsubject: x\r\n${good.pem.replaceAll('\n', '\r\n  ')}\r\n`;

    const result = runOne(
      secret('s', { 'tls.crt': untidy, 'tls.key': `\r\n${good.keyPem.replaceAll('\n', '\r\n')}` }),
    );

    assert.equal(contentOf(result, host), good.pem + good.keyPem);
  });

  it('takes the common name where there are no alternative names, if an entry lists the host', () => {
    const old = tlsSecret('s', makeCertificate({ commonName: host }));
    const unlisted = ingress('i', { rules, tls: [{ hosts: [], secretName: 's' }] });

    assert.notEqual(serverOf(runOne(old), host).certificate, null);
    assert.equal(serverOf(run([...app('a'), old, unlisted]), host).certificate, null);
  });

  it('takes a key on every usual kind', () => {
    const keys = [rsaKey(2048), ecKey('secp384r1'), generateKeyPairSync('ed25519').privateKey];
    for (const key of keys) {
      const result = runOne(tlsSecret('s', makeCertificate({ key, names: [host] })));
      assert.notEqual(serverOf(result, host).certificate, null, key.asymmetricKeyType ?? '');
    }
  });

  it('serves the chain as it stands and tells a wrong order', () => {
    const root = makeCertificate({ commonName: 'root' });
    const stranger = makeCertificate({ commonName: 'stranger' });
    const leaf = makeCertificate({ commonName: host, names: [host], issuer: root });
    const ordered = runOne(secret('s', { 'tls.crt': leaf.pem + root.pem, 'tls.key': leaf.keyPem }));
    const mixed = runOne(
      secret('s', { 'tls.crt': leaf.pem + stranger.pem + root.pem, 'tls.key': leaf.keyPem }),
    );

    assert.equal(contentOf(ordered, host), leaf.pem + root.pem + leaf.keyPem);
    assert.deepEqual(verdictOf(ordered, 'Secret/default/s').reasons, []);
    assert.match(
      verdictOf(mixed, 'Secret/default/s').reasons.join(),
      /certificate number 2 did not issue number 1/u,
    );
  });

  it('tells dates by the given day, on the Secret and on the Ingress', () => {
    const dated = makeCertificate({ names: [host], notBefore: now, notAfter: now + 20 * 86_400_000 });
    const states = [-3, 0, 15, 21].map((days) => {
      const result = runOne(tlsSecret('s', dated), { now: now + days * 86_400_000 });
      assert.notEqual(serverOf(result, host).certificate, null);
      return verdictOf(result, 'Secret/default/s');
    });

    assert.deepEqual(
      states.map(({ state }) => state),
      ['served-with-difference', 'served', 'served', 'served-with-difference'],
    );
    assert.match(states[0]?.reasons.join() ?? '', /not valid before 2026-01-01/u);
    assert.deepEqual(states[1]?.reasons, []);
    assert.match(states[2]?.reasons.join() ?? '', /expires on 2026-01-21: renew it/u);
    assert.match(states[3]?.reasons.join() ?? '', /expired on 2026-01-21: renew it/u);
  });
});

describe('what is said about Secrets', () => {
  it('never holds a line of their content', () => {
    const secretLines = [good.keyPem, good.pem].flatMap((pem) =>
      pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-')),
    );
    const results = [
      runOne(tlsSecret('s', good)),
      runOne(secret('s', { 'tls.crt': good.keyPem, 'tls.key': good.pem })),
      runOne(secret('s', { 'tls.crt': good.pem, 'tls.key': good.keyPem.replace('M', '%') })),
      runOne(
        secret('s', {
          'tls.crt': `x${good.keyPem.replaceAll('-', '')}`,
          'tls.key': '-----BEGIN PRIVATE KEY-----',
        }),
      ),
    ];
    for (const { verdicts } of results) {
      const said = JSON.stringify(verdicts);
      assert.deepEqual(
        secretLines.filter((line) => said.includes(line)),
        [],
      );
    }
  });
});

function dataOf({ pem, keyPem }: MadeCertificate): Record<string, string> {
  return { 'tls.crt': pem, 'tls.key': keyPem };
}
