import assert from 'node:assert/strict';
import { startBackend, type Echo } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway } from '../support/gateway.ts';
import { ingress, serviceOn, type PathRule } from '../support/objects.ts';
import { getText, sendRaw } from '../support/raw-http.ts';

/** Backends that say which rule a request took. */
const names = ['root', 'one', 'two', 'three', 'exact'] as const;

function rule(path: string, service: (typeof names)[number], pathType = 'Prefix'): PathRule {
  return { path, pathType, service };
}

/** An Ingress for `name.test` with paths as the API has them. */
function withRawPaths(name: string, paths: readonly object[]): object {
  const made = ingress(name, {}) as { readonly spec: object };
  return { ...made, spec: { ...made.spec, rules: [{ host: `${name}.test`, http: { paths } }] } };
}

onEveryNginx('paths of rules', async (t, nginx) => {
  const backends = await Promise.all(names.map(async (name) => await startBackend(t, name)));
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': backends.flatMap(({ port }, index) => serviceOn(names[index] ?? '', [port])),
      'ingresses.json': [
        ingress('prefix', { host: 'prefix.test', paths: [rule('/foo', 'one')] }),
        ingress('slash', { host: 'slash.test', paths: [rule('/foo/', 'one')] }),
        ingress('exact', { host: 'exact.test', paths: [rule('/foo', 'exact', 'Exact')] }),
        ingress('exact-slash', { host: 'exact-slash.test', paths: [rule('/foo/', 'exact', 'Exact')] }),
        ingress('both', { host: 'both.test', paths: [rule('/foo', 'one'), rule('/foo', 'exact', 'Exact')] }),
        ingress('implementation', {
          host: 'implementation.test',
          paths: [rule('/foo', 'one', 'ImplementationSpecific')],
        }),
        withRawPaths('untyped', [
          { path: '/foo', backend: { service: { name: 'one', port: { number: 80 } } } },
          {
            path: '',
            pathType: 'ImplementationSpecific',
            backend: { service: { name: 'root', port: { number: 80 } } },
          },
        ]),
        // Two Ingresses on one host, neither in the order of length.
        ingress('long-a', { host: 'long.test', paths: [rule('/a/b', 'two'), rule('/', 'root')] }),
        ingress('long-b', {
          host: 'long.test',
          paths: [rule('/a', 'one'), rule('/a/b/c', 'three'), rule('/a/b', 'exact', 'Exact')],
        }),
        ingress('twins', { host: 'twins.test', paths: [rule('/foo', 'one'), rule('/foo/', 'two')] }),
        ingress('odd', {
          host: 'odd.test',
          paths: [
            rule('/a.b', 'one'),
            rule('/(x|y)+', 'two'),
            rule('/$uri', 'three'),
            rule('/with space', 'one'),
            rule('/größe', 'two'),
            rule('/quote"d', 'three'),
            rule("/single'd", 'one'),
            rule('/{brace};', 'two'),
            rule('/back\\slash', 'three'),
            rule('/percent%41', 'one'),
            rule('/hash#tag', 'two'),
            rule('~', 'exact'),
          ],
        }),
      ],
    },
  });

  /** The backend that answers, or the status where none does. */
  async function whoAnswers(host: string, path: string): Promise<string | number> {
    const { status, body } = await gateway.get(host, path);
    return status === 200 ? (JSON.parse(body) as Echo).backend : status;
  }

  async function expectAnswers(
    host: string,
    expected: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const got: Record<string, string | number> = {};
    for (const path of Object.keys(expected)) {
      got[path] = await whoAnswers(host, path);
    }
    assert.deepEqual(got, expected, host);
  }

  await t.test('a prefix stands for itself and what is below it, in whole segments', async () => {
    const expected = {
      '/foo': 'one',
      '/foo?x=1': 'one',
      '/foo/': 'one',
      '/foo/bar': 'one',
      '/foo/bar/baz?x=1': 'one',
      '/foobar': 404,
      '/fo': 404,
      '/FOO': 404,
      '/': 404,
      '/bar/foo': 404,
    };
    await expectAnswers('prefix.test', expected);
    await expectAnswers('implementation.test', expected);
  });

  await t.test('a path without type is a prefix, and no path is all of them', async () => {
    await expectAnswers('untyped.test', { '/foo': 'one', '/foo/bar': 'one', '/foobar': 'root', '/': 'root' });
  });

  await t.test('a prefix with a slash at its end redirects the path without it, once', async () => {
    await expectAnswers('slash.test', { '/foo/': 'one', '/foo/bar': 'one', '/foobar': 404, '/': 404 });
    const answer = await gateway.get('slash.test', '/foo?x=1');
    assert.deepEqual([answer.status, answer.headers.location], [301, 'http://slash.test/foo/?x=1']);
  });

  await t.test('an exact path is compared whole, with letter case and slash', async () => {
    await expectAnswers('exact.test', {
      '/foo': 'exact',
      '/foo?x=/': 'exact',
      '/foo/': 404,
      '/foo/bar': 404,
      '/Foo': 404,
    });
    // The 301 is nginx's own, which users of ingress-nginx have too.
    await expectAnswers('exact-slash.test', { '/foo/': 'exact', '/foo': 301, '/foo/bar': 404 });
  });

  await t.test('an exact path wins over the prefix of the same text', async () => {
    await expectAnswers('both.test', { '/foo': 'exact', '/foo/': 'one', '/foo/bar': 'one' });
  });

  await t.test('the longest path wins, whichever Ingress has it and in whatever order', async () => {
    await expectAnswers('long.test', {
      '/': 'root',
      '/b': 'root',
      '/ab': 'root',
      '/a': 'one',
      '/a/x': 'one',
      '/a/bc': 'one',
      '/a/b': 'exact',
      '/a/b/': 'two',
      '/a/b/x': 'two',
      '/a/b/cd': 'two',
      '/a/b/c': 'three',
      '/a/b/c/d': 'three',
    });
  });

  await t.test('/foo and /foo/ side by side are both served', async () => {
    await expectAnswers('twins.test', { '/foo': 'one', '/foo/': 'two', '/foo/bar': 'two', '/foobar': 404 });
  });

  await t.test('characters that mean something to nginx are only characters', async () => {
    await expectAnswers('odd.test', {
      '/a.b': 'one',
      '/axb': 404,
      '/(x|y)+': 'two',
      '/x': 404,
      '/$uri': 'three',
      '/with%20space': 'one',
      '/gr%C3%B6%C3%9Fe': 'two',
      '/quote%22d': 'three',
      "/single'd": 'one',
      '/%7Bbrace%7D;': 'two',
      '/back%5Cslash': 'three',
      // nginx compares decoded paths, so this rule asks for a percent sign.
      '/percent%2541': 'one',
      '/percentA': 404,
      '/~': 404,
    });
  });

  await t.test('a path is compared decoded and resolved, and handed on as it was written', async () => {
    for (const [target, backend] of [
      ['/%66oo', 'one'],
      ['/f%6f%6F/%62ar', 'one'],
      ['/x/../foo', 'one'],
      ['/./foo/.', 'one'],
      ['//foo//bar', 'one'],
      ['/foo%2Fbar', 'one'],
      ['/foo/%2e%2e/foo/x', 'one'],
      ['/foo/a+b%20c%3Fd?e=%2F&f', 'one'],
      ['/foo/b;c=d,e:f@g!h*i', 'one'],
    ] as const) {
      const answer = await sendRaw(gateway.httpPort, getText(target, ['Host: prefix.test']));
      const echo = JSON.parse(answer.body.slice(answer.body.indexOf('{'), answer.body.lastIndexOf('}') + 1));
      assert.deepEqual([(echo as Echo).backend, (echo as Echo).url], [backend, target]);
    }
  });

  await t.test('a path cannot leave its prefix by dot segments', async () => {
    for (const target of ['/foo/../bar', '/foo/..', '/foo/%2e%2e/bar', '/foo/..%2fbar']) {
      const answer = await sendRaw(gateway.httpPort, getText(target, ['Host: prefix.test']));
      assert.equal(answer.status, 404, target);
    }
    for (const target of ['/..', '/foo/../../bar', '/foo%00', '/foo%zz', 'foo', '/foo /bar', '*']) {
      const answer = await sendRaw(gateway.httpPort, getText(target, ['Host: prefix.test']));
      assert.equal(answer.status, 400, `${target} gets ${answer.statusLine}`);
    }
  });

  await t.test('a long URL is served, one beyond the buffers is refused with 414', async () => {
    const long = `/foo/${'x'.repeat(7000)}`;
    const answer = await gateway.get('prefix.test', long);
    assert.equal(answer.status, 200);
    assert.equal((JSON.parse(answer.body) as Echo).url, long);
    assert.equal((await gateway.get('prefix.test', `/foo/${'x'.repeat(9000)}`)).status, 414);
  });

  await t.test('paths that cannot be served are told, and their neighbours are served', async () => {
    const [verdict] = (await gateway.debug('/debug/objects?kind=Ingress&name=odd')) as {
      state: string;
      reasons: { field: string; message: string }[];
    }[];
    assert.equal(verdict?.state, 'served-with-difference');
    assert.deepEqual(verdict.reasons.map(({ field }) => field).sort(), [
      'spec.rules[0].http.paths[10].path',
      'spec.rules[0].http.paths[11].path',
    ]);
  });

  await t.test('a path that moves to another backend, and one that is dropped, are followed', async () => {
    await applied(gateway, async () => {
      await gateway.write('moving.json', [
        ingress('moving', { host: 'moving.test', paths: [rule('/x', 'one'), rule('/y', 'two')] }),
      ]);
    });
    await expectAnswers('moving.test', { '/x': 'one', '/y': 'two' });
    await applied(gateway, async () => {
      await gateway.write('moving.json', [
        ingress('moving', { host: 'moving.test', paths: [rule('/x', 'three')] }),
      ]);
    });
    await expectAnswers('moving.test', { '/x': 'three', '/y': 404 });
  });
});
