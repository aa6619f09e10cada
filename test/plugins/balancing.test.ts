import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import type { ConfigMap } from '../../src/cluster/objects.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { app, ingress, meta, run, service, slice, verdictOf } from '../translate/world.ts';

/** What stands in the upstream, by annotations of the Ingress that leads there. */
const directives: readonly [Readonly<Record<string, string>>, RegExp][] = [
  [{}, /^ *upstream \S+ \{\n *server/mu],
  [{ 'load-balance': 'round_robin' }, /^ *upstream \S+ \{\n *server/mu],
  [{ 'load-balance': 'least_conn' }, /zone upstream_[0-9a-f]{16} 64k;\n *least_conn;/u],
  [{ 'load-balance': 'random' }, /\{\n *random;/u],
  [{ 'load-balance': 'random two least_conn' }, /zone \S+ 64k;\n *random two least_conn;/u],
  [{ 'load-balance': 'ewma' }, /zone \S+ 64k;\n *random two least_conn;/u],
  [{ 'load-balance': 'ip_hash' }, /\{\n *ip_hash;/u],
  [
    { 'load-balance': 'ip_hash', 'upstream-hash-by': '$arg_key' },
    /\{\n *hash \$arg_key consistent;\n *server/u,
  ],
];

for (const binary of nginxBinaries()) {
  describe(`balancing on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const ports: number[] = [];
      for (const name of ['one', 'two', 'three']) {
        ports.push((await startBackend(suite, name)).port);
      }
      served = await serve(suite, binary, [
        ...directives.flatMap(([annotations], index) => [
          annotated(`d${index}`, annotations, `d${index}`),
          ...serviceOn(`d${index}`, ports),
        ]),
        annotated(
          'sticky',
          { affinity: 'cookie', 'session-cookie-max-age': '60', 'load-balance': 'ewma' },
          'sticky',
        ),
        annotated(
          'formed',
          {
            affinity: 'cookie',
            'session-cookie-name': 'my.route',
            'session-cookie-path': '/shop?x=y',
            'session-cookie-domain': '.example.com',
            'session-cookie-samesite': 'strict',
            'session-cookie-secure': 'true',
          },
          'formed',
        ),
        annotated(
          'shop',
          {
            affinity: 'cookie',
            'session-cookie-samesite': 'None',
            'session-cookie-conditional-samesite-none': 'true',
          },
          'shop',
          { paths: [{ service: 'shop', path: '/shop' }] },
        ),
        annotated(
          'persistent',
          { affinity: 'cookie', 'affinity-mode': 'persistent', 'load-balance': 'least_conn' },
          'persistent',
        ),
        ...['sticky', 'formed', 'shop', 'persistent'].flatMap((name) => serviceOn(name, ports)),
      ]);
    });

    for (const [index, [annotations, expected]] of directives.entries()) {
      it(`serves ${JSON.stringify(annotations)}`, async () => {
        const text = served.text.slice(served.text.indexOf(`upstream default_d${index}_80 {`));
        assert.match(`    ${text.slice(0, text.indexOf('}'))}`, expected);

        const answers = new Set<string>();
        for (let count = 0; count < 12; count += 1) {
          answers.add(await backendOf(`d${index}`, '/?key=one'));
        }

        const isFixed = 'upstream-hash-by' in annotations || annotations['load-balance'] === 'ip_hash';
        assert.equal(answers.size === 1, isFixed);
      });
    }

    it('hashes what is asked for, so that a key stays with an endpoint', async () => {
      const byKey = new Map<string, Set<string>>();
      for (let count = 0; count < 60; count += 1) {
        const key = `k${count % 20}`;
        byKey.set(key, (byKey.get(key) ?? new Set()).add(await backendOf('d7', `/?key=${key}`)));
      }

      assert.ok([...byKey.values()].every((names) => names.size === 1));
      assert.ok(new Set([...byKey.values()].flatMap((names) => [...names])).size > 1);
    });

    for (const [name, cookieName] of [
      ['sticky', 'INGRESSCOOKIE'],
      ['formed', 'my.route'],
    ] as const) {
      it(`keeps a client of ${name} on one endpoint by its cookie`, async () => {
        const owners = new Set<string>();
        for (let client = 0; client < 12; client += 1) {
          const first = await served.request({ host: `${name}.example.com` });
          const owner = ownerOf(first.body);
          const cookie = pairOf(first.headers['set-cookie'], cookieName);
          owners.add(owner);

          for (let count = 0; count < 4; count += 1) {
            const headers = { cookie: `other=x; ${cookie}; last=y` };
            const again = await served.request({ host: `${name}.example.com`, headers });
            assert.equal(ownerOf(again.body), owner);
          }
        }
        assert.ok(owners.size > 1, 'all clients came to one endpoint');
      });
    }

    it('sets the cookie once, with the attributes that are asked for', async () => {
      const plain = await served.request({ host: 'sticky.example.com' });
      const formed = await served.request({ host: 'formed.example.com' });

      assert.equal(plain.headers['set-cookie']?.length, 1);
      assert.match(plain.headers['set-cookie'][0] ?? '', /; max-age=60/iu);
      assert.match(plain.headers['set-cookie'][0] ?? '', /; path=\/(?:;|$)/iu);
      assert.match(plain.headers['set-cookie'][0] ?? '', /; httponly/iu);
      assert.doesNotMatch(plain.headers['set-cookie'][0] ?? '', /; secure/iu);
      const cookie = formed.headers['set-cookie']?.[0] ?? '';
      assert.match(cookie, /^my\.route=/u);
      for (const attribute of [
        /; path=\/shop\?x=y/iu,
        /; domain=\.example\.com/iu,
        /; samesite=strict/iu,
        /; secure/iu,
      ]) {
        assert.match(cookie, attribute);
      }
    });

    it('sets a cookie for the path of the rule, and no SameSite=None for browsers that fail on it', async () => {
      const old = {
        'user-agent': 'Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/63.0.3239.84 Safari/537.36',
      };
      const host = 'shop.example.com';
      const current = await served.request({ host, path: '/shop/x' });
      const older = await served.request({ host, path: '/shop', headers: old });

      assert.match(current.headers['set-cookie']?.[0] ?? '', /; Path=\/shop; HttpOnly; SameSite=None$/u);
      assert.match(older.headers['set-cookie']?.[0] ?? '', /; Path=\/shop; HttpOnly$/u);
    });

    it('keeps sessions where they are in persistent mode, where nginx can', async () => {
      const host = 'persistent.example.com';
      const first = await served.request({ host });
      const cookie = pairOf(first.headers['set-cookie'], 'INGRESSCOOKIE');
      for (let count = 0; count < 6; count += 1) {
        const again = await served.request({ host, headers: { cookie } });
        assert.equal(ownerOf(again.body), ownerOf(first.body));
      }
      const canStick = served.text.includes('sticky cookie INGRESSCOOKIE');
      assert.equal(canStick, !binary.version.startsWith('1.22'));
      assert.equal(
        served.ingress('persistent').reasons.some((reason) => reason.includes('needs nginx 1.29.6')),
        !canStick,
      );
    });

    it('serves a client whose cookie means nothing', async () => {
      for (const cookie of [
        'INGRESSCOOKIE=',
        'INGRESSCOOKIE=x',
        'INGRESSCOOKIE=";}"',
        `INGRESSCOOKIE=${'a'.repeat(3000)}`,
      ]) {
        const answer = await served.request({ host: 'sticky.example.com', headers: { cookie } });
        assert.equal(answer.status, 200);
      }
    });

    async function backendOf(name: string, path = '/'): Promise<string> {
      const answer = await served.request({ host: `${name}.example.com`, path });
      assert.equal(answer.status, 200);
      return ownerOf(answer.body);
    }
  });
}

function ownerOf(body: string): string {
  return (JSON.parse(body) as { backend: string }).backend;
}

function pairOf(cookies: readonly string[] | undefined, name: string): string {
  const [pair = ''] = (cookies?.[0] ?? '').split(';');
  assert.ok(pair.startsWith(`${name}=`), `no cookie ${name}: ${cookies?.join()}`);
  return pair;
}

describe('who decides how a Service is balanced', () => {
  it('is the oldest Ingress that leads there; others are told', () => {
    const result = run([
      ...app('a'),
      ingress('old', { age: 9, rules: { 'old.net': ['Prefix / a:80'] } }),
      ingress('young', {
        age: 1,
        annotations: { 'load-balance': 'ip_hash', 'upstream-hash-by': '$host' },
        rules: { 'young.net': ['Prefix / a:80'] },
      }),
    ]);

    assert.deepEqual(result.model.upstreams[0]?.additions, []);
    const reasons = verdictOf(result, 'Ingress/default/young').reasons.join();
    assert.match(reasons, /load-balance"\]: has no effect: Ingress\/default\/old decides/u);
    assert.match(reasons, /upstream-hash-by"\]: has no effect: Ingress\/default\/old decides/u);
  });

  it('is the Service itself where it says something, under our own prefix alone', () => {
    const annotations = {
      'cloud-native-gateway.io/load-balance': 'least_conn',
      'nginx.ingress.kubernetes.io/load-balance': 'ip_hash',
      'cloud-native-gateway.io/rewrite-target': '/x',
    };
    const own = service('a');
    const result = run([
      { ...own, meta: { ...own.meta, annotations } },
      slice('a', ['10.0.0.1']),
      ingress('i', { annotations: { 'load-balance': 'ip_hash' }, rules: { 'h.net': ['Prefix / a:80'] } }),
    ]);

    assert.match(JSON.stringify(result.model.upstreams[0]?.additions), /least_conn/u);
    assert.match(
      verdictOf(result, 'Service/default/a').reasons.join(),
      /rewrite-target"\]: has no effect on a Service/u,
    );
    assert.match(verdictOf(result, 'Ingress/default/i').reasons.join(), /Service\/default\/a decides/u);
  });

  for (const version of ['1.22', '1.30'] as const) {
    it(`is the cookie of whoever asks for one, also before the Service itself, on nginx ${version}`, () => {
      const annotations = { 'cloud-native-gateway.io/upstream-hash-by': '$host' };
      const own = service('a');
      const result = run(
        [
          { ...own, meta: { ...own.meta, annotations } },
          slice('a', ['10.0.0.1']),
          ingress('old', {
            age: 9,
            annotations: { 'upstream-hash-by': '$request_uri', 'load-balance': 'ip_hash' },
            rules: { 'old.net': ['Prefix / a:80'] },
          }),
          ingress('sticky', {
            age: 1,
            annotations: { affinity: 'cookie', 'affinity-mode': 'persistent', 'load-balance': 'least_conn' },
            rules: { 'sticky.net': ['Prefix / a:80'] },
          }),
        ],
        { capabilities: capabilityPresets[version] },
      );

      const why = 'has no effect: affinity of Ingress/default/sticky chooses endpoints';
      const old = verdictOf(result, 'Ingress/default/old').reasons.join('\n');
      assert.ok(old.includes(`upstream-hash-by"]: ${why}`), old);
      assert.ok(old.includes(`load-balance"]: ${why}`), old);
      const ofService = verdictOf(result, 'Service/default/a').reasons.join();
      assert.ok(
        ofService.includes(`metadata.annotations["cloud-native-gateway.io/upstream-hash-by"]: ${why}`),
        ofService,
      );
      const sticky = verdictOf(result, 'Ingress/default/sticky').reasons.join();
      assert.equal(
        sticky.includes('load-balance"]: has no effect: its affinity'),
        version === '1.22',
        sticky,
      );
    });
  }

  it('is the global option where neither says anything', () => {
    const options: ConfigMap = {
      kind: 'ConfigMap',
      meta: meta('options', { namespace: 'gateway' }),
      data: { 'load-balance': 'least_conn' },
    };
    const result = run(
      [
        ...app('a'),
        ...app('b'),
        options,
        ingress('plain', { rules: { 'a.net': ['Prefix / a:80'] } }),
        ingress('own', {
          annotations: { 'load-balance': 'round_robin' },
          rules: { 'b.net': ['Prefix / b:80'] },
        }),
      ],
      { settings: { optionsConfigMap: 'gateway/options' } },
    );

    const [ofA, ofB] = result.model.upstreams;
    assert.match(JSON.stringify(ofA?.additions), /least_conn/u);
    assert.deepEqual(ofB?.additions, []);
  });

  it('has zones that grow with the endpoints, under a name of their own', () => {
    function zoneFor(count: number): { name: string | undefined; size: string | undefined } {
      const addresses = Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
      const result = run([
        service('a'),
        slice('a', addresses),
        ingress('i', {
          annotations: { 'load-balance': 'least_conn' },
          rules: { 'h.net': ['Prefix / a:80'] },
        }),
      ]);
      const zone = result.model.upstreams[0]?.zone;
      return { name: zone?.name.text, size: zone?.size.text };
    }

    const sizes = [1, 40, 41, 200, 481, 1001].map((count) => zoneFor(count));

    assert.deepEqual(
      sizes.map(({ size }) => size),
      ['64k', '64k', '128k', '256k', '1m', '2m'],
    );
    assert.equal(new Set(sizes.map(({ name }) => name)).size, 5);
  });

  for (const value of ['chash', 'chashsubset', 'sticky_balanced']) {
    it(`tells that ${value} needs more`, () => {
      const result = run([
        ...app('a'),
        ingress('i', { annotations: { 'load-balance': value }, rules: { 'h.net': ['Prefix / a:80'] } }),
      ]);

      assert.match(
        verdictOf(result, 'Ingress/default/i').reasons.join(),
        /needs upstream-hash-by or affinity/u,
      );
    });
  }
});
