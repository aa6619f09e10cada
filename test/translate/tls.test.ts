import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../src/cluster/objects.ts';
import type { Translation } from '../../src/translate/translate.ts';
import { makeCertificate, type MadeCertificate } from './certificates.ts';
import { app, ingress, ownCertificate, run, secret, serverOf, verdictOf, type RunOptions } from './world.ts';

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

describe('certificates of hosts', () => {
  it('takes the Secret of the entry that lists the host, in any case of letters', () => {
    const tls = [{ hosts: ['A.example.COM'], secretName: 's' }];

    const result = run([...app('a'), tlsSecret('s', good), ingress('i', { rules, tls })]);

    assert.equal(contentOf(result, host), good.pem + good.keyPem);
    assert.deepEqual(serverOf(result, host).certificate?.origin, 'Secret/default/s');
    assert.deepEqual(verdictOf(result, 'Ingress/default/i'), { state: 'served', reasons: [] });
    assert.deepEqual(verdictOf(result, 'Secret/default/s'), { state: 'served', reasons: [] });
    const file = result.model.files.find(({ objects }) => objects.length > 0);
    assert.deepEqual(file?.objects, ['Secret/default/s', 'Ingress/default/i']);
    assert.equal(file?.secret, true);
    assert.match(file?.path ?? '', /^certificates\/[0-9a-f]{64}\.pem$/u);
  });

  it('finds a certificate by its alternative names where no entry lists the host', () => {
    const wildcard = makeCertificate({ names: ['*.example.com'] });
    const other = makeCertificate({ names: ['other.example.com'] });
    const tls = [
      { hosts: ['x.example.com'], secretName: 'other' },
      { hosts: [], secretName: 'wild' },
    ];

    const result = run([
      ...app('a'),
      tlsSecret('other', other),
      tlsSecret('wild', wildcard),
      ingress('i', { rules, tls }),
    ]);

    assert.equal(contentOf(result, host), wildcard.pem + wildcard.keyPem);
  });

  it('has the default certificate where an entry names no Secret, and where nothing fits', () => {
    const listed = run([...app('a'), ingress('i', { rules, tls: [{ hosts: [host], secretName: '' }] })]);
    const unfit = run([
      ...app('a'),
      ingress('i', { rules, tls: [{ hosts: ['b.example.com'], secretName: '' }] }),
    ]);

    assert.equal(serverOf(listed, host).certificate, null);
    assert.deepEqual(verdictOf(listed, 'Ingress/default/i').reasons, []);
    assert.deepEqual(verdictOf(unfit, 'Ingress/default/i'), {
      state: 'served',
      reasons: [
        `spec.tls: no entry lists ${host} and no certificate is valid for it: the default certificate answers`,
      ],
    });
    for (const result of [listed, unfit]) {
      assert.equal(
        serverOf(result, host).locations[0]?.additions[0]?.plugin,
        'ssl-redirect',
        'TLS is on all the same',
      );
    }
  });

  it('lets no other namespace turn a host that is not its own to a wrong certificate', () => {
    const owner = ingress('owner', { rules, age: 2 });
    const stranger = ingress('stranger', {
      namespace: 'other',
      age: 1,
      rules: { [host]: ['Exact /else a:80'] },
      tls: [{ hosts: ['elsewhere.example.com'], secretName: 'absent' }],
    });

    const { model, verdicts } = run([...app('a'), owner, stranger]);

    const redirecting = serverOf({ model } as Translation, host).locations.filter(({ additions }) =>
      additions.some(({ plugin }) => plugin === 'ssl-redirect'),
    );
    assert.deepEqual([...new Set(redirecting.map(({ origin }) => origin))], ['Ingress/other/stranger']);
    const told = verdicts.find(({ name }) => name === 'stranger');
    assert.ok(told?.reasons.some(({ message }) => message.includes('belongs to Ingress/default/owner')));
  });

  it('lets the first Ingress with a tls section decide', () => {
    const second = makeCertificate({ names: [host] });
    const result = run([
      ...app('a'),
      tlsSecret('s', good),
      tlsSecret('t', second),
      ingress('oldest', { age: 3, rules }),
      ingress('old', {
        age: 2,
        rules: { [host]: ['Prefix /x a:80'] },
        tls: [{ hosts: [host], secretName: 't' }],
      }),
      ingress('young', {
        age: 1,
        rules: { [host]: ['Prefix /y a:80'] },
        tls: [{ hosts: [host], secretName: 's' }],
      }),
    ]);

    assert.equal(contentOf(result, host), second.pem + second.keyPem);
  });

  it('serves an exact host with the certificate of the wildcard above it, unless it has its own', () => {
    const wildcard = makeCertificate({ names: ['*.example.com'] });
    const wild = ingress('w', {
      rules: { '*.example.com': ['Prefix / a:80'] },
      tls: [{ hosts: ['*.example.com'], secretName: 'wild' }],
    });

    const result = run([...app('a'), tlsSecret('wild', wildcard), wild, ingress('i', { rules })]);

    assert.equal(contentOf(result, host), wildcard.pem + wildcard.keyPem);
    assert.equal(serverOf(result, host).locations[0]?.additions[0]?.plugin, 'ssl-redirect');
  });

  it('shares one file between Secrets of equal content', () => {
    const both = makeCertificate({ names: ['*.example.com'] });
    const result = run([
      ...app('a'),
      tlsSecret('s', both),
      tlsSecret('t', both),
      ingress('i', { rules: rules, tls: [{ hosts: ['a.example.com'], secretName: 't' }] }),
      ingress('j', {
        rules: { 'b.example.com': ['Prefix / a:80'] },
        tls: [{ hosts: ['b.example.com'], secretName: 's' }],
      }),
    ]);

    const shared = result.model.files.find(({ objects }) => objects.length > 0);
    assert.deepEqual(shared?.objects, [
      'Secret/default/s',
      'Secret/default/t',
      'Ingress/default/i',
      'Ingress/default/j',
    ]);
  });

  it('never touches TLS on an nginx without it', () => {
    const result = runOne(tlsSecret('s', good), { capabilities: { ssl: false } });

    assert.deepEqual(
      result.model.listeners.map(({ id }) => id),
      ['http'],
    );
    assert.equal(serverOf(result, host).certificate, null);
    assert.deepEqual(result.model.files, []);
  });
});

describe('the default certificate', () => {
  it('is the self-made one on the catch-all server alone', () => {
    const result = run([...app('a'), ingress('i', { rules })]);

    assert.equal(contentOf(result, ''), ownCertificate.reveal());
    assert.equal(serverOf(result, host).certificate, null);
    assert.deepEqual(result.model.files[0]?.objects, []);
  });

  it('is the configured Secret where that can be used, else the self-made one with a reason', () => {
    const settings = { defaultSslCertificate: 'default/s' };
    const chosen = run([tlsSecret('s', good)], { settings });
    const broken = run([secret('s', { 'tls.crt': good.pem })], { settings });
    const missing = run([], { settings });

    assert.equal(contentOf(chosen, ''), good.pem + good.keyPem);
    assert.deepEqual(
      chosen.model.files.map(({ objects }) => objects),
      [['Secret/default/s']],
    );
    for (const result of [broken, missing]) {
      assert.equal(contentOf(result, ''), ownCertificate.reveal());
      assert.match(verdictOf(result, 'Secret/default/s').reasons.join(), /a self-made one is used/u);
    }
  });
});
