import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { startBackend, type Echo } from '../support/backend.ts';
import { applied, eventually, onEveryNginx, startGateway } from '../support/gateway.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { handshake, https, makePair, type Handshake } from '../support/tls.ts';

interface Verdict {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

/** An Ingress for `host` whose certificate is in `secretName`. */
function secure(name: string, host: string, secretName: string, hosts: readonly string[] = [host]): object {
  return ingress(name, { host, tls: [{ hosts, secretName }], paths: [{ service: 'app' }] });
}

function secretWith(name: string, data: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type: 'kubernetes.io/tls',
    data: Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
    ),
  };
}

onEveryNginx('certificates', async (t, nginx) => {
  const backend = await startBackend(t, 'app');
  const pairs = {
    exact: await makePair({ names: ['exact.test'] }),
    rsa: await makePair({ names: ['rsa.test'], rsaBits: 2048 }),
    wildcard: await makePair({ names: ['*.wild.test'] }),
    special: await makePair({ names: ['special.wild.test'] }),
    sans: await makePair({ names: ['other.test', 'by-san.test'] }),
    commonName: await makePair({ commonName: 'old.test' }),
    expired: await makePair({ names: ['expired.test'], days: -1 }),
  };
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'app.json': serviceOn('app', [backend.port]),
      'secrets.json': Object.entries(pairs).map(([name, pair]) =>
        tlsSecret(name === 'commonName' ? 'common-name' : name, pair),
      ),
      'bad-secrets.json': [
        secretWith('no-certificate', { 'tls.key': pairs.exact.key }),
        secretWith('no-key', { 'tls.crt': pairs.exact.cert }),
        secretWith('garbage', { 'tls.crt': 'no PEM at all', 'tls.key': pairs.exact.key }),
        secretWith('cut', { 'tls.crt': pairs.exact.cert.slice(0, 300), 'tls.key': pairs.exact.key }),
        secretWith('other-key', { 'tls.crt': pairs.exact.cert, 'tls.key': pairs.special.key }),
        secretWith('swapped', { 'tls.crt': pairs.exact.key, 'tls.key': pairs.exact.cert }),
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'not-base64', namespace: 'default' },
          data: { 'tls.crt': '%%%', 'tls.key': '%%%' },
        },
        secretWith('injection', {
          'tls.crt': `${pairs.exact.cert}\n; } server { listen 1; } #`,
          'tls.key': pairs.exact.key,
        }),
      ],
      'ingresses.json': [
        secure('exact', 'exact.test', 'exact'),
        secure('rsa', 'rsa.test', 'rsa'),
        secure('wildcard', '*.wild.test', 'wildcard'),
        secure('special', 'special.wild.test', 'special'),
        secure('under-wildcard', 'under.wild.test', 'wildcard'),
        // Nobody lists its host: the certificate that is valid for it is found.
        secure('by-san', 'by-san.test', 'sans', []),
        secure('common-name', 'old.test', 'common-name'),
        secure('expired', 'expired.test', 'expired'),
        secure('wrong-name', 'wrong-name.test', 'exact'),
        ingress('plain', { host: 'plain.test', paths: [{ service: 'app' }] }),
        ingress('no-secret', {
          host: 'no-secret.test',
          tls: [{ hosts: ['no-secret.test'] }],
          paths: [{ service: 'app' }],
        }),
        // A host with paths of two Ingresses: the one with a tls section decides.
        ingress('shared-a', { host: 'exact.test', paths: [{ path: '/shared', service: 'app' }] }),
        ...[
          'missing',
          'no-certificate',
          'no-key',
          'garbage',
          'cut',
          'other-key',
          'swapped',
          'not-base64',
        ].map((name) => secure(`bad-${name}`, `${name}.bad.test`, name)),
        secure('injection', 'injection.test', 'injection', ['exact.test', 'injection.test']),
      ],
      'rotated.json': [tlsSecret('rotated', pairs.exact), secure('rotated', 'rotated.test', 'rotated')],
    },
  });

  async function shownFor(servername?: string): Promise<Handshake> {
    return await handshake({ port: gateway.httpsPort, ...(servername !== undefined && { servername }) });
  }

  const ofDefault = (await shownFor('nobody.test')).serial;

  await t.test('a host shows its own certificate, which clients can verify', async () => {
    assert.equal((await shownFor('exact.test')).serial, pairs.exact.serial);
    assert.equal((await shownFor('EXACT.test')).serial, pairs.exact.serial);
    assert.equal((await shownFor('rsa.test')).serial, pairs.rsa.serial);
    assert.equal((await shownFor('old.test')).serial, pairs.commonName.serial);
    assert.equal((await shownFor('by-san.test')).serial, pairs.sans.serial);
    const answer = await https({
      port: gateway.httpsPort,
      host: 'exact.test',
      path: '/shared',
      trust: pairs.exact.cert,
    });
    const { backend: name, headers } = JSON.parse(answer.body) as Echo;
    assert.deepEqual(
      [answer.status, name, headers['x-forwarded-proto'], headers['x-forwarded-port']],
      [200, 'app', 'https', '443'],
    );
  });

  await t.test('a wildcard certificate serves one label, an exact host its own', async () => {
    assert.equal((await shownFor('any.wild.test')).serial, pairs.wildcard.serial);
    assert.equal((await shownFor('under.wild.test')).serial, pairs.wildcard.serial);
    assert.equal((await shownFor('special.wild.test')).serial, pairs.special.serial);
    assert.equal((await shownFor('two.labels.wild.test')).serial, ofDefault);
  });

  await t.test(
    'the default certificate is for all others: no SNI, unknown, without TLS or Secret',
    async () => {
      assert.match((await shownFor('nobody.test')).subjectAltName, /DNS:ingress\.local/u);
      for (const name of [undefined, 'plain.test', 'no-secret.test', 'wild.test']) {
        assert.equal((await shownFor(name)).serial, ofDefault, name ?? 'no SNI');
      }
      assert.equal((await https({ port: gateway.httpsPort, host: 'plain.test' })).status, 200);
      assert.equal((await https({ port: gateway.httpsPort, host: 'nobody.test' })).status, 404);
    },
  );

  await t.test('an expired certificate is served as it is, and told', async () => {
    assert.equal((await shownFor('expired.test')).serial, pairs.expired.serial);
    const [verdict] = (await gateway.debug('/debug/objects?kind=Secret&name=expired')) as Verdict[];
    assert.match(verdict?.reasons[0]?.message ?? '', /expired on \d{4}-\d\d-\d\d: renew it/u);
  });

  await t.test('a Secret that cannot be used leaves its host with the default certificate', async () => {
    for (const name of [
      'missing',
      'no-certificate',
      'no-key',
      'garbage',
      'cut',
      'other-key',
      'swapped',
      'not-base64',
    ]) {
      const host = `${name}.bad.test`;
      assert.equal((await shownFor(host)).serial, ofDefault, host);
      assert.equal((await https({ port: gateway.httpsPort, host })).status, 200, host);
      assert.equal((await gateway.get(host)).status, 308, host);
      const [verdict] = (await gateway.debug(`/debug/objects?kind=Ingress&name=bad-${name}`)) as Verdict[];
      assert.equal(verdict?.state, 'served-with-difference');
      assert.equal(verdict.reasons[0]?.field, 'spec.tls[0].secretName');
    }
    assert.equal((await shownFor('wrong-name.test')).serial, ofDefault);
  });

  await t.test('what stands around a certificate never reaches nginx', async () => {
    const folder = path.join(gateway.stateDir, 'certificates');
    const files = await readdir(folder);
    assert.ok(files.length > Object.keys(pairs).length);
    for (const name of files) {
      assert.doesNotMatch(await readFile(path.join(folder, name), 'utf8'), /listen/u);
    }
  });

  await t.test('versions from TLS 1.2 on are spoken', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const shown = await handshake({ port: gateway.httpsPort, servername: 'exact.test', version });
      assert.equal(shown.protocol, version);
    }
    await assert.rejects(
      handshake({ port: gateway.httpsPort, servername: 'exact.test', version: 'TLSv1.1' }),
      { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
    );
  });

  await t.test('the certificate follows SNI, the route follows the Host header', async () => {
    const answer = await https({ port: gateway.httpsPort, host: 'plain.test', servername: 'exact.test' });
    assert.equal((JSON.parse(answer.body) as Echo).headers.host, 'plain.test');
  });

  await t.test('a renewed Secret, a repaired one, one that breaks and a chain are followed', async () => {
    assert.equal((await shownFor('rotated.test')).serial, ofDefault);
    const authority = await makePair({ commonName: 'authority', isAuthority: true });
    const chained = await makePair({ names: ['rotated.test'], issuer: authority });
    const repaired = await makePair({ names: ['other-key.bad.test'] });
    await applied(gateway, async () => {
      await gateway.write('rotated.json', [
        tlsSecret('rotated', { cert: `${chained.cert}\n${authority.cert}`, key: chained.key }),
        secure('rotated', 'rotated.test', 'rotated'),
      ]);
    });
    assert.deepEqual((await shownFor('rotated.test')).chain, [chained.serial, authority.serial]);
    const answer = await https({ port: gateway.httpsPort, host: 'rotated.test', trust: authority.cert });
    assert.equal(answer.status, 200);
    const renewed = await makePair({ names: ['rotated.test'] });
    await applied(gateway, async () => {
      await gateway.write('bad-secrets.json', [tlsSecret('other-key', repaired)]);
      await gateway.write('rotated.json', [
        tlsSecret('rotated', renewed),
        secure('rotated', 'rotated.test', 'rotated'),
      ]);
    });
    assert.equal((await shownFor('rotated.test')).serial, renewed.serial);
    assert.equal((await shownFor('other-key.bad.test')).serial, repaired.serial);
    await gateway.write('rotated.json', [
      secretWith('rotated', { 'tls.crt': 'broken', 'tls.key': 'broken' }),
      secure('rotated', 'rotated.test', 'rotated'),
    ]);
    await eventually('the Secret says what became of it', async () => {
      const page = await gateway.debugText('/debug/objects?kind=Secret&name=rotated');
      return page.body.includes('goes on being served');
    });
    assert.equal((await shownFor('rotated.test')).serial, renewed.serial);
    assert.equal((await shownFor('exact.test')).serial, pairs.exact.serial);
  });
});

onEveryNginx('the configured default certificate', async (t, nginx) => {
  const backend = await startBackend(t, 'app');
  const first = await makePair({ names: ['*.fallback.test'] });
  const second = await makePair({ names: ['*.fallback.test'] });
  const gateway = await startGateway(t, {
    nginx,
    config: { kubernetes: { default_ssl_certificate: 'system/fallback' } },
    manifests: {
      'app.json': [
        ...serviceOn('app', [backend.port]),
        ingress('app', { host: 'app.test', paths: [{ service: 'app' }] }),
      ],
      'fallback.json': tlsSecret('fallback', first, 'system'),
    },
  });

  async function serialFor(servername: string): Promise<string> {
    return (await handshake({ port: gateway.httpsPort, servername })).serial;
  }

  assert.equal(await serialFor('nobody.test'), first.serial);
  assert.equal(await serialFor('app.test'), first.serial);
  await applied(gateway, async () => {
    await gateway.write('fallback.json', tlsSecret('fallback', second, 'system'));
  });
  assert.equal(await serialFor('app.test'), second.serial);
  await applied(gateway, async () => {
    await gateway.remove('fallback.json');
  });
  const selfMade = await handshake({ port: gateway.httpsPort, servername: 'app.test' });
  assert.match(selfMade.subjectAltName, /DNS:ingress\.local/u);
});
