import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  configMapAnnotations,
  configMapOptions,
  referencedConfigMaps,
  referencedSecrets,
  secretAnnotations,
  secretOptions,
  type ReferenceRules,
} from '../../../src/cluster/kubernetes/referenced-secrets.ts';
import { createStore } from '../../../src/cluster/store.ts';
import type { Snapshot } from '../../../src/cluster/snapshot.ts';
import { app, ingress as translated, run } from '../../translate/world.ts';
import { optionTable } from '../../../src/options/options.ts';
import { builtinPlugins } from '../../../src/plugins/builtin.ts';
import { accepted } from '../fixtures.ts';
import { configMap, ingress } from './world.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const rules: ReferenceRules = { prefixes: [prefix], secrets: [], configMaps: [] };

function snapshotOf(...objects: readonly object[]): Snapshot {
  const store = createStore();
  store.apply({ set: objects.map(accepted), deleted: [] });
  return store.snapshot();
}

function sorted(names: ReadonlySet<string>): string[] {
  return [...names].sort();
}

test('Secrets: of tls, of annotations with and without namespace, of the configuration', () => {
  const snapshot = snapshotOf(
    ingress('a', { secret: 'tls' }),
    ingress('b', {
      annotations: {
        [`${prefix}/auth-secret`]: 'users',
        [`${prefix}/auth-tls-secret`]: 'web/ca',
        [`${prefix}/proxy-ssl-secret`]: ' web/client ',
        'other.example.com/auth-secret': 'foreign',
      },
    }),
  );
  assert.deepEqual(sorted(referencedSecrets(snapshot, { ...rules, secrets: ['gateway/default', ''] })), [
    'gateway/default',
    'web/ca',
    'web/client',
    'web/tls',
    'web/users',
  ]);
  const two = { ...rules, prefixes: ['other.example.com', 'third.example.com'] };
  assert.deepEqual(sorted(referencedSecrets(snapshot, two)), ['web/foreign', 'web/tls']);
});

test('what translate would refuse is not asked for: other namespaces, and names without theirs', () => {
  const annotations = {
    [`${prefix}/auth-secret`]: 'other/users',
    [`${prefix}/auth-tls-secret`]: 'ca',
    [`${prefix}/proxy-ssl-secret`]: 'other/client',
    [`${prefix}/custom-headers`]: 'other/headers',
  };
  const snapshot = snapshotOf(ingress('a', { annotations }));
  assert.deepEqual(sorted(referencedSecrets(snapshot, rules)), []);
  assert.deepEqual(sorted(referencedConfigMaps(snapshot, rules)), []);
  const allowed = { ...rules, allowCrossNamespace: true };
  assert.deepEqual(sorted(referencedSecrets(snapshot, allowed)), ['other/client', 'other/users']);
  assert.deepEqual(sorted(referencedConfigMaps(snapshot, allowed)), ['other/headers']);
  for (const [text, found] of [
    ['true', ['other/client', 'other/users']],
    ['false', []],
    ['maybe', []],
  ] as const) {
    const option = { 'allow-cross-namespace-resources': text };
    const withOption = snapshotOf(ingress('a', { annotations }), configMap('options', option, 'gateway'));
    const byOption = { ...rules, configMaps: ['gateway/options'] };
    assert.deepEqual(sorted(referencedSecrets(withOption, byOption)), found);
  }
});

test('the annotations that are followed are those through which plugins read objects', () => {
  const found = { Secret: new Set<string>(), ConfigMap: new Set<string>() };
  const rows = builtinPlugins()
    .list()
    .flatMap(({ annotations }) => Object.entries(annotations));
  for (const name of rows.flatMap(([own, { aliases }]) => [own, ...aliases])) {
    for (const protocol of ['HTTPS', 'FCGI']) {
      const annotations = {
        'auth-type': 'basic',
        'auth-url': 'http://auth.example.com/',
        'backend-protocol': protocol,
        [name]: 'default/absent',
      };
      const tls = [{ hosts: ['a.example.com'], secretName: 'pair' }];
      const hosts = { 'a.example.com': ['Prefix / a:80'] };
      const { verdicts } = run([...app('a'), translated('i', { annotations, tls, rules: hosts })]);
      for (const { message } of verdicts.flatMap(({ reasons }) => reasons)) {
        const [, kind] = /there is no (Secret|ConfigMap) "default\/absent"/u.exec(message) ?? [];
        if (kind === 'Secret' || kind === 'ConfigMap') {
          found[kind].add(name);
        }
      }
    }
  }
  assert.deepEqual([...found.Secret].sort(), Object.keys(secretAnnotations).sort());
  assert.deepEqual([...found.ConfigMap].sort(), Object.keys(configMapAnnotations).sort());
});

test('the options that are followed are those whose values name objects', () => {
  const naming = [...optionTable].filter(([, { parse }]) => {
    const parsed: unknown = parse('web/absent');
    return isDeepStrictEqual(parsed, { value: { namespace: 'web', name: 'absent' } });
  });
  assert.deepEqual(naming.map(([name]) => name).sort(), [...secretOptions, ...configMapOptions].sort());
});

test('what can be no name is not asked for', () => {
  for (const value of ['', '/', 'a/', '/b', 'a/b/c', '../x', 'A', 'a b', 'x/../../y', 'a'.repeat(400)]) {
    const annotations = { [`${prefix}/auth-secret`]: value };
    assert.deepEqual(sorted(referencedSecrets(snapshotOf(ingress('a', { annotations })), rules)), [], value);
  }
});

test('ConfigMaps: of annotations, of the configuration, and those that its options name', () => {
  const snapshot = snapshotOf(
    ingress('a', { annotations: { [`${prefix}/custom-headers`]: 'web/headers' } }),
    configMap(
      'options',
      { 'proxy-set-headers': 'gateway/more', 'add-headers': 'unqualified', 'ssl-dh-param': 'gateway/dh' },
      'gateway',
    ),
  );
  const named = { ...rules, configMaps: ['gateway/options'] };
  assert.deepEqual(sorted(referencedConfigMaps(snapshot, named)), [
    'gateway/more',
    'gateway/options',
    'web/headers',
  ]);
  assert.deepEqual(sorted(referencedSecrets(snapshot, named)), ['gateway/dh']);
  assert.deepEqual(
    sorted(referencedConfigMaps(snapshot, rules)),
    ['web/headers'],
    'only of named ConfigMaps',
  );
});

test('Ingresses of others refer to nothing', () => {
  const snapshot = snapshotOf(ingress('a', { secret: 'tls' }));
  assert.deepEqual(sorted(referencedSecrets(snapshot, { ...rules, isServed: () => false })), []);
  assert.deepEqual(sorted(referencedSecrets(snapshot, { ...rules, isServed: () => true })), ['web/tls']);
});
