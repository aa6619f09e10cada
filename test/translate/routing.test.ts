import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { app, ingress, routesOf, run, serverOf, service, verdictOf } from './world.ts';

const host = 'a.example.com';

function routesFor(paths: readonly string[]): string[] {
  const objects = [...app('a'), ...app('b'), ingress('i', { rules: { [host]: paths } })];
  return routesOf(run(objects), host);
}

describe('paths', () => {
  const cases: readonly { of: string; paths: readonly string[]; give: readonly string[] }[] = [
    { of: 'the root', paths: ['Prefix / a:80'], give: ['/ -> http://default_a_80'] },
    {
      of: 'a prefix without a slash at its end: itself and what is below, but not what only begins so',
      paths: ['Prefix /foo a:80'],
      give: ['/foo/ -> http://default_a_80', '= /foo -> http://default_a_80', '/ -> 404'],
    },
    {
      of: 'a prefix with a slash at its end',
      paths: ['Prefix /foo/ a:80'],
      give: ['/foo/ -> http://default_a_80', '= /foo/ -> http://default_a_80', '/ -> 404'],
    },
    {
      of: 'an exact path',
      paths: ['Exact /foo a:80'],
      give: ['= /foo -> http://default_a_80', '/ -> 404'],
    },
    {
      of: 'an exact path beside the prefix of the same text',
      paths: ['Prefix /foo b:80', 'Exact /foo a:80'],
      give: ['/foo/ -> http://default_b_80', '= /foo -> http://default_a_80', '/ -> 404'],
    },
    {
      of: 'both forms of one prefix: none is there twice',
      paths: ['Prefix /foo a:80', 'Prefix /foo/ b:80'],
      give: [
        '/foo/ -> http://default_b_80',
        '= /foo/ -> http://default_b_80',
        '= /foo -> http://default_a_80',
        '/ -> 404',
      ],
    },
    {
      of: 'an exact path with a slash beside the prefix without one',
      paths: ['Prefix /foo a:80', 'Exact /foo/ b:80'],
      give: [
        '= /foo/ -> http://default_b_80',
        '/foo/ -> http://default_a_80',
        '= /foo -> http://default_a_80',
        '/ -> 404',
      ],
    },
    {
      of: 'no type and ImplementationSpecific, which are prefixes',
      paths: ['- /x a:80', 'ImplementationSpecific /y b:80'],
      give: [
        '/y/ -> http://default_b_80',
        '= /y -> http://default_b_80',
        '/x/ -> http://default_a_80',
        '= /x -> http://default_a_80',
        '/ -> 404',
      ],
    },
    {
      of: 'the exact root beside the default one',
      paths: ['Exact / a:80'],
      give: ['/ -> 404', '= / -> http://default_a_80'],
    },
    {
      of: 'paths of several lengths: the longest first, then by descending text',
      paths: ['Exact /a a:80', 'Exact /c a:80', 'Exact /abc a:80', 'Exact /b a:80'],
      give: [
        '= /abc -> http://default_a_80',
        '= /c -> http://default_a_80',
        '= /b -> http://default_a_80',
        '= /a -> http://default_a_80',
        '/ -> 404',
      ],
    },
  ];
  for (const { of, paths, give } of cases) {
    it(`makes locations of ${of}`, () => {
      assert.deepEqual(routesFor(paths), give);
    });
  }

  it('leaves out a path that is none, with a reason, and serves the others', () => {
    const result = run([
      ...app('a'),
      ingress('i', { rules: { [host]: ['Prefix / a:80', 'Prefix relative a:80', 'prefix /low a:80'] } }),
    ]);

    assert.deepEqual(routesOf(result, host), ['/ -> http://default_a_80']);
    assert.deepEqual(verdictOf(result, 'Ingress/default/i'), {
      state: 'served-with-difference',
      reasons: [
        'spec.rules[0].http.paths[1].path: "relative" does not begin with "/": a path is absolute; the path is left out',
        'spec.rules[0].http.paths[2].pathType: "prefix" is not a path type: write Exact, Prefix or ImplementationSpecific; the path is left out',
      ],
    });
  });

  it('rejects an Ingress none of whose paths can be served', () => {
    const result = run([
      ingress('i', { rules: { [host]: ['Prefix relative a:80'], 'no host!': ['Prefix / a:80'] } }),
    ]);

    assert.equal(verdictOf(result, 'Ingress/default/i').state, 'rejected');
    assert.deepEqual(routesOf(result, host), ['/ -> 404']);
  });

  it('tells of a path that no request can have', () => {
    const result = run([...app('a'), ingress('i', { rules: { [host]: ['Prefix /a//b a:80'] } })]);

    assert.equal(verdictOf(result, 'Ingress/default/i').state, 'served-with-difference');
    assert.match(verdictOf(result, 'Ingress/default/i').reasons.join(), /no request can have "\/a\/\/b"/u);
  });

  it('leaves the path of a resource backend to the default backend', () => {
    const plain = ingress('i', { rules: { [host]: ['Prefix /r a:80', 'Prefix / a:80'] } });
    const [rule] = plain.rules;
    const resource = { apiGroup: 'x', kind: 'Bucket', name: 'b' };
    const paths = [
      { path: '/r', pathType: 'Prefix', backend: { service: null, resource } },
      ...(rule?.paths?.slice(1) ?? []),
    ];
    const result = run([...app('a'), { ...plain, rules: [{ host, paths }] }]);

    assert.deepEqual(routesOf(result, host), ['/ -> http://default_a_80']);
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /backend\.resource: resource backends are never served/u,
    );
  });
});

describe('several Ingresses on one host', () => {
  it('gives a path to the oldest and names it to the others', () => {
    const result = run([
      ...app('a'),
      ...app('b'),
      ingress('young', { age: 1, rules: { [host]: ['Prefix / b:80', 'Prefix /own b:80'] } }),
      ingress('old', { age: 2, rules: { [host]: ['Prefix / a:80'] } }),
      ingress('loser', { age: 0, rules: { [host]: ['Prefix / b:80'] } }),
    ]);

    assert.deepEqual(routesOf(result, host), [
      '/own/ -> http://default_b_80',
      '= /own -> http://default_b_80',
      '/ -> http://default_a_80',
    ]);
    assert.equal(serverOf(result, host).origin, 'Ingress/default/old');
    const reason = `spec.rules[0].http.paths[0]: is served by Ingress/default/old, which is older: ${host}, path /, Prefix`;
    assert.deepEqual(verdictOf(result, 'Ingress/default/young'), {
      state: 'served-with-difference',
      reasons: [reason],
    });
    assert.deepEqual(verdictOf(result, 'Ingress/default/loser'), { state: 'conflict', reasons: [reason] });
    assert.deepEqual(verdictOf(result, 'Ingress/default/old'), { state: 'served', reasons: [] });
  });

  it('takes equally old ones by descending namespace and name', () => {
    const rules = { [host]: ['Prefix / a:80'] };
    const result = run([
      ...app('a', 'x'),
      ingress('a', { namespace: 'x', rules }),
      ingress('b', { namespace: 'x', rules }),
      ingress('c', { namespace: 'w', rules }),
    ]);

    assert.equal(serverOf(result, host).locations[0]?.origin, 'Ingress/x/b');
    assert.match(
      verdictOf(result, 'Ingress/x/a').reasons.join(),
      /Ingress\/x\/b, which is as old and comes first/u,
    );
    assert.equal(verdictOf(result, 'Ingress/w/c').state, 'conflict');
  });

  it('lets Exact and Prefix of one path have different owners', () => {
    const result = run([
      ...app('a'),
      ...app('b'),
      ingress('old', { age: 2, rules: { [host]: ['Prefix /x a:80'] } }),
      ingress('young', { age: 1, rules: { [host]: ['Exact /x b:80'] } }),
    ]);

    assert.deepEqual(routesOf(result, host), [
      '/x/ -> http://default_a_80',
      '= /x -> http://default_b_80',
      '/ -> 404',
    ]);
    assert.equal(verdictOf(result, 'Ingress/default/young').state, 'served');
  });

  it('tells an Ingress that defines a path twice', () => {
    const result = run([
      ...app('a'),
      ...app('b'),
      ingress('i', { rules: { [host]: ['Prefix / a:80', 'Prefix / b:80'] } }),
    ]);

    assert.deepEqual(routesOf(result, host), ['/ -> http://default_a_80']);
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /paths\[1\]: is defined before in this Ingress/u,
    );
  });

  it('tells the owner of a prefix whose other form somebody else has', () => {
    const result = run([
      ...app('a'),
      ...app('b'),
      ingress('old', { age: 2, rules: { [host]: ['Prefix /foo a:80'] } }),
      ingress('young', { age: 1, rules: { [host]: ['Prefix /foo/ b:80'] } }),
    ]);

    assert.match(
      verdictOf(result, 'Ingress/default/old').reasons.join(),
      /requests below \/foo\/ are served by Ingress\/default\/young spec\.rules\[0\]/u,
    );
  });
});

describe('hosts', () => {
  it('makes exact servers, then wildcards as regexes of one label, after the catch-all', () => {
    const rules = {
      '*.b.example.com': ['Prefix / a:80'],
      'z.example.com': ['Prefix / a:80'],
      'A.Example.com': null,
    };
    const result = run([...app('a'), ingress('i', { rules })]);

    assert.deepEqual(
      result.model.servers.map(({ names, isDefault }) => [
        isDefault,
        names.map(({ exact, regex }) => exact?.text ?? regex?.text),
      ]),
      [
        [true, []],
        [false, ['a.example.com']],
        [false, ['z.example.com']],
        [false, ['^(?<subdomain>[\\w-]+)\\.b\\.example\\.com$']],
      ],
    );
  });

  it('serves rules without a host on the catch-all server, which has no origin and answers 404 otherwise', () => {
    const result = run([...app('a'), ingress('i', { rules: { '': ['Prefix /any a:80'] } })]);

    assert.equal(serverOf(result, '').origin, null);
    assert.deepEqual(routesOf(result, ''), [
      '/any/ -> http://default_a_80',
      '= /any -> http://default_a_80',
      '/ -> 404',
    ]);
    assert.deepEqual(serverOf(result, '').locations.at(-1)?.action.answer?.json, {
      token: 'text',
      text: '{"error":"route not found"}',
    });
  });

  it('has a catch-all server even for an empty cluster', () => {
    const result = run([]);

    assert.equal(result.model.servers.length, 1);
    assert.equal(result.model.servers[0]?.isDefault, true);
    assert.deepEqual(result.verdicts, []);
  });

  it('sizes the hash of names for the longest one', () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example.com`;

    const { http } = run([ingress('i', { rules: { [long]: null } })]).model;

    assert.deepEqual([http.serverNamesHashBucketSize, http.serverNamesHashMaxSize], [256, 1024]);
    assert.equal(run([]).model.http.serverNamesHashBucketSize, 64);
  });
});

describe('default backends', () => {
  it('answers unmatched paths of the hosts that its Ingress created, and no others', () => {
    const result = run([
      ...app('a'),
      ...app('d'),
      ingress('old', { age: 2, rules: { [host]: ['Prefix /x a:80'] } }),
      ingress('young', {
        age: 1,
        defaultBackend: 'd:80',
        rules: { [host]: ['Prefix /y a:80'], 'b.example.com': null },
      }),
    ]);

    assert.equal(routesOf(result, host).at(-1), '/ -> 404');
    assert.deepEqual(routesOf(result, 'b.example.com'), ['/ -> http://default_d_80']);
    assert.match(
      verdictOf(result, 'Ingress/default/young').reasons.join(),
      /spec\.defaultBackend: does not answer for a\.example\.com: Ingress\/default\/old does/u,
    );
  });

  it('answers all hosts where its Ingress has no rules; the oldest wins', () => {
    const result = run([
      ...app('a'),
      ...app('b'),
      ingress('young', { age: 1, defaultBackend: 'b:80' }),
      ingress('old', { age: 2, defaultBackend: 'a:80' }),
    ]);

    assert.deepEqual(routesOf(result, ''), ['/ -> http://default_a_80']);
    assert.equal(verdictOf(result, 'Ingress/default/young').state, 'conflict');
  });

  it('is the configured Service, by its first port, where nobody else is asked for', () => {
    const objects = [
      ...app('a'),
      ...app('d', 'sys'),
      ingress('i', { rules: { [host]: ['Prefix /x a:80'] } }),
    ];
    const result = run(objects, { settings: { defaultBackendService: 'sys/d' } });

    assert.deepEqual(routesOf(result, ''), ['/ -> http://sys_d_80']);
    assert.equal(routesOf(result, host).at(-1), '/ -> http://sys_d_80');
  });

  it('falls back to 404 where the configured Service is missing or idle', () => {
    const missing = run([], { settings: { defaultBackendService: 'sys/none' } });
    const idle = run([service('d', { namespace: 'sys' })], { settings: { defaultBackendService: 'sys/d' } });

    assert.deepEqual(routesOf(missing, ''), ['/ -> 404']);
    assert.match(
      verdictOf(missing, 'Service/sys/none').reasons.join(),
      /metadata\.name: there is no Service "sys\/none"/u,
    );
    assert.deepEqual(routesOf(idle, ''), ['/ -> 404']);
    assert.equal(verdictOf(idle, 'Service/sys/d').state, 'served-with-difference');
  });

  it('rejects an Ingress with nothing in it', () => {
    assert.deepEqual(verdictOf(run([ingress('i')]), 'Ingress/default/i'), {
      state: 'rejected',
      reasons: ['spec: there are neither rules nor a default backend: nothing can be served'],
    });
  });
});
