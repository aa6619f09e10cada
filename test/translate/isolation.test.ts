import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import { annotation, definePlugin, type Plugin } from '../../src/plugins/plugin.ts';
import type { PluginRegistry } from '../../src/plugins/registry.ts';
import { app, ingress, meta, routesOf, run, serverOf, service, slice, verdictOf } from './world.ts';

const host = 'a.example.com';
const other = 'b.example.com';

/** The built-in plugins and one that acts where the annotation `faulty` is set. */
function withFaulty(act: Pick<Plugin, 'ingress' | 'route' | 'http'>): PluginRegistry {
  const registry = builtinPlugins();
  const faulty = annotation({
    parse: (text) => ({ value: text }),
    default: '',
    description: 'Breaks.',
  });
  registry.register(definePlugin({ name: 'faulty', order: 1, annotations: { faulty }, ...act }));
  return registry;
}

function broken(): never {
  throw new Error('plugin bug');
}

describe('a quarantined Ingress', () => {
  const quarantine = { 'Ingress/default/bad': 'nginx: "zone" is wrong' };

  it('keeps its hosts and paths, which answer 503, and its certificate choice', () => {
    const result = run(
      [
        ...app('a'),
        ingress('bad', {
          age: 2,
          rules: { [host]: ['Prefix /x a:80'] },
          annotations: { 'force-ssl-redirect': 'true' },
        }),
        ingress('good', { age: 1, rules: { [host]: ['Prefix /x a:80', 'Prefix /y a:80'] } }),
      ],
      { quarantine },
    );

    assert.deepEqual(routesOf(result, host), [
      '/y/ -> http://default_a_80',
      '= /y -> http://default_a_80',
      '/x/ -> 503',
      '= /x -> 503',
      '/ -> 503',
    ]);
    assert.deepEqual(verdictOf(result, 'Ingress/default/bad'), {
      state: 'quarantined',
      reasons: ['nginx: nginx: "zone" is wrong'],
    });
    assert.equal(verdictOf(result, 'Ingress/default/good').state, 'served-with-difference');
  });

  it('keeps the catch-all route that it has', () => {
    const result = run(
      [
        ...app('a'),
        ingress('bad', { age: 2, defaultBackend: 'a:80' }),
        ingress('good', { age: 1, defaultBackend: 'a:80' }),
      ],
      {
        quarantine,
      },
    );

    assert.deepEqual(routesOf(result, ''), ['/ -> 503']);
  });
});

describe('a plugin that throws', () => {
  const objects = [
    ...app('a'),
    ingress('bad', { annotations: { faulty: 'x' }, rules: { [host]: ['Prefix / a:80', 'Prefix /x a:80'] } }),
    ingress('good', { rules: { [other]: ['Prefix / a:80'] } }),
  ];
  let calls = 0;
  const faults: readonly [string, Pick<Plugin, 'ingress' | 'route' | 'http'>][] = [
    ['for an Ingress', { ingress: broken }],
    ['for a route', { route: ({ field }) => (field('faulty') === null ? {} : broken()) }],
    [
      'for one of several routes',
      {
        route({ field }) {
          calls += 1;
          return field('faulty') !== null && calls > 1 ? broken() : {};
        },
      },
    ],
    [
      'for all routes together',
      { route: ({ field }) => (field('faulty') === null ? {} : { location: {} }), http: broken },
    ],
  ];
  for (const [when, act] of faults) {
    it(`${when} closes the Ingress it was called for and no other`, () => {
      calls = 0;
      const result = run(objects, { plugins: withFaulty(act) });

      assert.deepEqual(routesOf(result, host), ['/x/ -> 503', '= /x -> 503', '/ -> 503']);
      assert.deepEqual(
        serverOf(result, host).locations.flatMap(({ additions }) => additions),
        [],
      );
      assert.deepEqual(routesOf(result, other), ['/ -> http://default_a_80']);
      assert.equal(verdictOf(result, 'Ingress/default/bad').state, 'quarantined');
      assert.match(
        verdictOf(result, 'Ingress/default/bad').reasons.join(),
        /could not be translated: "plugin bug"/u,
      );
      assert.equal(verdictOf(result, 'Ingress/default/good').state, 'served');
    });
  }
});

describe('additions of plugins', () => {
  it('stand in the order of the plugins, and once for all at the top where they are used', () => {
    const plugins = withFaulty({
      route: ({ field }) => (field('faulty') === null ? {} : { location: { mark: 1 } }),
      http: (used) => ({ count: used.length }),
    });
    const annotations = { faulty: 'x', 'force-ssl-redirect': 'true' };
    const used = run(
      [...app('a'), ingress('i', { annotations, rules: { [host]: ['Prefix / a:80', 'Exact /x a:80'] } })],
      { plugins },
    );
    const unused = run([...app('a'), ingress('i', { rules: { [host]: ['Prefix / a:80'] } })], { plugins });

    assert.deepEqual(
      serverOf(used, host).locations[0]?.additions.map(({ plugin }) => plugin),
      ['faulty', 'ssl-redirect'],
    );
    assert.deepEqual(
      used.model.http.additions.map(({ plugin, settings }) => [plugin, settings['count'] ?? null]),
      [
        ['faulty', 2],
        ['ssl-redirect', null],
      ],
    );
    assert.deepEqual(unused.model.http.additions, []);
  });
});

describe('verdicts', () => {
  it('fold in what was found while objects were read; the worst state wins', () => {
    const object = { kind: 'Ingress', namespace: 'default', name: 'i' } as const;
    const unread = { kind: 'Secret', namespace: 'default', name: 's' } as const;
    const findings = [
      { object, state: 'served-with-difference', reason: { field: 'spec.x', message: 'is unknown' } },
      { object: unread, state: 'rejected', reason: { field: 'data', message: 'is not base64' } },
    ] as const;

    const result = run([...app('a'), ingress('i', { rules: { [host]: ['Prefix / a:80'] } })], { findings });

    assert.deepEqual(verdictOf(result, 'Ingress/default/i'), {
      state: 'served-with-difference',
      reasons: ['spec.x: is unknown'],
    });
    assert.deepEqual(verdictOf(result, 'Secret/default/s'), {
      state: 'rejected',
      reasons: ['data: is not base64'],
    });
  });

  it('are sorted, say each thing once and end a long list with a count', () => {
    const paths = Array.from({ length: 80 }, (_, index) => `Prefix relative${index} a:80`);
    const { verdicts } = run([
      ...app('b'),
      ...app('a'),
      ingress('i', { rules: { [host]: [...paths, 'Prefix /1 b:80', 'Prefix /2 a:80'] } }),
    ]);

    assert.deepEqual(
      verdicts.map(({ kind, name }) => `${kind} ${name}`),
      ['Ingress i', 'Service a', 'Service b'],
    );
    assert.equal(verdicts[0]?.reasons.length, 51);
    assert.deepEqual(verdicts[0]?.reasons.at(-1), { field: '', message: 'and 30 more like these' });
  });

  it('reject an object whose name could not stand in a comment', () => {
    const odd = { ...ingress('i', { rules: { [host]: ['Prefix / a:80'] } }), meta: meta('x\n}') };
    const oddService = { ...service('s'), meta: meta('s {') };
    const result = run([
      odd,
      oddService,
      slice('s {', ['10.0.0.1']),
      ingress('j', { rules: { [other]: ['Prefix / s:80'] } }),
    ]);

    assert.equal(result.model.servers.length, 2);
    assert.equal(verdictOf(result, 'Ingress/default/x\n}').state, 'rejected');
  });
});
