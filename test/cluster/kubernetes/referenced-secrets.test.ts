import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  referencedConfigMaps,
  referencedSecrets,
  type ReferenceRules,
} from '../../../src/cluster/kubernetes/referenced-secrets.ts';
import { createStore } from '../../../src/cluster/store.ts';
import type { Snapshot } from '../../../src/cluster/snapshot.ts';
import { accepted } from '../fixtures.ts';
import { configMap, ingress } from './world.ts';

const prefix = 'nginx.ingress.kubernetes.io';
const rules: ReferenceRules = { annotationsPrefix: prefix, secrets: [], configMaps: [] };

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
        [`${prefix}/auth-tls-secret`]: 'other/ca',
        [`${prefix}/proxy-ssl-secret`]: ' web/client ',
        'other.example.com/auth-secret': 'foreign',
      },
    }),
  );
  assert.deepEqual(sorted(referencedSecrets(snapshot, { ...rules, secrets: ['gateway/default', ''] })), [
    'gateway/default',
    'other/ca',
    'web/client',
    'web/tls',
    'web/users',
  ]);
  const own = { ...rules, annotationsPrefix: 'other.example.com' };
  assert.deepEqual(sorted(referencedSecrets(snapshot, own)), ['web/foreign', 'web/tls']);
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
    configMap('options', { 'proxy-set-headers': 'gateway/more', 'ssl-dh-param': 'gateway/dh' }, 'gateway'),
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

test('Ingresses of others refer to nothing; annotations of plugins count', () => {
  const snapshot = snapshotOf(
    ingress('a', { secret: 'tls', annotations: { [`${prefix}/my-secret`]: 'mine' } }),
  );
  assert.deepEqual(sorted(referencedSecrets(snapshot, { ...rules, isServed: () => false })), []);
  const plugin = { ...rules, secretAnnotations: ['my-secret'] };
  assert.deepEqual(sorted(referencedSecrets(snapshot, plugin)), ['web/mine', 'web/tls']);
});
