import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  leaseOf,
  outputsWorld,
  ownPod,
  plainIngress,
  publishService,
  quickClock,
  replica,
  statusOf,
  verdict,
  withStatus,
  writesOf,
  type OutputsWorld,
} from './outputs-world.ts';
import { until } from './world.ts';

const leaving = { deletionTimestamp: '2026-01-31T12:00:00Z' };

test('the last replica clears its address, and nothing that is not its own', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'), plainIngress('foreign', withStatus('198.51.100.1')), plainIngress('closed'));
  world.server.put(ownPod('pod-a', leaving), ownPod('leaving', leaving), {
    ...ownPod('done'),
    status: { phase: 'Succeeded' },
  });
  const { outputs } = await replica(t, world, { name: 'pod-a', config: { updateStatusOnShutdown: true } });
  outputs.start();
  outputs.verdictsChanged([
    verdict('a', 'served'),
    verdict('foreign', 'ignored'),
    verdict('closed', 'served'),
  ]);
  await until('written', () => ['a', 'closed'].every((name) => statusOf(world.server, name).length === 1));
  outputs.verdictsChanged([
    verdict('a', 'served'),
    verdict('foreign', 'ignored'),
    verdict('closed', 'rejected'),
  ]);
  await outputs.stop();
  assert.deepEqual(statusOf(world.server, 'a'), []);
  assert.deepEqual(statusOf(world.server, 'closed'), []);
  assert.deepEqual(statusOf(world.server, 'foreign'), ['198.51.100.1']);
  const spec = leaseOf(world.server)?.['spec'] as Record<string, unknown> | undefined;
  assert.equal(spec?.['holderIdentity'], '', 'and lets the Lease go after that');
});

const keeping: {
  readonly name: string;
  readonly config?: object;
  readonly prepare: (world: OutputsWorld) => void;
}[] = [
  {
    name: 'another pod runs',
    prepare: ({ server }) => server.put(ownPod('pod-a', leaving), ownPod('pod-b')),
  },
  { name: 'only its container ends', prepare: ({ server }) => server.put(ownPod('pod-a')) },
  {
    name: 'it is not asked for',
    config: { updateStatusOnShutdown: false },
    prepare: ({ server }) => server.put(ownPod('pod-a', leaving)),
  },
  {
    name: 'there are several addresses',
    config: { publishStatusAddress: ['192.0.2.1', '192.0.2.2'] },
    prepare: ({ server }) => server.put(ownPod('pod-a', leaving)),
  },
  {
    name: 'the pods cannot be read',
    prepare({ server }) {
      server.put(ownPod('pod-a', leaving));
      server.behaviour.forbidden.add('pods');
    },
  },
];

for (const { name, config, prepare } of keeping) {
  test(`the end leaves the status as it is where ${name}`, async (t) => {
    const world = await outputsWorld(t);
    world.put(plainIngress('a'));
    prepare(world);
    const { outputs } = await replica(t, world, {
      name: 'pod-a',
      config: { updateStatusOnShutdown: true, ...config },
    });
    outputs.start();
    outputs.verdictsChanged([verdict('a', 'served')]);
    await until('written', () => statusOf(world.server, 'a').length > 0);
    await outputs.stop();
    assert.ok(statusOf(world.server, 'a').length > 0);
    assert.equal(writesOf(world, 'a'), 1);
  });
}

test('100 leader changes during churn: no address is ever lost, each write is a real change', async (t) => {
  const world = await outputsWorld(t);
  const { server } = world;
  const lost: string[] = [];
  const hadAddress = new Set<string>();
  server.objects.onEvent(({ type, record }) => {
    if (record.object.kind !== 'Ingress' || type === 'DELETED') {
      return;
    }
    const { name } = record.object.metadata;
    if (statusOf(server, name).length > 0) {
      hadAddress.add(name);
    } else if (hadAddress.has(name)) {
      lost.push(name);
    }
  });
  const names = ['app-0', 'app-1', 'app-2'];
  world.put(publishService('203.0.113.1'), ...names.map((name) => plainIngress(name)));
  const realChanges = new Map(names.map((name) => [name, 1]));
  const config = {
    publishStatusAddress: [],
    publishService: 'gateway/gateway',
    statusUpdateIntervalSeconds: 5,
    updateStatusOnShutdown: true,
  };
  server.put(ownPod('pod-0'), ownPod('always-there'));
  const clock = quickClock(200);
  let current = await replica(t, world, { name: 'pod-0', config, clock });
  current.outputs.start();
  current.outputs.verdictsChanged(names.map((name) => verdict(name, 'served')));
  let address = '203.0.113.1';
  for (let change = 1; change <= 100; change += 1) {
    if (change % 10 === 0) {
      names.push(`app-${change}`);
      world.put(plainIngress(`app-${change}`));
      realChanges.set(`app-${change}`, 1);
    }
    if (change % 25 === 0) {
      address = `203.0.113.${change}`;
      world.put(publishService(address));
      for (const name of names) {
        realChanges.set(name, (realChanges.get(name) ?? 0) + 1);
      }
    }
    const next = await replica(t, world, { name: `pod-${change}`, config, clock });
    server.put(ownPod(`pod-${change}`));
    next.outputs.start();
    const verdicts = names.map((name) => verdict(name, 'served'));
    next.outputs.verdictsChanged(verdicts);
    current.outputs.verdictsChanged(verdicts);
    // Some leaders end in order, others are cut off in the middle of whatever they do.
    if (change % 10 === 5) {
      current.wire.isCut = true;
    }
    await current.outputs.stop();
    server.remove('v1/pods', `gateway/pod-${change - 1}`);
    await until(`pod-${change} leads`, () => next.outputs.state().leader?.isLeader === true);
    if (change % 10 === 0) {
      await until('caught up', () => names.every((name) => statusOf(server, name)[0] === address));
    }
    current = next;
  }
  await until('all have it', () => names.every((name) => statusOf(server, name)[0] === address));
  assert.deepEqual(lost, []);
  for (const [name, most] of realChanges) {
    assert.ok(writesOf(world, name) <= most, `${name}: ${writesOf(world, name)} writes for ${most} changes`);
  }
});
