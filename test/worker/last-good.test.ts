import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ClusterObject, Secret } from '../../src/cluster/objects.ts';
import type { Snapshot } from '../../src/cluster/snapshot.ts';
import { createStore } from '../../src/cluster/store.ts';
import type { ArtifactFile } from '../../src/model/candidate.ts';
import { SecretValue } from '../../src/model/secret-value.ts';
import { readSecretPair } from '../../src/translate/secret-pair.ts';
import { LastGood } from '../../src/worker/last-good.ts';
import { makeCertificate } from '../translate/certificates.ts';
import { ingress, secret } from '../translate/world.ts';

const made = makeCertificate({ names: ['a.example.com'] });
const other = makeCertificate({ names: ['b.example.com'] });
const good = secret('s', { 'tls.crt': made.pem, 'tls.key': made.keyPem });
const garbage = secret('s', { 'tls.crt': 'garbage', 'tls.key': made.keyPem, 'ca.crt': 'new' });
const sound = secret('s', { 'tls.crt': other.pem, 'tls.key': other.keyPem });

const key = 'Secret/default/s';
const refused = { field: 'data', message: 'nginx refuses it' };

function world(...objects: readonly ClusterObject[]): Snapshot {
  const store = createStore();
  store.apply({ set: objects, deleted: [] });
  return store.snapshot();
}

/** The file in which the pair of a Secret is served. */
function fileOf(one: Secret): ArtifactFile {
  const read = readSecretPair(one);
  assert.ok(!('fault' in read));
  return {
    path: `certificates/${read.hash}.pem`,
    content: read.pem.reveal(),
    secret: true,
    objects: [key, 'Ingress/default/user'],
  };
}

function after(...served: readonly { objects: readonly ClusterObject[]; files: readonly ArtifactFile[] }[]) {
  const lastGood = new LastGood({
    sameProtections: (before, now) => before.meta.annotations['guard'] === now.meta.annotations['guard'],
    ruleOf: (annotation) => (annotation === 'names' ? 'common' : null),
  });
  for (const { objects, files } of served) {
    lastGood.remember({ snapshot: world(...objects), quarantine: new Map(), files });
  }
  return lastGood;
}

function hashIn(snapshot: Snapshot): string {
  const one = snapshot.secrets.get('default/s');
  const read = one === undefined ? { fault: null } : readSecretPair(one);
  return 'fault' in read ? 'none' : read.hash;
}

describe('the certificate of a Secret', () => {
  it('stays when the Secret is edited into garbage, which is said, and nothing else of it stays', () => {
    const lastGood = after({ objects: [good], files: [fileOf(good)] });

    const kept = lastGood.keepCertificates(world(garbage));

    assert.equal(hashIn(kept), hashIn(world(good)));
    assert.equal(kept.secrets.get('default/s')?.data['ca.crt']?.reveal(), 'new');
    assert.equal(kept.findings[0]?.state, 'rejected');
    assert.match(kept.findings[0]?.reason.message ?? '', /goes on being served/u);
    assert.equal(
      lastGood.keepCertificates(world(garbage)).secrets.get('default/s')?.data['tls.crt']?.reveal(),
      kept.secrets.get('default/s')?.data['tls.crt']?.reveal(),
    );
  });

  it('gives way to a sound one, and garbage that never was served to nothing', () => {
    const lastGood = after({ objects: [good], files: [fileOf(good)] });

    assert.equal(hashIn(lastGood.keepCertificates(world(sound))), hashIn(world(sound)));
    assert.deepEqual(after().keepCertificates(world(garbage)).findings, []);
    assert.equal(hashIn(after({ objects: [good], files: [] }).keepCertificates(world(garbage))), 'none');
  });

  it('takes the place of one that nginx refuses, for all who use it', () => {
    const lastGood = after({ objects: [good], files: [fileOf(good)] });

    const { snapshot, stubbed, restored } = lastGood.restore(world(sound), new Map([[key, refused]]));

    assert.equal(hashIn(snapshot), hashIn(world(good)));
    assert.deepEqual([[...stubbed], [...restored]], [[], [key]]);
  });

  it('is given up where it is the present one, or is refused as well', () => {
    const lastGood = after({ objects: [good], files: [fileOf(good)] });

    assert.deepEqual([...lastGood.restore(world(good), new Map([[key, refused]])).stubbed.keys()], [key]);
    const closed = new Map([[key, { ...refused, closed: true } as const]]);
    assert.deepEqual([...lastGood.restore(world(sound), closed).stubbed.keys()], [key]);
  });

  it('is remembered by the name of its file alone, and only believed with that content', () => {
    const { pairs } = after({ objects: [good], files: [fileOf(good)] }).remembered();
    const content = fileOf(good).content;
    assert.deepEqual(
      pairs.map(([object, { hash }]) => [object, hash]),
      [[key, createHash('sha256').update(content).digest('hex')]],
    );

    const later = after();
    later.recall({ forms: [], pairs: [[key, { hash: pairs[0]?.[1].hash ?? '', pem: () => null }]] });
    assert.equal(hashIn(later.keepCertificates(world(garbage))), 'none');
    later.recall({
      forms: [],
      pairs: [[key, { hash: pairs[0]?.[1].hash ?? '', pem: () => new SecretValue(content) }]],
    });
    assert.equal(hashIn(later.keepCertificates(world(garbage))), hashIn(world(good)));
  });
});

describe('the last good form of an object', () => {
  const before = ingress('web', { rules: { 'a.example': ['Prefix / web:80'] } });
  const now = ingress('web', { rules: { 'a.example': ['Prefix / web:81'] } });
  const guarded = ingress('web', {
    rules: { 'a.example': ['Prefix / web:80'] },
    annotations: { '/guard': 'on' },
  });
  const name = 'Ingress/default/web';

  function portsIn(snapshot: Snapshot): unknown[] {
    return snapshot.ingresses.map(({ rules }) => rules[0]?.paths?.[0]?.backend.service?.port.number);
  }

  it('takes its place while nginx refuses the present one, and is not forgotten meanwhile', () => {
    const lastGood = after({ objects: [before], files: [] });
    const quarantine = new Map([[name, refused]]);

    const first = lastGood.restore(world(now), quarantine);
    lastGood.remember({ snapshot: first.snapshot, quarantine, files: [] });

    assert.deepEqual(portsIn(first.snapshot), [80]);
    assert.deepEqual(portsIn(lastGood.restore(world(now), quarantine).snapshot), [80]);
  });

  it('is given up where its protections are others, and where it says the same as the present one', () => {
    const annotated = { ...guarded, meta: { ...guarded.meta, annotations: { guard: 'on' } } };
    const lastGood = after({ objects: [before], files: [] });

    assert.deepEqual(
      [...lastGood.restore(world(annotated), new Map([[name, refused]])).stubbed.keys()],
      [name],
    );
    // As after a restart: equal, and another JavaScript object.
    const later = after();
    later.recall({ forms: [structuredClone(now)], pairs: [] });
    assert.deepEqual([...later.restore(world(now), new Map([[name, refused]])).stubbed.keys()], [name]);
  });

  it('goes with the object', () => {
    const lastGood = after({ objects: [before], files: [] }, { objects: [], files: [] });

    assert.deepEqual(lastGood.remembered().forms, []);
  });
});
