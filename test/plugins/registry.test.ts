import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refused } from '../../src/model/token.ts';
import { builtinPluginNames, builtinPlugins } from '../../src/plugins/builtin.ts';
import { nearest } from '../../src/model/nearest.ts';
import { annotation, definePlugin, risks, type Plugin } from '../../src/plugins/plugin.ts';
import { PluginRegistry } from '../../src/plugins/registry.ts';

function plugin(name: string, order: number, annotations: readonly string[] = [], alias?: string): Plugin {
  const table = annotations.map((each) => [
    each,
    annotation({
      aliases: alias === undefined ? [] : [alias],
      parse: (text) => ({ value: text }),
      default: '',
      description: each,
    }),
  ]);
  return definePlugin({ name, order, annotations: Object.fromEntries(table) });
}

function errorOf(registry: PluginRegistry, given: Plugin): string {
  const registered = registry.register(given);
  return refused(registered) ? registered.error : '';
}

describe('the plugin registry', () => {
  it('lists plugins by order, then by name, however they were registered', () => {
    const registry = new PluginRegistry();
    for (const given of [plugin('z', 1), plugin('b', 5), plugin('a', 5), plugin('y', -1)]) {
      assert.equal(errorOf(registry, given), '');
    }

    assert.deepEqual(
      registry.list().map(({ name }) => name),
      ['y', 'z', 'a', 'b'],
    );
    assert.equal(registry.get('z')?.order, 1);
    assert.equal(registry.get('nobody'), null);
  });

  it('refuses a plugin with a bad or taken name, a bad order or an annotation of another one', () => {
    const registry = new PluginRegistry();
    registry.register(plugin('first', 1, ['one'], 'uno'));

    assert.match(errorOf(registry, plugin('../x', 1)), /"\.\.\/x" is not a plugin name/u);
    assert.match(errorOf(registry, plugin('first', 1)), /there is a plugin first already/u);
    assert.match(errorOf(registry, plugin('second', Number.NaN)), /its order is not a number/u);
    assert.match(
      errorOf(registry, plugin('second', 1, ['one'])),
      /annotation "one" belongs to plugin first/u,
    );
    assert.match(
      errorOf(registry, plugin('second', 1, ['uno'])),
      /annotation "uno" belongs to plugin first/u,
    );
    assert.match(
      errorOf(registry, plugin('second', 1, ['two', 'three'], 'zwei')),
      /annotation "zwei" belongs to plugin second/u,
    );
    assert.deepEqual(
      registry.list().map(({ name }) => name),
      ['first'],
    );
    assert.equal(registry.specOf('two'), null);
  });

  it('finds an annotation by its name and its aliases', () => {
    const registry = builtinPlugins();

    assert.equal(registry.specOf('whitelist-source-range')?.name, 'allowlist-source-range');
    assert.equal(registry.specOf('ssl-redirect')?.plugin.name, 'ssl-redirect');
    assert.equal(registry.specOf('nonsense'), null);
  });
});

describe('the built-in plugins', () => {
  it('know every annotation of ingress-nginx', () => {
    const registry = builtinPlugins();
    const sample = [
      'auth-url',
      'canary-weight',
      'rewrite-target',
      'proxy-body-size',
      'limit-rps',
      'session-cookie-path',
      'mirror-target',
    ];

    assert.deepEqual(
      sample.filter((name) => registry.specOf(name) === null),
      [],
    );
    const count = registry.list().reduce((sum, { annotations }) => sum + Object.keys(annotations).length, 0);
    assert.ok(count >= 139, `${count} annotations`);
  });

  it('take every snippet for critical, under each of its names', () => {
    const registry = builtinPlugins();
    const snippets = ['configuration', 'server', 'stream', 'auth', 'modsecurity'].map(
      (name) => `${name}-snippet`,
    );

    assert.deepEqual(
      snippets.map((name) => registry.specOf(name)?.spec.risk),
      snippets.map(() => 'Critical'),
    );
    const others = registry
      .list()
      .flatMap(({ annotations }) => Object.entries(annotations))
      .filter(([name]) => !name.endsWith('-snippet'));
    assert.deepEqual(
      others.filter(([, { risk }]) => risks.indexOf(risk) > risks.indexOf('High')),
      [],
    );
  });

  it('tell which annotations decide who gets in, under both prefixes and with aliases', () => {
    const names = builtinPlugins({ prefix: 'example.com' }).protectiveAnnotations;

    assert.ok(names.has('example.com/whitelist-source-range'));
    assert.ok(names.has('cloud-native-gateway.io/auth-url'));
    assert.ok(names.has('example.com/satisfy'));
    assert.ok(!names.has('example.com/ssl-redirect'));
  });

  it('can be named to be switched off', () => {
    assert.ok(['ssl-redirect', 'backend-protocol'].every((name) => builtinPluginNames.includes(name)));
    assert.deepEqual(
      builtinPluginNames.filter((name) => ['not-yet', 'canary'].includes(name)),
      [],
    );
  });
});

describe('the nearest name', () => {
  const known = ['ssl-redirect', 'ssl-ciphers', 'auth-url', 'auth-type', 'satisfy'];
  const cases: readonly [string, string | null][] = [
    ['ssl-redirects', 'ssl-redirect'],
    ['sll-redirect', 'ssl-redirect'],
    ['auth-ulr', 'auth-url'],
    ['auth-typ', 'auth-type'],
    ['something-else', null],
    ['', null],
    ['a', null],
    ['x'.repeat(10_000), null],
  ];
  for (const [name, found] of cases) {
    it(`of ${JSON.stringify(name.slice(0, 20))} is ${found ?? 'none'}`, () => {
      assert.equal(nearest(name, known), found);
      assert.equal(nearest(name, [...known].reverse()), found);
    });
  }
});
