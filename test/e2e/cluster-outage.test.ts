import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import {
  generationsOf,
  inCluster,
  ingresses,
  killGateway,
  metricOf,
  openCluster,
  serviceAt,
  type Cluster,
} from '../support/cluster-gateway.ts';
import { raw, type Fault } from '../support/fake-api-server.ts';
import { applied, eventually, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad, type Load } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { endNginxWith, nginxOf } from '../support/nginx-processes.ts';
import { ingress } from '../support/objects.ts';

const host = 'stay.example';
const many = 24;

function web(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] });
}

async function bigCluster(t: TestContext, address: string): Promise<Cluster> {
  const backend = await startLoadBackend(t, 'web', address);
  const cluster = await openCluster(t, [
    ...serviceAt('web', backend.port),
    web('stay'),
    ...Array.from({ length: many - 1 }, (_, number) => web(`many-${number}`)),
  ]);
  // In pages: those are what can come in part, or empty.
  cluster.api.behaviour.watchList = 'rejected';
  return cluster;
}

function clients(t: TestContext, { httpPort: port }: RunningGateway): Load {
  return startLoad(t, { port, host, clients: 6, restMs: () => 10, keepAlive: false });
}

async function nothingLost(t: TestContext, what: string, load: Load): Promise<void> {
  const count = await load.stop();
  t.diagnostic(`${what}: ${describeLoad(count)}`);
  assert.equal(lostOf(count), 0);
}

async function isServed(gateway: RunningGateway, name: string): Promise<boolean> {
  return (await gateway.get(`${name}.example`).catch(() => null))?.status === 200;
}

/** Has the Ingresses listed anew: their version is forgotten. */
function listAnew({ api }: Cluster): void {
  api.objects.tick();
  api.expire();
  for (const watch of api.watchesOf('ingresses')) {
    watch.send({ type: 'ERROR', object: { code: 410 } });
  }
}

function listOf(items: readonly object[], more: object = {}): string {
  const metadata = { resourceVersion: '999999', ...more };
  return JSON.stringify({ kind: 'IngressList', apiVersion: 'networking.k8s.io/v1', metadata, items });
}

/** The first page of all Ingresses; the next one is reset each time. */
function halfOf({ api }: Cluster): Fault {
  const items = api.objects.list(ingresses).slice(0, 5);
  return (response, request) => {
    if (request.query['continue'] === undefined) {
      raw([
        listOf(
          items.map(({ object }) => object),
          { continue: 'more' },
        ),
      ])(response, request);
    } else {
      response.socket?.resetAndDestroy();
    }
  };
}

async function doubted(gateway: RunningGateway, times: number): Promise<void> {
  await eventually(`a list was doubted ${times} times`, () => {
    const said = gateway.log.filter(({ reason }) => /are missing from a complete list/u.test(String(reason)));
    return said.length === times;
  });
}

describe('what the API server says, and what becomes of traffic', { concurrency: 2 }, () => {
  inCluster('most objects vanish from one list, then from all', async (t, nginx, address) => {
    const cluster = await bigCluster(t, address);
    const { api } = cluster;
    const gateway = await cluster.start({ nginx });
    const generations = await generationsOf(gateway);
    const load = clients(t, gateway);
    const some = api.objects.list(ingresses).filter(({ object }) => object.metadata.name !== 'many-7');

    api.failNext(
      { verb: 'list', plural: 'ingresses' },
      raw([listOf(some.slice(0, 10).map(({ object }) => object))]),
    );
    listAnew(cluster);
    await doubted(gateway, 1);
    assert.ok((await metricOf(gateway, 'source_stale_seconds')) > 0);
    await eventually('it is current', async () => (await metricOf(gateway, 'source_stale_seconds')) === 0);
    assert.deepEqual(await generationsOf(gateway), generations, 'nothing was changed');

    // True this time: the watch never tells, and two lists say the same.
    await applied(gateway, async () => {
      for (let number = 0; number < 20; number += 1) {
        api.objects.remove(ingresses, `default/many-${number}`, { isSilent: true });
      }
      listAnew(cluster);
      await doubted(gateway, 2);
    });
    assert.equal(await isServed(gateway, 'many-3'), false);
    assert.equal(await isServed(gateway, 'many-21'), true);
    await nothingLost(t, 'most objects vanish from one list, then from two', load);
  });

  inCluster('half a list, for as long as it is half', async (t, nginx, address) => {
    const cluster = await bigCluster(t, address);
    const { api } = cluster;
    const gateway = await cluster.start({ nginx });
    const generations = await generationsOf(gateway);
    const load = clients(t, gateway);
    const end = api.failAll({ verb: 'list', plural: 'ingresses' }, halfOf(cluster));
    const before = api.count({ verb: 'list', plural: 'ingresses' });
    listAnew(cluster);
    await eventually('it was tried again and again', () => {
      return api.count({ verb: 'list', plural: 'ingresses' }) >= before + 8;
    });
    await eventually('it is stale', async () => (await metricOf(gateway, 'source_stale_seconds')) > 0);
    assert.equal((await gateway.health('/ready')).status, 200);
    assert.match((await gateway.health('/ready')).body, /"stale":"Ingress: /u);
    assert.deepEqual(await generationsOf(gateway), generations);
    end();
    api.put(web('later'));
    await eventually('it goes on by itself', async () => await isServed(gateway, 'later'));
    assert.equal((await gateway.health('/ready')).body, '{"status":"ready"}');
    await nothingLost(t, 'half a list', load);
  });

  for (const [name, trouble] of Object.entries<(cluster: Cluster) => () => void>({
    'only half a list comes': (cluster) =>
      cluster.api.failAll({ verb: 'list', plural: 'ingresses' }, halfOf(cluster)),
    'rights are revoked': ({ api }) => {
      api.behaviour.forbidden.add('services');
      return () => {
        api.behaviour.forbidden.delete('services');
      };
    },
    'one empty list comes': ({ api }) => {
      api.failNext({ verb: 'list', plural: 'ingresses' }, raw([listOf([])]));
      return () => undefined;
    },
  })) {
    inCluster(`a restart while ${name}`, async (t, nginx, address) => {
      const cluster = await bigCluster(t, address);
      const first = await cluster.start({ nginx });
      endNginxWith(t, first);
      const processes = await nginxOf(first);
      const load = clients(t, first);
      const end = trouble(cluster);
      await killGateway(first);
      const second = await cluster.start({ nginx, after: first });
      const isOnce = name.startsWith('one ');
      if (isOnce) {
        await doubted(second, 1);
        await eventually('the second list', async () => (await generationsOf(second)).length === 1);
      } else {
        await eventually('it says what is wrong', async () => {
          return (await metricOf(second, 'source_stale_seconds')) > 0;
        });
        assert.deepEqual(await generationsOf(second), [], 'it builds nothing of a part');
      }
      assert.equal((await second.health('/ready')).status, 200);
      assert.deepEqual(await nginxOf(second), processes, 'the same master and workers: no reload');
      for (const number of [0, 11, many - 2]) {
        assert.equal(await isServed(second, `many-${number}`), true);
      }

      end();
      // The next attempt at what is forbidden is a minute away; a restart asks at once.
      let last = second;
      if (name.startsWith('rights')) {
        await killGateway(second);
        last = await cluster.start({ nginx, after: second });
      }
      cluster.api.put(web('later'));
      await eventually('it follows', async () => await isServed(last, 'later'));
      assert.equal(await isServed(last, 'many-11'), true);
      await nothingLost(t, `a restart while ${name}`, load);
    });
  }
});
