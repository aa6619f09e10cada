import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingest } from '../../src/cluster/ingest.ts';
import { createStore } from '../../src/cluster/store.ts';
import { findOrphans } from '../../src/controller/orphans.ts';
import type { Verdict, VerdictState } from '../../src/model/verdict.ts';
import { ingress, serviceObject, serviceOn, serviceWith, sliceOf } from '../support/objects.ts';

function verdict(name: string, state: VerdictState): Verdict {
  return { kind: 'Ingress', namespace: 'default', name, state, reasons: [] };
}

test('orphans are the served Ingresses with a Service that is missing or has no ready endpoint', () => {
  const store = createStore();
  const unready = [{ addresses: ['10.0.0.1'], conditions: { ready: false } }];
  const raw = [
    ...serviceOn('good', [80]),
    serviceObject('empty'),
    serviceObject('unready'),
    sliceOf('unready', 'unready', unready, [{ name: 'http', port: 80, protocol: 'TCP' }]),
    serviceWith('elsewhere', { type: 'ExternalName', externalName: 'example.com' }),
    ingress('fine', { host: 'a.test', paths: [{ service: 'good' }, { path: '/x', service: 'elsewhere' }] }),
    ingress('twice', {
      host: 'b.test',
      paths: [{ service: 'missing' }, { path: '/x', service: 'empty' }, { path: '/y', service: 'unready' }],
    }),
    ingress('waits', { host: 'c.test', paths: [{ service: 'unready' }] }),
    ingress('foreign', { host: 'd.test', paths: [{ service: 'missing' }] }),
    ingress('bad', { host: 'e.test', paths: [{ service: 'missing' }] }),
  ];
  const objects = raw.flatMap((one) => ingest(one).object ?? []);
  assert.equal(objects.length, raw.length);
  store.apply({ set: objects, deleted: [] });
  const verdicts = [
    verdict('fine', 'served'),
    verdict('twice', 'served-with-difference'),
    verdict('waits', 'served-with-difference'),
    verdict('foreign', 'ignored'),
    verdict('bad', 'rejected'),
  ];
  assert.deepEqual(findOrphans(store.snapshot(), verdicts), [
    { namespace: 'default', name: 'twice', type: 'no-endpoint' },
    { namespace: 'default', name: 'twice', type: 'no-service' },
    { namespace: 'default', name: 'waits', type: 'no-endpoint' },
  ]);
});
