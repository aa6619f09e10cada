import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { app, ingress, run, secret } from '../translate/world.ts';

function secretObject(name: string, data: Readonly<Record<string, string>>, namespace = 'default'): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'Opaque',
    stringData: data,
  };
}

const sha = `{SHA}${createHash('sha1').update('secret').digest('base64')}`;
const users = [
  `sha:${sha}`,
  'apr:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/',
  'plain:{PLAIN}secret',
  'broken',
  'unhashed:secret',
].join('\r\n');

const basic = { 'auth-type': 'basic', 'auth-secret': 'users' };

/** What is asked for and cannot be built: every one of these answers 503 to everybody. */
const broken: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no-secret': { 'auth-type': 'basic', 'auth-secret': 'none' },
  'no-secret-named': { 'auth-type': 'basic' },
  'no-type': { 'auth-secret': 'users' },
  'other-namespace': { 'auth-type': 'basic', 'auth-secret': 'other/users' },
  'odd-secret': { 'auth-type': 'basic', 'auth-secret': 'a/b/c' },
  'no-key': { 'auth-type': 'basic', 'auth-secret': 'wrong-key' },
  empty: { 'auth-type': 'basic', 'auth-secret': 'empty' },
  junk: { 'auth-type': 'basic', 'auth-secret': 'junk' },
  'map-of-junk': { ...basic, 'auth-secret': 'junk', 'auth-secret-type': 'auth-map' },
  digest: { ...basic, 'auth-type': 'digest' },
  'odd-type': { ...basic, 'auth-type': 'basics' },
  'odd-form': { ...basic, 'auth-secret-type': 'auth-files' },
  'odd-realm': { ...basic, 'auth-realm': 'a"b' },
  'realm-off': { ...basic, 'auth-realm': 'off' },
};

for (const binary of nginxBinaries()) {
  describe(`basic authentication on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      const realm = { ...basic, 'auth-realm': 'Members only: a/b' };
      served = await serve(suite, binary, [
        annotated('file', realm),
        annotated('map', { ...basic, 'auth-secret': 'default/map', 'auth-secret-type': 'auth-map' }),
        annotated('redirected', { ...basic, 'force-ssl-redirect': 'true' }),
        annotated('no-backend', basic, 'none'),
        annotated('both', { ...basic, 'allowlist-source-range': '10.0.0.0/8' }),
        annotated('any', { ...basic, 'allowlist-source-range': '10.0.0.0/8', satisfy: 'any' }),
        annotated('any-let-in', { ...basic, 'allowlist-source-range': '127.0.0.1', satisfy: 'any' }),
        annotated('all', { ...basic, 'allowlist-source-range': '127.0.0.1', satisfy: 'all' }),
        annotated('odd-satisfy', { ...basic, 'allowlist-source-range': '127.0.0.1', satisfy: 'Any' }),
        annotated('any-broken', {
          ...broken['empty'],
          'allowlist-source-range': '127.0.0.1',
          satisfy: 'any',
        }),
        annotated('limited', { ...basic, 'limit-rpm': '1', 'limit-burst-multiplier': '0' }),
        annotated('challenge', basic, 'app', {
          paths: [{ service: 'app' }, { path: '/.well-known/acme-challenge/x', service: 'app' }],
        }),
        annotated('realm-alone', { 'auth-realm': 'x' }),
        ...Object.entries(broken).map(([name, annotations]) => annotated(name, annotations)),
        secretObject('users', { auth: users }),
        secretObject('users', { auth: users }, 'other'),
        secretObject('map', { sha, junk: 'x' }),
        secretObject('wrong-key', { htpasswd: users }),
        secretObject('empty', { auth: '\n' }),
        secretObject('junk', { auth: 'secret' }),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    async function ask(name: string, credentials: string | null = null, path = '/'): Promise<number> {
      const authorization = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`;
      const headers = credentials === null ? {} : { authorization };
      const answer = await served.request({ host: `${name}.example.com`, path, headers });
      return answer.status;
    }

    const cases: readonly [string, string | null, number][] = [
      ['file', null, 401],
      ['file', 'sha:secret', 200],
      ['file', 'apr:secret', 200],
      ['file', 'plain:secret', 200],
      ['file', 'sha:wrong', 401],
      ['file', 'sha:', 401],
      ['file', ':', 401],
      ['file', 'broken:', 401],
      ['file', 'unhashed:secret', 401],
      ['file', '# users:x', 401],
      ['map', null, 401],
      ['map', 'sha:secret', 200],
      ['map', 'junk:x', 401],
      ['redirected', null, 308],
      ['no-backend', null, 503],
      ['no-backend', 'sha:secret', 503],
      ['both', 'sha:secret', 403],
      ['any', null, 401],
      ['any', 'sha:secret', 200],
      ['any-let-in', null, 200],
      ['all', null, 401],
      ['all', 'sha:secret', 200],
      ['odd-satisfy', null, 401],
      ['any-broken', null, 503],
      ['realm-alone', null, 200],
      ['challenge', null, 401],
    ];
    for (const [name, credentials, status] of cases) {
      it(`${name} answers ${status} to ${credentials ?? 'nobody'}`, async () => {
        const seenBefore = backend.seen.length;

        assert.equal(await ask(name, credentials), status);

        assert.equal(backend.seen.length - seenBefore, status === 200 ? 1 : 0);
      });
    }

    for (const name of Object.keys(broken)) {
      it(`${name} is closed, and says why`, async () => {
        const seenBefore = backend.seen.length;

        assert.deepEqual([await ask(name), await ask(name, 'sha:secret')], [503, 503]);

        assert.equal(backend.seen.length, seenBefore);
        assert.notEqual(served.ingress(name).state, 'served');
        assert.match(served.ingress(name).reasons.join(), /auth-/u);
        assert.doesNotMatch(JSON.stringify(served.verdicts), /h9FWgUz|5en6G6/u);
      });
    }

    it('shows the realm, and keeps the password from the backend', async () => {
      const asked = await served.request({ host: 'file.example.com' });
      await ask('file', 'plain:secret');

      assert.equal(asked.headers['www-authenticate'], 'Basic realm="Members only: a/b"');
      assert.equal(backend.seen.at(-1)?.headers.authorization, undefined);
      assert.equal(backend.seen.at(-1)?.headers['x-forwarded-for'], '127.0.0.1');
    });

    it('lets challenges of certificate authorities through where a rule has their path', async () => {
      assert.equal(await ask('challenge', null, '/.well-known/acme-challenge/x'), 200);
      assert.equal(await ask('challenge', null, '/.well-known/acme-challenge/y'), 401);
      assert.equal(await ask('file', null, '/.well-known/acme-challenge/x'), 401);
    });

    it('comes after the limits, so that nobody can try passwords faster', async () => {
      assert.deepEqual([await ask('limited', 'sha:wrong'), await ask('limited', 'sha:secret')], [401, 503]);
    });

    it('tells of lines that nginx cannot use, without showing them', () => {
      const { state, reasons } = served.ingress('file');

      assert.equal(state, 'served-with-difference');
      assert.match(reasons.join('\n'), /Secret\/default\/users: line 4 does not begin with a user/u);
      assert.match(reasons.join('\n'), /line 5 has no password hash that nginx can compare/u);
    });
  });
}

describe('the file of passwords', () => {
  const guarded = ingress('i', { annotations: basic, rules: { 'a.example.com': ['Prefix / a:80'] } });

  it('is for nginx alone, named by its content, and belongs to Secret and Ingress', () => {
    const { model } = run([...app('a'), guarded, secret('users', { auth: `u:${sha}` })]);

    const file = model.files.find(({ path }) => path.startsWith('auth/'));

    assert.match(file?.path ?? '', /^auth\/[0-9a-f]{64}\.htpasswd$/u);
    assert.equal(file?.content, `u:${sha}\n`);
    assert.equal(file?.secret, true);
    assert.deepEqual(file?.objects, ['Secret/default/users', 'Ingress/default/i']);
  });

  it('is not used while its Secret is quarantined', () => {
    const result = run([...app('a'), guarded, secret('users', { auth: `u:${sha}` })], {
      quarantine: { 'Secret/default/users': 'broke nginx' },
    });

    assert.equal(
      result.model.files.some(({ path }) => path.startsWith('auth/')),
      false,
    );
    assert.match(JSON.stringify(result.model.servers), /"status":503/u);
  });
});
