import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hang, reset, status } from '../../support/fake-api-server.ts';
import {
  lease,
  outputsWorld,
  plainIngress,
  publishService,
  quickClock,
  replica,
  statusOf,
  statusWrites,
  verdict,
  withStatus,
  writesOf,
} from './outputs-world.ts';
import { until } from './world.ts';

/** What the API server has is listed once after each beginning of leadership, and not again. */
const neverAgain = { relistMs: 1e9 };

test('served Ingresses get the address; all others keep what they have', async (t) => {
  const world = await outputsWorld(t);
  world.put(
    plainIngress('plain'),
    plainIngress('odd'),
    plainIngress('right', withStatus('192.0.2.1')),
    plainIngress('stale', withStatus('198.51.100.1')),
    ...['quarantined', 'rejected', 'conflict', 'ignored'].map((name) =>
      plainIngress(name, withStatus('198.51.100.1')),
    ),
  );
  const { outputs } = await replica(t, world, { name: 'pod-a' });
  outputs.verdictsChanged([
    verdict('plain', 'served'),
    verdict('odd', 'served-with-difference'),
    verdict('right', 'served'),
    verdict('stale', 'served'),
    verdict('quarantined', 'quarantined'),
    verdict('rejected', 'rejected'),
    verdict('conflict', 'conflict'),
    verdict('ignored', 'ignored'),
    verdict('not-in-the-store', 'served'),
    { ...verdict('plain', 'served'), kind: 'Service' },
  ]);
  outputs.start();
  await until('written', () => statusOf(world.server, 'stale')[0] === '192.0.2.1');
  await until('settled', () => outputs.state().status?.behind === 0);
  for (const name of ['plain', 'odd', 'right', 'stale']) {
    assert.deepEqual(statusOf(world.server, name), ['192.0.2.1'], name);
  }
  for (const name of ['quarantined', 'rejected', 'conflict', 'ignored']) {
    assert.deepEqual(statusOf(world.server, name), ['198.51.100.1'], name);
  }
  assert.deepEqual(
    statusWrites(world.server)
      .map(({ name }) => name)
      .sort(),
    ['odd', 'plain', 'stale'],
  );
  const [write] = statusWrites(world.server);
  assert.equal(write?.headers['content-type'], 'application/merge-patch+json');
  assert.equal(write?.query['fieldManager'], 'cloud-native-gateway');
});

test('only the leader writes', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'));
  const one = await replica(t, world, { name: 'pod-a' });
  one.outputs.start();
  await until('pod-a leads', () => one.outputs.state().leader?.isLeader === true);
  const other = await replica(t, world, { name: 'pod-b' });
  other.outputs.start();
  other.outputs.verdictsChanged([verdict('a', 'served')]);
  await until('pod-b follows', () => other.outputs.state().leader?.isOtherLeading === true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(statusWrites(world.server).length, 0);
  one.outputs.verdictsChanged([verdict('a', 'served')]);
  await until('written', () => statusOf(world.server, 'a').length === 1);
  assert.equal(other.outputs.state().status?.written, 0);
});

test('new Ingresses, changed addresses and writes of others are followed; what is the same is not written', async (t) => {
  const world = await outputsWorld(t);
  world.put(publishService('203.0.113.1'), plainIngress('a'));
  const { outputs } = await replica(t, world, {
    name: 'pod-a',
    config: { publishStatusAddress: [], publishService: 'gateway/gateway', statusUpdateIntervalSeconds: 10 },
    timings: { relistMs: 20_000 },
  });
  outputs.start();
  outputs.verdictsChanged([verdict('a', 'served')]);
  await until('written', () => statusOf(world.server, 'a')[0] === '203.0.113.1');
  world.put(plainIngress('b'));
  outputs.verdictsChanged([verdict('a', 'served'), verdict('b', 'served')]);
  await until('the new one', () => statusOf(world.server, 'b').length === 1);
  assert.equal(writesOf(world, 'a'), 1);
  world.put(publishService('203.0.113.2', '203.0.113.1'));
  await until('changed', () => statusOf(world.server, 'b').length === 2);
  await until('changed', () => statusOf(world.server, 'a').length === 2);
  world.put(publishService('203.0.113.1', '203.0.113.2'));
  const looks = world.server.count({ verb: 'get', plural: 'services' });
  await until('looked again', () => world.server.count({ verb: 'get', plural: 'services' }) > looks + 2);
  assert.equal(writesOf(world, 'a'), 2, 'another order is no change');
  assert.equal(writesOf(world, 'b'), 2);
  world.server.put({
    ...world.server.objects.get('networking.k8s.io/v1/ingresses', 'web/a'),
    ...withStatus(),
  });
  await until('put right', () => statusOf(world.server, 'a').length === 2);
});

test('what was known before another replica led is not believed any more', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'));
  const { outputs } = await replica(t, world, { name: 'pod-a', timings: neverAgain });
  outputs.start();
  outputs.verdictsChanged([verdict('a', 'served')]);
  await until('written', () => statusOf(world.server, 'a').length === 1);
  world.server.put(lease('pod-x', '2026-01-01T00:00:00.000000Z'));
  await until('leads no longer', () => outputs.state().leader?.isLeader === false);
  const ingress = world.server.objects.get('networking.k8s.io/v1/ingresses', 'web/a');
  world.server.put({ ...ingress, ...withStatus('198.51.100.1') });
  await until('leads again', () => outputs.state().leader?.isLeader === true);
  await until('put right', () => statusOf(world.server, 'a')[0] === '192.0.2.1');
  assert.equal(writesOf(world, 'a'), 2);
});

test('an Ingress made anew under its name is another one', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'));
  const { outputs } = await replica(t, world, { name: 'pod-a', timings: neverAgain });
  outputs.start();
  outputs.verdictsChanged([verdict('a', 'served')]);
  await until('written', () => statusOf(world.server, 'a').length === 1);
  world.remove('networking.k8s.io/v1/ingresses', 'web/a');
  world.put(plainIngress('a'));
  outputs.verdictsChanged([verdict('a', 'served')]);
  await until('written again', () => statusOf(world.server, 'a').length === 1);
  assert.equal(writesOf(world, 'a'), 2);
});

test('addresses that vanish or cannot be found out take nothing away', async (t) => {
  const world = await outputsWorld(t);
  world.put(publishService('203.0.113.1'), plainIngress('a'));
  const { outputs, log } = await replica(t, world, {
    name: 'pod-a',
    config: { publishStatusAddress: [], publishService: 'gateway/gateway', statusUpdateIntervalSeconds: 5 },
  });
  outputs.start();
  outputs.verdictsChanged([verdict('a', 'served')]);
  await until('written', () => statusOf(world.server, 'a').length === 1);
  world.put(publishService());
  await until('noticed', () => outputs.state().status?.trouble?.includes('no address to publish') === true);
  world.remove('v1/services', 'gateway/gateway');
  await until('noticed', () => outputs.state().status?.trouble?.includes('404') === true);
  assert.deepEqual(statusOf(world.server, 'a'), ['203.0.113.1']);
  assert.equal(writesOf(world, 'a'), 1);
  world.put(publishService('203.0.113.9'));
  await until('written', () => statusOf(world.server, 'a')[0] === '203.0.113.9');
  assert.equal(outputs.state().status?.trouble, null);
  // A Lease that a loaded machine does not renew in time is another warning.
  const said = log.lines.filter(
    ({ message }) => message === 'The status of Ingresses is not kept up to date',
  );
  assert.equal(said.length, 2, 'each trouble is said once');
});

test('5,000 unchanged Ingresses at a restart: no status is written, and ten lists are all that is read', async (t) => {
  const world = await outputsWorld(t);
  const names = Array.from({ length: 5000 }, (_, index) => `app-${index}`);
  world.put(...names.map((name) => plainIngress(name, withStatus('192.0.2.1'))));
  const { outputs } = await replica(t, world, { name: 'pod-a' });
  outputs.start();
  outputs.verdictsChanged(names.map((name) => verdict(name, 'served')));
  await until('compared', () => world.server.count({ verb: 'list', plural: 'ingresses' }) >= 10);
  await until('done', () => outputs.state().status?.addresses !== null);
  outputs.verdictsChanged(names.map((name) => verdict(name, 'served')));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(statusWrites(world.server).length, 0);
  assert.equal(world.server.count({ verb: 'list', plural: 'ingresses' }), 10);
  assert.equal(world.server.count({ verb: 'get', plural: 'ingresses' }), 0);
});

test('ten at a time', async (t) => {
  const world = await outputsWorld(t);
  const names = Array.from({ length: 60 }, (_, index) => `app-${index}`);
  world.put(...names.map((name) => plainIngress(name)));
  const one = await replica(t, world, { name: 'pod-a' });
  const { client } = one.wire;
  let now = 0;
  let most = 0;
  const counting = await replica(t, world, {
    name: 'pod-b',
    writeClient: {
      ...client,
      async send(request) {
        const isWrite = request.method === 'PATCH';
        now += isWrite ? 1 : 0;
        most = Math.max(most, now);
        const reply = await client.send(request);
        now -= isWrite ? 1 : 0;
        return reply;
      },
    },
  });
  counting.outputs.start();
  counting.outputs.verdictsChanged(names.map((name) => verdict(name, 'served')));
  await until('all written', () => names.every((name) => statusOf(world.server, name).length === 1));
  assert.equal(most, 10);
  assert.equal(statusWrites(world.server).length, 60);
});

test('failures are tried again, a refusal of one object harms no other', async (t) => {
  const world = await outputsWorld(t);
  world.put(...['a', 'b', 'policy', 'gone'].map((name) => plainIngress(name)));
  world.server.remove('networking.k8s.io/v1/ingresses', 'web/gone');
  world.server.failAll(
    { subresource: 'status', name: 'policy' },
    status(403, { body: '{"kind":"Status","message":"admission webhook said no"}' }),
  );
  world.server.failNext({ subresource: 'status', name: 'a' }, status(409), 2);
  world.server.failNext({ subresource: 'status', name: 'b' }, status(500));
  world.server.failNext({ subresource: 'status', name: 'b' }, reset(), 2);
  world.server.failNext({ subresource: 'status', name: 'b' }, status(429, { retryAfter: 2 }));
  world.server.failNext({ verb: 'list', plural: 'ingresses' }, status(503), 2);
  const { outputs, log } = await replica(t, world, { name: 'pod-a' });
  outputs.start();
  outputs.verdictsChanged(['policy', 'gone', 'a', 'b'].map((name) => verdict(name, 'served')));
  await until('a', () => statusOf(world.server, 'a').length === 1);
  await until('b', () => statusOf(world.server, 'b').length === 1);
  assert.equal(writesOf(world, 'policy'), 1, 'left alone for ten minutes');
  const said = log.lines.filter(({ message }) => message === 'The status of an Ingress cannot be written');
  assert.deepEqual(
    said.map(({ fields }) => fields['object']),
    ['Ingress/web/policy'],
  );
});

test('without the right to write, one warning and one attempt a minute', async (t) => {
  const world = await outputsWorld(t);
  const names = Array.from({ length: 50 }, (_, index) => `app-${index}`);
  world.put(...names.map((name) => plainIngress(name)));
  const end = world.server.failAll(
    { subresource: 'status' },
    status(403, {
      body: '{"message":"ingresses.networking.k8s.io \\"x\\" is forbidden: User \\"gateway\\" cannot patch resource \\"ingresses/status\\" in API group"}',
    }),
  );
  const { outputs, log } = await replica(t, world, { name: 'pod-a' });
  outputs.start();
  outputs.verdictsChanged(names.map((name) => verdict(name, 'served')));
  await until('tried twice', () => statusWrites(world.server).length > 10);
  assert.ok(statusWrites(world.server).length <= 20, 'the ten that were under way, twice');
  assert.match(String(outputs.state().status?.trouble), /allow patch of ingresses\/status/u);
  assert.equal(log.lines.filter(({ message }) => message.includes('not kept up to date')).length, 1);
  end();
  await until('all written', () => names.every((name) => statusOf(world.server, name).length === 1));
  await until('well', () => outputs.state().status?.trouble === null);
});

test('a namespace in which nothing may be written takes nothing from the others', async (t) => {
  const world = await outputsWorld(t);
  const closed = { metadata: { name: 'mine', namespace: 'closed' } };
  world.put(plainIngress('a'), plainIngress('mine', closed));
  const words =
    'ingresses.networking.k8s.io \\"mine\\" is forbidden: User \\"gateway\\" cannot patch resource \\"ingresses/status\\" in API group';
  const end = world.server.failAll(
    { subresource: 'status', name: 'mine' },
    status(403, { body: `{"message":"${words}"}` }),
  );
  const { outputs } = await replica(t, world, { name: 'pod-a', clock: quickClock(20) });
  const ofClosed = { ...verdict('mine', 'served'), namespace: 'closed' };
  outputs.start();
  outputs.verdictsChanged([ofClosed]);
  await until('forbidden', () => outputs.state().status?.trouble !== null);
  outputs.verdictsChanged([ofClosed, verdict('a', 'served')]);
  await until('the other is written at once', () => statusOf(world.server, 'a').length === 1);
  await until('one is behind', () => outputs.state().status?.behind === 1);
  assert.match(String(outputs.state().status?.trouble), /allow patch of ingresses\/status/u);
  end();
  await until('well, a minute later', () => outputs.state().status?.trouble === null);
  assert.equal(outputs.state().status?.behind, 0);
});

test('a server that hangs does not keep the end waiting', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'));
  world.server.failAll({ subresource: 'status' }, hang());
  const { outputs } = await replica(t, world, { name: 'pod-a' });
  outputs.start();
  outputs.verdictsChanged([verdict('a', 'served')]);
  await until('under way', () => statusWrites(world.server).length > 0);
  let isStopped = false;
  void outputs.stop().then(() => {
    isStopped = true;
  });
  await until('stopped before the 15 s of a request are over', () => isStopped);
});

test('switched off, or outside of a pod, nothing is written', async (t) => {
  const world = await outputsWorld(t);
  world.put(plainIngress('a'));
  const off = await replica(t, world, { name: 'pod-a', config: { updateStatus: false } });
  const noElection = await replica(t, world, { name: 'pod-b', config: { disableLeaderElection: true } });
  const noPod = await replica(t, world, { name: '', identity: { namespace: '', podName: '' } });
  for (const { outputs } of [off, noElection, noPod]) {
    outputs.start();
    outputs.verdictsChanged([verdict('a', 'served')]);
    assert.equal(outputs.state().status, null);
  }
  await until('pod-a leads', () => off.outputs.state().leader?.isLeader === true);
  assert.equal(statusWrites(world.server).length, 0);
  assert.match(String(noPod.log.lines[0]?.message), /NAMESPACE is not set/u);
});
