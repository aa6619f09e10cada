import assert from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import { ingest } from '../../../src/cluster/ingest.ts';
import { at, textAt } from '../../../src/cluster/kubernetes/api-json.ts';
import { leasePath } from '../../../src/cluster/kubernetes/lease.ts';
import { openConnection } from '../../../src/cluster/kubernetes/connection.ts';
import type { Connection } from '../../../src/cluster/kubernetes/access.ts';
import { createStore, type Store } from '../../../src/cluster/store.ts';
import {
  create,
  noRealServer,
  pathOf,
  startRealApiServer,
  type RealApiServer,
} from '../../support/real-api-server.ts';
import { endedWithSuite } from '../../support/suite.ts';
import { leading, plainIngress, quickClock, replica, seen, verdict, type Replica } from './outputs-world.ts';
import { sound, until } from './world.ts';

/** What the fake API server is for the other tests: one server, with the namespaces of all tests. */
let server: RealApiServer;
let connection: Connection;
let last = 0;

interface RealWorld {
  readonly connection: Connection;
  readonly store: Store;
  /** Of the Lease; each test has one of its own. */
  readonly electionId: string;
  /** Creates Ingresses in the namespace `web`, and puts them into the store. */
  put(...names: readonly string[]): Promise<void>;
}

function newWorld(user: 'admin' | 'gateway' = 'admin'): Promise<RealWorld> {
  last += 1;
  const store = createStore();
  return (async () => ({
    connection:
      user === 'admin'
        ? connection
        : sound(await openConnection({ kubeconfig: server.kubeconfigOf('gateway') })),
    store,
    electionId: `gateway-leader-${last}`,
    async put(...names) {
      for (const name of names) {
        await create(server.client, plainIngress(name));
        const { object } = ingest(await get(pathOf(plainIngress(name), name)));
        assert.ok(object !== null);
        store.apply({ set: [object], deleted: [] });
      }
    },
  }))();
}

async function get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const answer = await server.client.send({ path, query });
  assert.ok(answer.kind === 'answer' && answer.status === 200, JSON.stringify(answer));
  return answer.body;
}

/** A replica whose time goes ten times as fast: a real server takes a while to answer. */
async function start(
  t: TestContext,
  world: RealWorld,
  name: string,
  config: Parameters<typeof replica>[2]['config'] = {},
): Promise<Replica> {
  return await replica(t, world, {
    name,
    clock: quickClock(10),
    config: { electionId: world.electionId, ...config },
  });
}

async function eventually(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await isTrue())) {
    assert.ok(performance.now() < end, `never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function addressesOf(name: string): Promise<string> {
  const found = at(await get(pathOf(plainIngress(name), name)), 'status', 'loadBalancer', 'ingress');
  return Array.isArray(found) ? found.map((one) => textAt(one, 'ip')).join() : '';
}

/** `type reason message ×count` of the Events about an Ingress. */
async function eventsAbout(name: string): Promise<string[]> {
  const query = { fieldSelector: `involvedObject.name=${name}` };
  const items = at(await get('/api/v1/namespaces/web/events', query), 'items');
  assert.ok(Array.isArray(items));
  return items
    .map((one: unknown) => {
      const count = String(at(one, 'count'));
      return `${textAt(one, 'type')} ${textAt(one, 'reason')} ${textAt(one, 'message')} ×${count}`;
    })
    .sort();
}

describe('what is written to a real API server', { skip: noRealServer }, () => {
  const suite = endedWithSuite();
  before(async () => {
    server = await startRealApiServer(suite);
    connection = sound(await openConnection({ kubeconfig: server.kubeconfig }));
    for (const name of ['web', 'gateway']) {
      await create(server.client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
  });

  test('a leader: chosen, followed by the other, and followed up when it lets go', async (t) => {
    const world = await newWorld();
    const path = leasePath('gateway', world.electionId);
    const one = await start(t, world, 'pod-a');
    await leading(one);
    assert.equal(one.outputs.state().leader?.isFirstEver, true);
    const other = await start(t, world, 'pod-b');
    other.outputs.start();
    await until('pod-b follows', () => other.outputs.state().leader?.isOtherLeading === true);
    assert.equal(textAt(await get(path), 'spec', 'holderIdentity'), 'pod-a');
    const renewed = textAt(await get(path), 'spec', 'renewTime');
    await eventually('renewed', async () => textAt(await get(path), 'spec', 'renewTime') !== renewed);
    // Somebody writes the Lease between two renewals: a conflict is no loss of leadership.
    const body = { metadata: { labels: { team: 'edge' } } };
    const patched = await server.client.send({ method: 'PATCH', path, body });
    assert.ok(patched.kind === 'answer' && patched.status === 200, JSON.stringify(patched));
    const then = textAt(patched.body, 'spec', 'renewTime');
    await eventually('renewed on', async () => textAt(await get(path), 'spec', 'renewTime') !== then);
    assert.equal(textAt(await get(path), 'metadata', 'labels', 'team'), 'edge');
    assert.equal(textAt(await get(path), 'spec', 'holderIdentity'), 'pod-a');
    await one.outputs.stop();
    await until('pod-b leads', () => other.outputs.state().leader?.isLeader === true);
    assert.equal(textAt(await get(path), 'spec', 'holderIdentity'), 'pod-b');
    assert.equal(at(await get(path), 'spec', 'leaseTransitions'), 1);
    assert.equal(one.log.count('warn') + other.log.count('warn'), 0);
  });

  test('the status of Ingresses: written, and no more than is needed', async (t) => {
    const world = await newWorld();
    await world.put('a', 'b');
    const one = await start(t, world, 'pod-a', { disableSyncEvents: true });
    await leading(one);
    one.outputs.verdictsChanged([verdict('a', 'served'), verdict('b', 'ignored')]);
    await eventually('written', async () => (await addressesOf('a')) === '192.0.2.1');
    assert.equal(await addressesOf('b'), '');
    one.outputs.verdictsChanged([verdict('a', 'served'), verdict('b', 'served')]);
    await eventually('written too', async () => (await addressesOf('b')) === '192.0.2.1');
    assert.equal(one.outputs.state().status?.written, 2, 'no more than needed');
    assert.equal(one.outputs.state().status?.trouble, null);
  });

  test('Events: one for each change, counted up, also on an object that could not be read', async (t) => {
    const world = await newWorld();
    await world.put('told');
    await create(server.client, plainIngress('unreadable'));
    const one = await start(t, world, 'pod-a', { updateStatus: false });
    await leading(one);
    await seen(one, [verdict('told', 'served')]);
    await seen(one, [verdict('told', 'rejected', 'no Secret'), verdict('unreadable', 'rejected')]);
    await seen(one, [verdict('told', 'served'), verdict('unreadable', 'rejected')]);
    await seen(one, [verdict('told', 'rejected', 'no port'), verdict('unreadable', 'rejected')]);
    assert.deepEqual(await eventsAbout('told'), [
      'Normal Served The object is served as written. ×1',
      'Warning Rejected spec: no port ×2',
    ]);
    assert.deepEqual(await eventsAbout('unreadable'), ['Warning Rejected spec: because of the test ×1']);
    const { leftOut, trouble, written } = one.outputs.state().events ?? {};
    assert.deepEqual({ leftOut, trouble, written }, { leftOut: 0, trouble: null, written: 4 });
    assert.equal(one.log.count('warn'), 0, JSON.stringify(one.log.lines));
  });

  test('what RBAC does not allow is said, with the remedy', async (t) => {
    const world = await newWorld('gateway');
    await world.put('mine');
    const one = await start(t, world, 'pod-a', { disableLeaderElection: true });
    one.outputs.start();
    await seen(one, [verdict('mine', 'served')]);
    one.outputs.verdictsChanged([verdict('mine', 'rejected')]);
    await until('said', () => one.outputs.state().events?.trouble !== null);
    assert.match(
      one.log.lines.map(({ fields }) => String(fields['reason'])).join(),
      /403: events is forbidden: User "gateway".*; allow create and patch of events/u,
    );
    const elected = await start(t, world, 'pod-b');
    elected.outputs.start();
    await until('said too', () => elected.outputs.state().leader?.trouble !== null);
    assert.match(elected.outputs.state().leader?.trouble ?? '', /403: leases\.coordination\.k8s\.io/u);
  });
});
