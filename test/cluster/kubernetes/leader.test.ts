import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createLeader, type Leader, type LeaderOptions } from '../../../src/cluster/kubernetes/leader.ts';
import { at, textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import type { FakeApiServer } from '../../support/fake-api-server.ts';
import { hang, reset, startFakeApiServer, status } from '../../support/fake-api-server.ts';
import {
  handClock,
  lease,
  leaseOf,
  notingLog,
  quickClock,
  wireTo,
  type NotingLog,
  type Wire,
} from './outputs-world.ts';
import { connectTo, until } from './world.ts';

interface Candidate {
  readonly leader: Leader;
  readonly wire: Wire;
  readonly log: NotingLog;
  /** What `onChange` was called with. */
  readonly told: readonly boolean[];
}

async function candidate(
  t: TestContext,
  server: FakeApiServer,
  identity: string,
  options: Partial<LeaderOptions> = {},
): Promise<Candidate> {
  const wire = await wireTo(t, await connectTo(server.url));
  const log = notingLog();
  const told: boolean[] = [];
  const leader = createLeader({
    client: wire.client,
    namespace: 'gateway',
    name: 'gateway-leader',
    identity,
    ttlMs: 30_000,
    onChange: (isLeader) => told.push(isLeader),
    log,
    clock: quickClock(50),
    ...options,
  });
  t.after(() => leader.stop({ release: false }));
  leader.start();
  return { leader, wire, log, told };
}

async function startServer(t: TestContext): Promise<FakeApiServer> {
  const server = await startFakeApiServer();
  t.after(() => server.close());
  return server;
}

function holderOf(server: FakeApiServer): string {
  return textAt(leaseOf(server), 'spec', 'holderIdentity');
}

test('the first replica creates the Lease, leads, and renews; the second waits', async (t) => {
  const server = await startServer(t);
  const one = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => one.leader.isLeader());
  assert.equal(one.leader.state().isFirstEver, true);
  const other = await candidate(t, server, 'pod-b');
  const { renewTime, acquireTime } = at(leaseOf(server), 'spec') as Record<string, string>;
  assert.match(String(renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/u, 'as MicroTime has it');
  await until('renewed three times', () => server.count({ verb: 'update', plural: 'leases' }) >= 3);
  assert.equal(one.leader.isLeader(), true);
  assert.equal(other.leader.isLeader(), false);
  assert.deepEqual(
    { ...other.leader.state() },
    { isLeader: false, holder: 'pod-a', isOtherLeading: true, isFirstEver: false, trouble: null },
  );
  assert.notEqual(textAt(leaseOf(server), 'spec', 'renewTime'), renewTime);
  assert.equal(textAt(leaseOf(server), 'spec', 'acquireTime'), acquireTime);
  assert.equal(at(leaseOf(server), 'spec', 'leaseDurationSeconds'), 30);
  assert.deepEqual(one.told, [true]);
  assert.deepEqual(other.told, []);
});

test('a released Lease is taken over at once, and what others wrote into it stays', async (t) => {
  const server = await startServer(t);
  server.put(lease('', '2026-01-01T00:00:00.000000Z', 1));
  const one = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => one.leader.isLeader());
  assert.equal(one.leader.state().isFirstEver, false);
  const other = await candidate(t, server, 'pod-b');
  await until('pod-b has looked', () => other.leader.state().holder === 'pod-a');
  const before = server.count({ verb: 'get', plural: 'leases' });
  await one.leader.stop({ release: true });
  assert.equal(one.leader.isLeader(), false);
  assert.deepEqual(one.told, [true, false]);
  await until('pod-b leads', () => other.leader.isLeader());
  assert.ok(server.count({ verb: 'get', plural: 'leases' }) - before <= 2, 'at the next look');
  assert.deepEqual(at(leaseOf(server), 'metadata', 'labels'), { team: 'edge' });
  assert.equal(at(leaseOf(server), 'spec', 'leaseTransitions'), 6);
});

test('times in the Lease are not believed: only that it changes, by our own clock', async (t) => {
  const server = await startServer(t);
  const clock = handClock();
  server.put(lease('pod-x', '2126-01-01T00:00:00.000000Z'));
  const { leader } = await candidate(t, server, 'pod-a', { clock });
  await until('seen', () => leader.state().isOtherLeading);
  // A holder whose clock stands a century back, yet lives: it is never deposed.
  for (let renewal = 0; renewal < 5; renewal += 1) {
    clock.advance(25_000);
    server.put(lease('pod-x', `1926-01-01T00:00:0${renewal}.000000Z`));
    const seen = server.requests.length;
    await until('looked again', () => server.requests.length > seen + 1);
    assert.equal(leader.isLeader(), false);
  }
  clock.advance(29_000);
  const seen = server.requests.length;
  await until('looked again', () => server.requests.length > seen + 1);
  assert.equal(leader.isLeader(), false, 'still valid');
  // One whose times lie in the future, and which is dead.
  server.put(lease('pod-x', '2126-01-01T00:00:00.000000Z'));
  const again = server.requests.length;
  await until('looked again', () => server.requests.length > again + 1);
  clock.advance(30_001);
  await until('taken over', () => leader.isLeader());
});

test('the validity that counts is the one its holder was promised', async (t) => {
  const server = await startServer(t);
  const clock = handClock();
  server.put(lease('pod-x', '2026-01-01T00:00:00.000000Z', 120));
  const { leader } = await candidate(t, server, 'pod-a', { clock });
  await until('seen', () => leader.state().isOtherLeading);
  clock.advance(119_000);
  const seen = server.requests.length;
  await until('looked again', () => server.requests.length > seen + 2);
  assert.equal(leader.isLeader(), false);
  clock.advance(1001);
  await until('taken over', () => leader.isLeader());
});

test('leadership ends by our own clock, without any answer, before another may begin', async (t) => {
  const server = await startServer(t);
  const clock = handClock();
  const { leader, wire, told } = await candidate(t, server, 'pod-a', { clock });
  await until('pod-a leads', () => leader.isLeader());
  wire.isCut = true;
  // A renewal may be under way: it counts from when it was sent, which is now at the latest.
  clock.advance(22_400);
  assert.equal(leader.isLeader(), true);
  clock.advance(200);
  assert.equal(leader.isLeader(), false, 'a quarter of the TTL before the others think so');
  await until('told', () => told.length === 2);
  assert.deepEqual(told, [true, false]);
  wire.isCut = false;
  await until('leads again', () => leader.isLeader());
  assert.equal(at(leaseOf(server), 'spec', 'leaseTransitions'), 0, "it had never been another's");
});

test('an outage ends leadership and nothing else; it comes back by itself, said once', async (t) => {
  const server = await startServer(t);
  const one = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => one.leader.isLeader());
  for (const fault of [status(500), status(429, { retryAfter: 3600 }), reset(), hang(), status(403)]) {
    const end = server.failAll({ plural: 'leases' }, fault);
    await until('no leader', () => !one.leader.isLeader());
    assert.notEqual(one.leader.state().trouble, null);
    end();
    await until('leads again', () => one.leader.isLeader());
    assert.equal(one.leader.state().trouble, null);
  }
  const warnings = one.log.lines.filter(({ level }) => level === 'warn');
  assert.ok(warnings.length >= 5 && warnings.length <= 10, `${warnings.length} warnings for five outages`);
  const reasons = warnings.map(({ fields }) => fields['reason']);
  assert.ok(reasons.includes('no answer within 7.5 s'), 'the deadline of a Lease, not that of a request');
  assert.equal(holderOf(server), 'pod-a');
});

test('conflicts: a change by hand is no loss, another holder is', async (t) => {
  const server = await startServer(t);
  const one = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => one.leader.isLeader());
  const current = leaseOf(server);
  assert.ok(current);
  server.put({ ...current, metadata: { ...current.metadata, labels: { touched: 'by-hand' } } });
  const updates = server.count({ verb: 'update', plural: 'leases' });
  await until('renewed', () => server.count({ verb: 'update', plural: 'leases' }) >= updates + 3);
  assert.equal(one.leader.isLeader(), true);
  assert.deepEqual(at(leaseOf(server), 'metadata', 'labels'), { touched: 'by-hand' });
  assert.deepEqual(one.told, [true]);
  server.put(lease('pod-x', '2026-01-01T00:00:00.000000Z'));
  await until('given up', () => !one.leader.isLeader());
  assert.equal(holderOf(server), 'pod-x');
});

test('a Lease that is deleted is made anew', async (t) => {
  const server = await startServer(t);
  const one = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => one.leader.isLeader());
  server.remove('coordination.k8s.io/v1/leases', 'gateway/gateway-leader');
  await until('made anew', () => holderOf(server) === 'pod-a');
  await until('leads', () => one.leader.isLeader());
  assert.equal(one.leader.state().isFirstEver, true, 'found at the start, and not changed since');
});

test('a pod that comes back under its name goes on with its Lease', async (t) => {
  const server = await startServer(t);
  server.put(lease('pod-a', '2026-01-01T00:00:00.000000Z'));
  const clock = handClock();
  const { leader } = await candidate(t, server, 'pod-a', { clock });
  await until('leads without waiting', () => leader.isLeader());
  assert.equal(at(leaseOf(server), 'spec', 'leaseTransitions'), 4);
});

test('stopping without a release leaves the Lease; with one, also right after a renewal whose answer was lost', async (t) => {
  const server = await startServer(t);
  const one = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => one.leader.isLeader());
  await one.leader.stop({ release: false });
  assert.equal(holderOf(server), 'pod-a');
  const again = await candidate(t, server, 'pod-a');
  await until('pod-a leads', () => again.leader.isLeader());
  const current = leaseOf(server);
  assert.ok(current);
  server.put({ ...current, metadata: { ...current.metadata, labels: { newer: 'version' } } });
  await again.leader.stop({ release: true });
  assert.equal(holderOf(server), '');
  assert.equal(again.log.count('warn'), 0);
});

test('an answer that is no Lease is trouble, not leadership', async (t) => {
  const server = await startServer(t);
  const end = server.failAll({ plural: 'leases' }, status(200, { body: '{"hello":"captive portal"}' }));
  const { leader } = await candidate(t, server, 'pod-a');
  await until('trouble', () => leader.state().trouble !== null);
  assert.equal(leader.isLeader(), false);
  end();
  await until('leads', () => leader.isLeader());
});

test('an onChange that throws ends nothing', async (t) => {
  const server = await startServer(t);
  const { leader, log } = await candidate(t, server, 'pod-a', {
    onChange() {
      throw new Error('made to fail');
    },
  });
  await until('leads', () => leader.isLeader());
  await until('logged', () => log.count('error') > 0);
  const updates = server.count({ verb: 'update', plural: 'leases' });
  await until('goes on', () => server.count({ verb: 'update', plural: 'leases' }) > updates);
});

test('three replicas with failing wires: never two leaders at once, and always one again', async (t) => {
  const server = await startServer(t);
  const clock = quickClock(300);
  const all = await Promise.all(
    ['pod-a', 'pod-b', 'pod-c'].map((name) => candidate(t, server, name, { clock })),
  );
  let worst = 0;
  const leaders = new Set<string>();
  const end = performance.now() + 2000;
  let cutUntil = 0;
  let seed = 7;
  function random(): number {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  }
  while (performance.now() < end) {
    const leading = all.filter(({ leader }) => leader.isLeader());
    worst = Math.max(worst, leading.length);
    leaders.add(holderOf(server));
    if (performance.now() > cutUntil) {
      for (const { wire } of all) {
        wire.isCut = random() < 0.4;
      }
      cutUntil = performance.now() + 20 + random() * 150;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const { wire } of all) {
    wire.isCut = false;
  }
  await until('one leads', () => all.some(({ leader }) => leader.isLeader()));
  assert.equal(worst, 1);
  assert.ok(leaders.size >= 2, `leadership moved: ${[...leaders].join(', ')}`);
});
