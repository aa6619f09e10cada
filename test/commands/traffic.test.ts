import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingest } from '../../src/cluster/ingest.ts';
import { createStore, type Store } from '../../src/cluster/store.ts';
import { isThere } from '../../src/commands/traffic.ts';
import { ingress } from '../support/objects.ts';

function storeOf(...objects: readonly object[]): Store {
  const store = createStore();
  store.apply({ set: objects.flatMap((object) => ingest(object).object ?? []), deleted: [] });
  return store;
}

function route(more: Partial<Parameters<typeof isThere>[0]> = {}): Parameters<typeof isThere>[0] {
  return { namespace: 'default', ingress: 'web', service: 'web', path: '/shop', canary: '', ...more };
}

test('the metrics of a route are kept as long as an Ingress says so', () => {
  const store = storeOf(
    ingress('web', {
      host: 'a.example',
      paths: [{ path: '/shop', service: 'web' }],
      defaultBackend: { service: 'rest' },
    }),
    ingress('bare', { paths: [{ path: '', service: 'web' }] }),
    ingress('next', { paths: [{ path: '/shop', service: 'next' }] }),
  );
  assert.ok(isThere(route(), store));
  assert.ok(isThere(route({ canary: 'next' }), store));
  assert.ok(isThere(route({ path: '/', service: 'rest' }), store), 'what its default backend answers');
  assert.ok(isThere(route({ ingress: 'bare', path: '/' }), store), 'a rule without a path');
  assert.ok(
    isThere(route({ ingress: 'next', path: '/', service: '' }), store),
    'what the gateway answers itself',
  );
  for (const gone of [
    { ingress: 'other' },
    { namespace: 'other' },
    { path: '/old' },
    { service: 'old' },
    { canary: 'old' },
    { path: '/', service: 'old' },
  ]) {
    assert.ok(!isThere(route(gone), store), JSON.stringify(gone));
  }
});
