import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import { temporaryDirectory } from '../../support/temp-dir.ts';
import {
  eventWrites,
  eventsOf,
  leading,
  lease,
  outputsWorld,
  plainIngress,
  quickClock,
  replica,
  seen,
  settled,
  statusWrites,
  told,
  verdict,
} from './outputs-world.ts';
import { until } from './world.ts';

test('one Event for each change, as kubectl shows them; counted up when it comes again', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'), plainIngress('b'));
  const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  await leading(one);
  await seen(one, [verdict('a', 'served'), verdict('b', 'rejected', 'before')]);
  assert.deepEqual(told(world), [], 'the first look is no change');
  await seen(one, [verdict('a', 'rejected', 'no such Secret'), verdict('b', 'rejected', 'before')]);
  assert.deepEqual(told(world), ['Warning Rejected a spec: no such Secret ×1']);
  await seen(one, [verdict('a', 'rejected', 'no such Secret'), verdict('b', 'served')]);
  await seen(one, [verdict('a', 'served'), verdict('b', 'served')]);
  await seen(one, [verdict('a', 'rejected', 'another reason'), verdict('b', 'served')]);
  assert.deepEqual(told(world), [
    'Normal Served a The object is served as written. ×1',
    'Normal Served b The object is served as written. ×1',
    'Warning Rejected a spec: another reason ×2',
  ]);
  const [event] = eventsOf(world.server).filter(({ type }) => type === 'Warning');
  const ingress = world.server.objects.get('networking.k8s.io/v1/ingresses', 'web/a');
  assert.deepEqual(event?.['involvedObject'], {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    namespace: 'web',
    name: 'a',
    uid: ingress?.metadata.uid,
    resourceVersion: ingress?.metadata.resourceVersion,
  });
  assert.equal(event?.metadata.namespace, 'web');
  assert.deepEqual(event?.['source'], { component: 'cloud-native-gateway' });
  assert.equal(event?.['reportingInstance'], 'pod-a');
  assert.match(String(event?.['lastTimestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u);
  assert.equal(eventWrites(world.server).length, 4);
});

test('what is news: new Ingresses that are ours, and worries of other objects with their end', async (t) => {
  const world = await outputsWorld(t);
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'web' }, spec: {} };
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(...['new', 'foreign', 'leaving'].map((name) => plainIngress(name)), service);
  const ofService = { ...verdict('s', 'served'), kind: 'Service' } as const;
  const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  await leading(one);
  await seen(one, [verdict('leaving', 'served')]);
  await seen(one, [
    verdict('leaving', 'ignored', 'of another class'),
    verdict('new', 'served'),
    verdict('foreign', 'ignored'),
    ofService,
  ]);
  assert.deepEqual(told(world), [
    'Normal Ignored leaving spec: of another class ×1',
    'Normal Served new The object is served as written. ×1',
  ]);
  await seen(one, [{ ...ofService, state: 'rejected', reasons: [{ field: 'spec', message: 'broken' }] }]);
  await seen(one, [ofService]);
  assert.deepEqual(told(world).slice(2), [
    'Normal Served s The object is served as written. ×1',
    'Warning Rejected s spec: broken ×1',
  ]);
});

test('an object that could not be read is looked up; names that no object has are left out', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  const raw = world.server.objects.put(plainIngress('unreadable'));
  const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  await leading(one);
  await seen(one, []);
  await seen(one, [
    verdict('unreadable', 'rejected'),
    verdict('deleted-meanwhile', 'rejected'),
    verdict('_all_', 'served-with-difference'),
    verdict('_invalid_x_12345678', 'rejected'),
  ]);
  assert.deepEqual(told(world), ['Warning Rejected unreadable spec: because of the test ×1']);
  assert.equal(textAt(eventsOf(world.server)[0], 'involvedObject', 'uid'), raw.metadata.uid);
  assert.equal(one.outputs.state().events?.leftOut, 0);
});

test('objects without a namespace: their Events stand in default', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  const ingressClass = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'nginx' },
    spec: { controller: 'x/y' },
  };
  world.put(ingressClass);
  const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  await leading(one);
  await seen(one, []);
  await seen(one, [{ ...verdict('nginx', 'conflict'), kind: 'IngressClass', namespace: '' }]);
  const [event] = eventsOf(world.server);
  assert.equal(event?.metadata.namespace, 'default');
  assert.equal(at(event, 'involvedObject', 'namespace'), undefined);
});

test('5,000 unchanged objects at a restart, with and without memory: no Event, no request for one', async (t) => {
  const world = await outputsWorld(t);
  const names = Array.from({ length: 5000 }, (_, index) => `app-${index}`);
  world.put(
    ...names.map((name) =>
      plainIngress(name, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } }),
    ),
  );
  world.server.put(lease('pod-before', '2026-01-01T00:00:00.000000Z'));
  const verdicts = names.map((name, index) => verdict(name, index % 3 === 0 ? 'rejected' : 'served'));
  const memoryPath = join(await temporaryDirectory(t), 'events.json');
  for (const [name, path] of [
    ['new-pod', memoryPath],
    ['new-pod', memoryPath],
    ['newer-pod', null],
  ] as const) {
    const one = await replica(t, world, { name, memoryPath: path });
    await leading(one);
    await seen(one, verdicts);
    await seen(one, [...verdicts]);
    assert.equal(eventWrites(world.server).length, 0);
    assert.equal(world.server.count({ plural: 'events' }), 0);
    assert.equal(statusWrites(world.server).length, 0);
    if (path === null) {
      // All that was not for want of looking.
      one.outputs.verdictsChanged([verdict('app-0', 'conflict'), ...verdicts.slice(1)]);
      await until('told', () => told(world).length > 0);
      assert.deepEqual(told(world), ['Warning Conflict app-0 spec: because of the test ×1']);
    }
    await one.outputs.stop();
  }
});

test('a change that happened while the gateway was down is told when there is a memory', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'), plainIngress('b'));
  const memoryPath = join(await temporaryDirectory(t), 'events.json');
  const config = { updateStatus: false };
  const before = await replica(t, world, { name: 'pod-a', memoryPath, config });
  await leading(before);
  await seen(before, [verdict('a', 'served'), verdict('b', 'served')]);
  await before.outputs.stop();
  const after = await replica(t, world, { name: 'pod-a', memoryPath, config });
  await leading(after);
  await seen(after, [verdict('a', 'conflict'), verdict('b', 'served')]);
  assert.deepEqual(told(world), ['Warning Conflict a spec: because of the test ×1']);
});

test('where no gateway has ever run, what is a reason to worry is told, and nothing else', async (t) => {
  for (const isLate of [false, true]) {
    const world = await outputsWorld(t);
    world.put(plainIngress('good'), plainIngress('bad'));
    const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
    const verdicts = [verdict('good', 'served'), verdict('bad', 'rejected')];
    if (isLate) {
      // The first look comes before it is known who leads.
      one.wire.isCut = true;
      one.outputs.start();
      one.outputs.verdictsChanged(verdicts);
      await new Promise((resolve) => setTimeout(resolve, 30));
      one.wire.isCut = false;
    } else {
      await leading(one);
      one.outputs.verdictsChanged(verdicts);
    }
    await until('told', () => told(world).length > 0);
    await settled(one);
    assert.deepEqual(told(world), ['Warning Rejected bad spec: because of the test ×1']);
  }
});

test('only the leader tells; a change in the gap between two leaders is told once', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'), plainIngress('b'), plainIngress('c'));
  const config = { updateStatus: false };
  const clock = quickClock(50);
  const one = await replica(t, world, { name: 'pod-a', config, clock });
  await leading(one);
  const other = await replica(t, world, { name: 'pod-b', config, clock });
  other.outputs.start();
  const all = ['a', 'b', 'c'].map((name) => verdict(name, 'served'));
  await seen(one, all);
  other.outputs.verdictsChanged(all);
  await until('pod-b follows', () => other.outputs.state().leader?.isOtherLeading === true);
  const next = [verdict('a', 'rejected'), ...all.slice(1)];
  one.outputs.verdictsChanged(next);
  other.outputs.verdictsChanged(next);
  await until('told by one', () => told(world).length === 1);
  assert.equal(other.outputs.state().events?.written, 0);
  // pod-a dies without a word; what changes now is seen by pod-b alone.
  one.wire.isCut = true;
  other.outputs.verdictsChanged([verdict('a', 'rejected'), verdict('b', 'conflict'), verdict('c', 'served')]);
  await until('pod-b leads', () => other.outputs.state().leader?.isLeader === true);
  await until('told by the other', () => told(world).length === 2);
  await settled(other);
  assert.deepEqual(told(world), [
    'Warning Conflict b spec: because of the test ×1',
    'Warning Rejected a spec: because of the test ×1',
  ]);
});

test('a replica that follows forgets what the leader has told', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'));
  const config = { updateStatus: false };
  const one = await replica(t, world, { name: 'pod-a', config });
  await leading(one);
  const other = await replica(t, world, { name: 'pod-b', config });
  other.outputs.start();
  other.outputs.verdictsChanged([verdict('a', 'served')]);
  await until('pod-b follows', () => other.outputs.state().leader?.isOtherLeading === true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  other.outputs.verdictsChanged([verdict('a', 'rejected')]);
  await until('kept', () => other.outputs.state().events?.waiting === 1);
  await until('forgotten', () => other.outputs.state().events?.waiting === 0);
  assert.equal(eventWrites(world.server).length, 0);
});

test('an Event that has expired is written anew', async (t) => {
  const world = await outputsWorld(t);
  world.server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  world.put(plainIngress('a'));
  const one = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  await leading(one);
  await seen(one, [verdict('a', 'served')]);
  await seen(one, [verdict('a', 'rejected', 'one')]);
  const [event] = eventsOf(world.server);
  world.server.remove('v1/events', `web/${event?.metadata.name ?? ''}`);
  await seen(one, [verdict('a', 'rejected', 'two')]);
  assert.deepEqual(told(world), ['Warning Rejected a spec: two ×1']);
});

test('without an election each replica tells, and both write one Event', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'));
  const config = { disableLeaderElection: true };
  const both = [
    await replica(t, world, { name: 'pod-a', config }),
    await replica(t, world, { name: 'pod-b', config }),
  ];
  for (const one of both) {
    one.outputs.start();
    await seen(one, [verdict('a', 'served')]);
  }
  for (const one of both) {
    await seen(one, [verdict('a', 'rejected')]);
  }
  assert.deepEqual(told(world), ['Warning Rejected a spec: because of the test ×1']);
  assert.equal(world.server.count({ verb: 'get', plural: 'events' }), 0, 'the role has no right to that');
});
