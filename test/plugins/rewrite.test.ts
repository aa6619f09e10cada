import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn, type PathRule } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { app, ingress as trimmed, run, serverOf, verdictOf } from '../translate/world.ts';

const prefix = 'nginx.ingress.kubernetes.io';

function rule(
  name: string,
  host: string,
  paths: readonly PathRule[],
  annotations: Readonly<Record<string, string>>,
): object {
  const all = Object.entries(annotations).map(([key, value]) => [
    key.includes('/') ? key : `${prefix}/${key}`,
    value,
  ]);
  return ingress(name, { host: `${host}.example.com`, paths, annotations: Object.fromEntries(all) });
}

/** What a backend sees, by host and path. */
const rewritten: readonly [string, string, string][] = [
  ['groups', '/something', '/'],
  ['groups', '/something/', '/'],
  ['groups', '/something/a/b?c=d', '/a/b?c=d'],
  ['groups', '/SOMETHING/A', '/A'],
  ['groups', '/something/%3Fa%20b%25', '/%3Fa%20b%25'],
  ['groups', '/something/a%2Fb', '/a/b'],
  ['fixed', '/old/x', '/new'],
  ['fixed', '/old/x?a=b', '/new?a=b'],
  ['bare', '/a/x/y', '/x/y'],
  ['same', '/same/x', '/same/x'],
  ['regex', '/v1x0/items', '/v1x0/items'],
  ['regex', '/V1.0/items', '/V1.0/items'],
  ['victim', '/EXACT-and-more', '/EXACT-and-more'],
  ['scoped', '/exact', '/exact'],
  ['scoped', '/re/5', '/5'],
];

for (const binary of nginxBinaries()) {
  describe(`rewrites on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      served = await serve(suite, binary, [
        rule(
          'groups',
          'groups',
          [{ path: '/something(/|$)(.*)', pathType: 'ImplementationSpecific', service: 'app' }],
          {
            'rewrite-target': '/$2',
            'x-forwarded-prefix': '/something$1',
          },
        ),
        rule('fixed', 'fixed', [{ path: '/old', service: 'app' }], { 'rewrite-target': '/new' }),
        rule('bare', 'bare', [{ path: '/a(/.*)', service: 'app' }], { 'rewrite-target': '$1' }),
        rule('same', 'same', [{ path: '/same', service: 'app' }], { 'rewrite-target': '/same' }),
        rule('climb', 'climb', [{ path: '/pub(.*)', service: 'app' }], { 'rewrite-target': '/public/$1' }),
        rule('regex', 'regex', [{ path: '/v1.0/[a-z]+$', service: 'app' }], { 'use-regex': 'true' }),
        rule('infector', 'victim', [{ path: '/x(.*)', service: 'app' }], { 'use-regex': 'true' }),
        rule('victim', 'victim', [{ path: '/exact', pathType: 'Exact', service: 'app' }], {}),
        rule('scoped-re', 'scoped', [{ path: '/re/(\\d+)', service: 'app' }], {
          'rewrite-target': '/$1',
          'cloud-native-gateway.io/regex-scope': 'location',
        }),
        rule('scoped', 'scoped', [{ path: '/exact', pathType: 'Exact', service: 'app' }], {}),
        rule('broken', 'broken', [{ path: '/broken(', service: 'app' }], { 'use-regex': 'true' }),
        rule('closed', 'closed', [{ path: '/admin(/|$)(.*)', service: 'app' }], {
          'use-regex': 'true',
          'permanent-redirect': 'no "address"',
        }),
        rule('open', 'closed', [{ path: '/', service: 'app' }], {}),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    for (const [host, from, to] of rewritten) {
      it(`${host} ${from} reaches the backend as ${to}`, async () => {
        const answer = await served.request({ host: `${host}.example.com`, path: from });

        assert.equal(answer.status, 200);
        assert.equal(backend.seen.at(-1)?.url, to);
      });
    }

    it('sends the prefix, and keeps all other headers', async () => {
      const headers = {
        'x-forwarded-prefix': 'spoofed',
        'x-real-ip': '9.9.9.9',
        'x-forwarded-for': '9.9.9.9',
      };
      await served.request({ host: 'groups.example.com', path: '/something/x', headers });

      const seen = backend.seen.at(-1)?.headers;
      assert.equal(seen?.['x-forwarded-prefix'], '/something/');
      assert.equal(seen['x-real-ip'], '127.0.0.1');
      assert.equal(seen['x-forwarded-for'], '127.0.0.1');
      assert.equal(seen['x-original-forwarded-for'], '9.9.9.9');
      assert.equal(seen.host, 'groups.example.com');
    });

    it('lets no group climb out of the target', async () => {
      const seenBefore = backend.seen.length;

      for (const path of [
        '/pub..',
        '/pub../secret',
        '/pub%2e./secret',
        '/pub.%2e%2fsecret',
        '/pub.',
        '/pub./x',
      ]) {
        assert.equal((await served.request({ host: 'climb.example.com', path })).status, 400, path);
      }

      assert.equal(backend.seen.length, seenBefore);
      assert.equal((await served.request({ host: 'climb.example.com', path: '/pub..x' })).status, 200);
    });

    it('answers 404 where no regex fits, and 503 for what is no regex', async () => {
      assert.equal((await served.request({ host: 'regex.example.com', path: '/v1.0/1' })).status, 404);
      assert.equal((await served.request({ host: 'broken.example.com', path: '/broken(' })).status, 503);
      assert.match(served.ingress('broken').reasons.join(), /"\/broken\(" is not a regex.*answer 503/u);
    });

    it('finds the routes of a closed Ingress by their regexes', async () => {
      assert.equal((await served.request({ host: 'closed.example.com', path: '/admin/x' })).status, 503);
      assert.equal((await served.request({ host: 'closed.example.com', path: '/x' })).status, 200);
    });

    it('keeps other paths exact where the scope is the location', async () => {
      assert.equal(
        (await served.request({ host: 'scoped.example.com', path: '/exact-and-more' })).status,
        404,
      );
      assert.equal((await served.request({ host: 'scoped.example.com', path: '/EXACT' })).status, 404);
    });
  });
}

describe('verdicts of rewrites', () => {
  it('tell those that another Ingress turns into regexes, and who does', () => {
    const result = run([
      ...app('a'),
      trimmed('rewriting', {
        annotations: { 'rewrite-target': '/$1' },
        rules: { 'h.net': ['Prefix /x/(.*) a:80'] },
      }),
      trimmed('plain', { rules: { 'h.net': ['Exact /y a:80'] } }),
    ]);

    assert.equal(verdictOf(result, 'Ingress/default/rewriting').state, 'served');
    const plain = verdictOf(result, 'Ingress/default/plain');
    assert.equal(plain.state, 'served-with-difference');
    assert.match(
      plain.reasons.join(),
      /all paths of h\.net are regexes.*because Ingress\/default\/rewriting/u,
    );
  });

  it('tell of no character that means something else in a regex', () => {
    const result = run([
      ...app('a'),
      trimmed('rewriting', {
        annotations: { 'rewrite-target': '/$1' },
        rules: { 'h.net': ['Prefix /foo/?(.*) a:80', 'Prefix /a/(?!b)(.*) a:80'] },
      }),
      trimmed('plain', { rules: { 'other.net': ['Prefix /foo/?x a:80'] } }),
    ]);

    assert.deepEqual(
      verdictOf(result, 'Ingress/default/rewriting').reasons.filter((each) => !/makes all paths/u.test(each)),
      [],
    );
    const plain = verdictOf(result, 'Ingress/default/plain').reasons.join();
    assert.match(plain, /spec\.rules\[0\]\.http\.paths\[0\]\.path: no request can have "\/foo\/\?x"/u);
  });

  it('sort regexes by length, then backwards by name', () => {
    const result = run([
      ...app('a'),
      trimmed('i', {
        annotations: { 'use-regex': 'true' },
        rules: { 'h.net': ['Prefix /b a:80', 'Prefix /aaa a:80', 'Prefix /c a:80'] },
      }),
    ]);

    assert.deepEqual(
      serverOf(result, 'h.net').locations.map(({ match }) => match.regex?.text),
      ['^/aaa', '^/c', '^/b', '^/'],
    );
  });

  for (const target of ['/a?b', 'relative', '/../x', '/$uri;', '/$document_root', '/"']) {
    it(`leave ${target} without effect, and say so`, () => {
      const result = run([
        ...app('a'),
        trimmed('i', { annotations: { 'rewrite-target': target }, rules: { 'h.net': ['Prefix /x a:80'] } }),
      ]);

      assert.deepEqual(serverOf(result, 'h.net').locations[0]?.additions, []);
      assert.match(
        verdictOf(result, 'Ingress/default/i').reasons.join(),
        /rewrite-target"\]: .*the default is used/u,
      );
    });
  }

  it('refuse paths that are reserved for the gateway', () => {
    const result = run([
      ...app('a'),
      trimmed('i', { rules: { 'h.net': ['Prefix /_cng a:80', 'Prefix /_cng/x a:80'] } }),
    ]);

    assert.match(verdictOf(result, 'Ingress/default/i').reasons.join(), /reserved for the gateway/u);
    assert.deepEqual(
      serverOf(result, 'h.net').locations.map(({ match }) => match.prefix?.text),
      ['/'],
    );
  });
});
