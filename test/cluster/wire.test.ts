import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import { createStore } from '../../src/cluster/store.ts';
import {
  deltaFromWire,
  deltaToWire,
  fromWire,
  toWire,
  type WireDelta,
  type WireObject,
} from '../../src/cluster/wire.ts';
import { sameObject } from '../../src/cluster/object-shape.ts';
import { accepted, raw, rawIngress, rawService, rawSlice } from './fixtures.ts';

async function send<Message>(message: Message): Promise<Message> {
  const { port1, port2 } = new MessageChannel();
  try {
    const received = once(port2, 'message');
    port1.postMessage(message);
    return ((await received) as [Message])[0];
  } finally {
    port1.close();
  }
}

const data = JSON.parse('{"__proto__": "eA==", "constructor": "eQ==", "tls.key": "eg=="}') as object;

test('every kind comes through another thread as it was, frozen', async () => {
  const objects = [
    rawIngress(),
    rawService('a'),
    rawSlice('a-1', 'a', '10.0.0.1'),
    raw('Secret', 'v1', 's', { data }),
    raw('ConfigMap', 'v1', 'c', { data }),
    raw('Namespace', 'v1', 'n'),
  ].map(accepted);
  for (const object of objects) {
    const arrived = fromWire(await send<WireObject>(toWire(object)));
    assert.ok(sameObject(arrived, object), object.kind);
    assert.deepEqual(arrived, object);
    assert.ok(Object.isFrozen(arrived) && Object.isFrozen(arrived.meta.annotations));
    assert.equal(arrived.meta.annotations['constructor'], undefined);
  }
});

test('a Secret arrives readable and unprintable', async () => {
  const secret = accepted(raw('Secret', 'v1', 's', { data }));
  const arrived = fromWire(await send<WireObject>(toWire(secret))) as Extract<
    ClusterObject,
    { kind: 'Secret' }
  >;
  assert.deepEqual(Object.keys(arrived.data).sort(), ['__proto__', 'constructor', 'tls.key']);
  assert.equal(arrived.data['tls.key']?.reveal(), 'z');
  assert.equal(String(arrived.data['tls.key']), '[redacted]');
});

test('a delta comes through as a whole', async () => {
  const store = createStore();
  store.apply({ set: [accepted(rawIngress()), accepted(raw('Secret', 'v1', 's', { data }))], deleted: [] });
  const copy = createStore();
  copy.applyDelta(deltaFromWire(await send<WireDelta>(deltaToWire(store.changesSince(0)))));
  assert.deepEqual(copy.snapshot(), store.snapshot());
  assert.equal(copy.snapshot().secrets.get('web/s')?.data['tls.key']?.reveal(), 'z');
});
