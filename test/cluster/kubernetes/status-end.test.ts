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
import type { FakeApiServer } from '../../support/fake-api-server.ts';
import { status as answer } from '../../support/fake-api-server-faults.ts';
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
  /** The reason in the log; nothing is to be done where it is absent. */
  readonly warns?: RegExp;
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
  { name: 'there is no such pod', prepare: () => undefined, warns: /pods? .*cannot be read: .*404/u },
  {
    name: 'the pods cannot be read',
    prepare({ server }) {
      server.put(ownPod('pod-a', leaving));
      server.behaviour.forbidden.add('pods');
    },
    warns: /allow get and list/u,
  },
  {
    name: 'the API server does not answer for pods in time',
    prepare({ server }) {
      server.put(ownPod('pod-a', leaving));
      server.failNext({ plural: 'pods' }, answer(503), 1000);
    },
    warns: /503/u,
  },
];

for (const { name, config, prepare, warns } of keeping) {
  test(`the end leaves the status as it is where ${name}`, async (t) => {
    const world = await outputsWorld(t);
    world.put(plainIngress('a'));
    prepare(world);
    const { outputs, log } = await replica(t, world, {
      name: 'pod-a',
      config: { updateStatusOnShutdown: true, ...config },
    });
    outputs.start();
    outputs.verdictsChanged([verdict('a', 'served')]);
    await until('written', () => statusOf(world.server, 'a').length > 0);
    await outputs.stop();
    assert.ok(statusOf(world.server, 'a').length > 0);
    assert.equal(writesOf(world, 'a'), 1);
    const reasons = log.lines.flatMap(({ level, fields: { reason } }) =>
      level === 'warn' && typeof reason === 'string' ? [reason] : [],
    );
    assert.equal(reasons.length > 0, warns !== undefined, `it is said: ${reasons.join()}`);
    assert.match(reasons.at(-1) ?? '', warns ?? /^/u);
  });
}

test('who runs without the name of a pod is told at the start that nothing will be cleared', async (t) => {
  const world = await outputsWorld(t);
  const { outputs, log } = await replica(t, world, {
    name: '',
    identity: { namespace: 'gateway', podName: '' },
    config: { updateStatusOnShutdown: true },
  });
  outputs.start();
  await until('it is said', () =>
    log.lines.some(({ fields }) => /POD_NAME is not set/u.test(String(fields['reason']))),
  );
});

const troubled: {
  readonly name: string;
  readonly config?: object;
  readonly trouble: (server: FakeApiServer) => void;
}[] = [
  {
    name: 'all goes well, with two addresses',
    config: { publishStatusAddress: ['192.0.2.1', '2001:db8::1'] },
    trouble: () => undefined,
  },
  {
    name: 'the pods cannot be read at first',
    trouble: (server) => server.failNext({ plural: 'pods' }, answer(429, { retryAfter: 1 }), 2),
  },
  {
    name: 'the Ingresses cannot be listed at first',
    trouble: (server) => server.failNext({ plural: 'ingresses', verb: 'list' }, answer(500), 2),
  },
  {
    name: 'writes are too many at first',
    trouble: (server) =>
      server.failNext({ plural: 'ingresses', verb: 'patch' }, answer(429, { retryAfter: 1 }), 2),
  },
];

for (const { name, config, trouble } of troubled) {
  test(`the last replica clears all where ${name}`, async (t) => {
    const world = await outputsWorld(t);
    const names = ['a', 'b', 'c'];
    world.put(...names.map((each) => plainIngress(each)));
    world.server.put(ownPod('pod-a', leaving));
    const { outputs, log } = await replica(t, world, {
      name: 'pod-a',
      config: { updateStatusOnShutdown: true, ...config },
    });
    outputs.start();
    outputs.verdictsChanged(names.map((each) => verdict(each, 'served')));
    await until('written', () => names.every((each) => statusOf(world.server, each).length > 0));
    trouble(world.server);
    await outputs.stop();
    assert.deepEqual(
      names.map((each) => statusOf(world.server, each)),
      [[], [], []],
    );
    assert.equal(log.lines.find(({ message }) => message.includes('was cleared'))?.fields['count'], 3);
  });
}

test('what could not be cleared in time is counted and said', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'), plainIngress('b'));
  world.server.put(ownPod('pod-a', leaving));
  const { outputs, log } = await replica(t, world, {
    name: 'pod-a',
    config: { updateStatusOnShutdown: true },
  });
  outputs.start();
  outputs.verdictsChanged([verdict('a', 'served'), verdict('b', 'served')]);
  await until('written', () => ['a', 'b'].every((each) => statusOf(world.server, each).length === 1));
  world.server.failNext({ plural: 'ingresses', verb: 'patch', name: 'b' }, answer(500), 1000);
  await outputs.stop();
  const said = log.lines.find(({ message }) => message.includes('was not cleared of all'));
  assert.equal(said?.level, 'warn');
  assert.equal(said.fields['of'], 2);
  assert.ok(Number(said.fields['cleared']) < 2);
  assert.match(String(said.fields['reason']), /500/u);
});

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
