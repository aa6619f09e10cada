import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../src/cluster/objects.ts';
import { createStore } from '../../src/cluster/store.ts';
import { readSecretPair } from '../../src/translate/secret-pair.ts';
import { keepCertificates } from '../../src/worker/last-good.ts';
import { makeCertificate } from '../translate/certificates.ts';
import { secret } from '../translate/world.ts';

const made = makeCertificate({ names: ['a.example.com'] });
const good = secret('s', { 'tls.crt': made.pem, 'tls.key': made.keyPem });
const garbage = secret('s', { 'tls.crt': 'garbage', 'tls.key': made.keyPem });

function faultOf(one: Secret): { field: string; message: string } | null {
  const read = readSecretPair(one);
  return 'fault' in read ? read.fault : null;
}

function keep(now: Secret, before: Secret | null): ReturnType<typeof keepCertificates> {
  const store = createStore();
  store.apply({ set: [now], deleted: [] });
  return keepCertificates(store.snapshot(), () => before, faultOf);
}

describe('keepCertificates', () => {
  it('keeps a certificate that was served when its Secret is edited into garbage, and says so', () => {
    const { secrets, findings } = keep(garbage, good);

    assert.equal(secrets.get('default/s'), good);
    assert.equal(findings[0]?.state, 'rejected');
    assert.match(findings[0]?.reason.message ?? '', /goes on being served/u);
  });

  it('takes a sound certificate, and garbage that never was one', () => {
    assert.equal(keep(good, garbage).secrets.get('default/s')?.data['tls.crt'], good.data['tls.crt']);
    assert.equal(keep(garbage, null).secrets.get('default/s')?.data['tls.crt'], garbage.data['tls.crt']);
    assert.deepEqual(keep(garbage, null).findings, []);
  });
});
