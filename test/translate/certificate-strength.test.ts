import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseCertificatePair } from '../../src/model/certificate.ts';
import { SecretValue } from '../../src/model/secret-value.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';
import { ecKey, makeCertificate, rsaKey } from './certificates.ts';

const authority = makeCertificate({ commonName: 'authority', key: rsaKey(2048) });
const weakAuthority = makeCertificate({ commonName: 'weak', key: rsaKey(1024) });

interface Case {
  readonly of: string;
  readonly chain: string;
  readonly key: string;
  /** What we say; nginx must never refuse what we take. */
  readonly taken: boolean;
  /** Newer versions of OpenSSL take what older ones refuse: we refuse it for all. */
  readonly variesByVersion?: boolean;
}

function alone(of: string, taken: boolean, options: Parameters<typeof makeCertificate>[0]): Case {
  const made = makeCertificate(options);
  return { of, chain: made.pem, key: made.keyPem, taken };
}

const leafOfWeak = makeCertificate({ issuer: weakAuthority });
const leafOfSha1 = makeCertificate({ issuer: authority, hash: 'sha1' });
const intermediate = makeCertificate({ commonName: 'middle', issuer: authority, hash: 'sha1' });
const leafOfIntermediate = makeCertificate({ issuer: intermediate });

const cases: readonly Case[] = [
  alone('RSA of 1024 bits', false, { key: rsaKey(1024) }),
  alone('RSA of 1952 bits', false, { key: rsaKey(1952) }),
  alone('RSA of 1984 bits', true, { key: rsaKey(1984) }),
  alone('RSA of 2048 bits', true, { key: rsaKey(2048) }),
  alone('the curve prime192v1', false, { key: ecKey('prime192v1') }),
  alone('the curve sect163k1', false, { key: ecKey('sect163k1') }),
  alone('the curve secp224r1', true, { key: ecKey('secp224r1') }),
  alone('the curve secp521r1', true, { key: ecKey('secp521r1') }),
  alone('Ed25519', true, { key: generateKeyPairSync('ed25519').privateKey }),
  alone('SHA-1 under itself', true, { key: rsaKey(2048), hash: 'sha1' }),
  {
    of: 'a chain through a weak key',
    chain: leafOfWeak.pem + weakAuthority.pem,
    key: leafOfWeak.keyPem,
    taken: false,
  },
  {
    of: 'SHA-1 under another',
    chain: leafOfSha1.pem,
    key: leafOfSha1.keyPem,
    taken: false,
    variesByVersion: true,
  },
  {
    of: 'SHA-1 within the chain',
    chain: leafOfIntermediate.pem + intermediate.pem,
    key: leafOfIntermediate.keyPem,
    taken: false,
    variesByVersion: true,
  },
];

for (const binary of nginxBinaries()) {
  describe(`certificates that nginx ${binary.version} loads`, () => {
    for (const { of, chain, key, taken, variesByVersion } of cases) {
      it(`are judged alike: ${of}`, async (t) => {
        const folder = await temporaryDirectory(t);
        await mkdir(path.join(folder, 'temporary'));
        const parsed = parseCertificatePair(new SecretValue(chain), new SecretValue(key));
        // What we have parsed is what would be written; what we refuse is tried as it came.
        const text = 'value' in parsed ? parsed.value.pem.reveal() : chain + key;
        await writeFile(path.join(folder, 'pair.pem'), text);
        await writeFile(path.join(folder, 'nginx.conf'), configuration(folder));

        const { status, stderr } = spawnSync(binary.path, ['-t', '-c', path.join(folder, 'nginx.conf')], {
          encoding: 'utf8',
          timeout: 20_000,
        });

        assert.equal('value' in parsed, taken);
        if (taken || variesByVersion !== true) {
          assert.equal(status === 0, taken, stderr);
        }
      });
    }
  });
}

function configuration(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/temporary/${name};`,
  );
  return `pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${temporary.join(' ')}
    server { listen unix:${folder}/s ssl; ssl_certificate ${folder}/pair.pem; ssl_certificate_key ${folder}/pair.pem; } }`;
}
