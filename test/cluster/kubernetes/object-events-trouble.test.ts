import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hang, reset, status } from '../../support/fake-api-server.ts';
import {
  eventWrites,
  eventsOf,
  leading,
  lease,
  outputsWorld,
  plainIngress,
  replica,
  seen,
  settled,
  told,
  verdict,
} from './outputs-world.ts';
import { until } from './world.ts';

test('a burst of 1,000 changes is a bounded number of Events, the worries first', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  const names = Array.from({ length: 1000 }, (_, index) => `app-${index}`);
  world.put(...names.map((name) => plainIngress(name)));
  const one = await replica(t, world, {
    name: 'pod-a',
    config: { updateStatus: false },
    limits: { total: { burst: 50, perSecond: 1e-6 }, mostWaiting: 400 },
  });
  await leading(one);
  await seen(one, []);
  one.outputs.verdictsChanged(
    names.map((name, index) => verdict(name, index % 50 === 49 ? 'rejected' : 'served')),
  );
  await until('told', () => one.outputs.state().events?.written === 50);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { waiting, written, leftOut } = one.outputs.state().events ?? {};
  assert.deepEqual({ waiting, written, leftOut }, { waiting: 350, written: 50, leftOut: 600 });
  assert.equal(eventWrites(world.server).length, 50);
  assert.equal(told(world).filter((text) => text.startsWith('Warning')).length, 20);
  const lines = one.log.lines.filter(({ message }) => message.includes('not told'));
  assert.deepEqual(
    lines.map(({ fields }) => fields),
    [{ count: 600 }],
  );
});

test('an object that flaps: ten writes, then the rest counted into one', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'));
  const one = await replica(t, world, {
    name: 'pod-a',
    config: { updateStatus: false },
    limits: { perObject: { burst: 10, perSecond: 1e-6 } },
  });
  await leading(one);
  await seen(one, [verdict('a', 'served')]);
  for (let change = 0; change < 30; change += 1) {
    one.outputs.verdictsChanged([verdict('a', 'rejected', `reason ${change}`)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until('told', () => eventWrites(world.server).length === 10);
  assert.equal(eventsOf(world.server).length, 1);
  assert.equal(one.outputs.state().events?.waiting, 1);
});

test('an outage: changes wait, the newest is told once it is over, nothing twice', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'), plainIngress('b'));
  // Nobody else leads meanwhile, so nothing is given up after that time.
  const one = await replica(t, world, {
    name: 'pod-a',
    config: { updateStatus: false },
    limits: { handoverMs: 1000 },
  });
  await leading(one);
  await seen(one, [verdict('a', 'served'), verdict('b', 'served')]);
  one.wire.isCut = true;
  one.outputs.verdictsChanged([verdict('a', 'rejected', 'first'), verdict('b', 'rejected')]);
  await until('leads no longer', () => one.outputs.state().leader?.isLeader === false);
  one.outputs.verdictsChanged([verdict('a', 'rejected', 'second'), verdict('b', 'served')]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  one.wire.isCut = false;
  await until('told', () => told(world).length > 0);
  await settled(one);
  assert.deepEqual(told(world), ['Warning Rejected a spec: second ×2']);
});

test('an answer that is lost is not told twice', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'));
  const base = await replica(t, world, { name: 'unused' });
  let losing = 1;
  const one = await replica(t, world, {
    name: 'pod-a',
    config: { updateStatus: false },
    writeClient: {
      ...base.wire.client,
      async send(request) {
        const reply = await base.wire.client.send(request);
        if (request.method !== 'POST' || losing === 0) {
          return reply;
        }
        losing -= 1;
        return { kind: 'failure', reason: 'the answer was lost', isStale: false };
      },
    },
  });
  await leading(one);
  await seen(one, [verdict('a', 'served')]);
  await seen(one, [verdict('a', 'rejected')]);
  await until('settled', () => one.outputs.state().events?.waiting === 0);
  assert.deepEqual(told(world), ['Warning Rejected a spec: because of the test ×1']);
  await seen(one, [verdict('a', 'served')]);
  await seen(one, [verdict('a', 'rejected')]);
  assert.deepEqual(told(world)[1], 'Warning Rejected a spec: because of the test ×2');
});

test('refusals: of one namespace, of one Event, of a namespace that is going', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  const terminating =
    '{"message":"forbidden: it is being terminated","details":{"causes":[{"reason":"NamespaceTerminating"}]}}';
  for (const name of ['forbidden', 'invalid', 'terminating', 'fine']) {
    world.put({ ...plainIngress(name), metadata: { name, namespace: name } });
  }
  const faults = {
    forbidden: status(403),
    invalid: status(422),
    terminating: status(403, { body: terminating }),
  };
  const base = await replica(t, world, { name: 'unused' });
  const one = await replica(t, world, {
    name: 'pod-a',
    config: { updateStatus: false },
    limits: { forbiddenMs: 1e9 },
    writeClient: {
      ...base.wire.client,
      send(request) {
        const namespace = /namespaces\/([^/]+)\/events/u.exec(request.path)?.[1] ?? '';
        if (namespace in faults) {
          world.server.failNext(
            { verb: 'create', plural: 'events' },
            faults[namespace as keyof typeof faults],
          );
        }
        return base.wire.client.send(request);
      },
    },
  });
  await leading(one);
  await seen(one, []);
  one.outputs.verdictsChanged(
    ['forbidden', 'invalid', 'terminating', 'fine'].map((name) => ({
      ...verdict(name, 'rejected'),
      namespace: name,
    })),
  );
  await until('all but one settled', () => one.outputs.state().events?.written === 1);
  assert.deepEqual(told(world), ['Warning Rejected fine spec: because of the test ×1']);
  const { waiting, leftOut, trouble } = one.outputs.state().events ?? {};
  assert.equal(waiting, 1, 'only the forbidden one waits');
  assert.equal(leftOut, 1);
  assert.match(String(trouble), /403/u);
  const warnings = one.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  assert.deepEqual(warnings.sort(), [
    'An Event was refused',
    'Events may not be written',
    'Some changes were not told as Events',
  ]);
});

test('failures of every sort are tried again', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'));
  const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  await leading(one);
  await seen(one, []);
  world.server.failNext({ verb: 'create', plural: 'events' }, status(500));
  world.server.failNext({ verb: 'create', plural: 'events' }, status(429, { retryAfter: 1 }));
  world.server.failNext({ verb: 'create', plural: 'events' }, reset());
  one.outputs.verdictsChanged([verdict('a', 'rejected')]);
  await until('told', () => told(world).length === 1);
  await settled(one);
  assert.equal(one.log.count('warn'), 1, 'one warning for all of them');
  assert.equal(one.outputs.state().events?.trouble, null);
});

test('switched off, nothing is told; a server that hangs does not keep the end waiting', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'));
  const off = await replica(t, world, { name: 'pod-a', config: { disableSyncEvents: true } });
  assert.equal(off.outputs.state().events, null);
  const one = await replica(t, world, { name: 'pod-b', config: { updateStatus: false } });
  await leading(one);
  await seen(one, []);
  world.server.failAll({ plural: 'events' }, hang());
  one.outputs.verdictsChanged([verdict('a', 'rejected')]);
  await until('under way', () => eventWrites(world.server).length === 1);
  let isStopped = false;
  void one.outputs.stop().then(() => {
    isStopped = true;
  });
  await until('stopped before the 15 s of a request are over', () => isStopped);
});
