import assert from 'node:assert/strict';
import { describe, type TestContext } from 'node:test';
import {
  generationsOf,
  inCluster,
  killGateway,
  metricOf,
  openCluster,
  serviceAt,
  type Cluster,
} from '../support/cluster-gateway.ts';
import { raw } from '../support/fake-api-server.ts';
import { eventually, onEveryNginx, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad } from '../support/load.ts';
import { startLoadBackend } from '../support/load-backend.ts';
import { endNginxWith, nginxOf } from '../support/nginx-processes.ts';
import { ingress } from '../support/objects.ts';

const host = 'stay.example';

async function webCluster(t: TestContext, address: string): Promise<Cluster> {
  const backend = await startLoadBackend(t, 'web', address);
  return await openCluster(t, [
    ...serviceAt('web', backend.port),
    ingress('web', { host, paths: [{ service: 'web' }] }),
  ]);
}

function other(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }] });
}

async function isServed(gateway: RunningGateway, name: string): Promise<boolean> {
  return (await gateway.get(name).catch(() => null))?.status === 200;
}

function clients(t: TestContext, gateway: RunningGateway) {
  return startLoad(t, { port: gateway.httpPort, host, clients: 6, restMs: () => 10, keepAlive: false });
}

/** A page of a list after which there is more. */
function firstPage(items: readonly object[]): string {
  const metadata = { resourceVersion: '1001', continue: 'more' };
  return JSON.stringify({ kind: 'IngressList', apiVersion: 'networking.k8s.io/v1', metadata, items });
}

describe('readiness', { concurrency: 2 }, () => {
  inCluster('not ready before one complete listing, then ready', async (t, nginx, address) => {
    const cluster = await webCluster(t, address);
    const { api } = cluster;
    // Served page by page; the second page never comes.
    api.behaviour.watchList = 'rejected';
    const pages = { sent: 0, asked: 0 };
    const endStall = api.failAll({ verb: 'list', plural: 'ingresses' }, (response, request) => {
      if (request.query['continue'] === undefined) {
        pages.sent += 1;
        raw([firstPage([other('early')])])(response, request);
      } else {
        pages.asked += 1;
      }
    });
    const gateway = await cluster.start({ nginx, unready: true });
    await eventually('the second page is asked for', () => pages.asked > 0);
    // Longer than the source may take before an nginx of an earlier life would be started.
    await eventually('everything else was listed', () => {
      return gateway.log.filter(({ message }) => message === 'A complete list was read').length === 5;
    });
    const answer = await gateway.health('/ready');
    assert.equal(answer.status, 503);
    assert.match(answer.body, /"reason":"[^"]+/u);
    assert.equal((await gateway.health('/healthz')).status, 200);
    assert.equal((await nginxOf(gateway)).master, null, 'half a cluster is not served');

    endStall();
    api.dropConnections();
    await eventually('ready', async () => (await gateway.health('/ready')).status === 200);
    assert.equal(await isServed(gateway, host), true);
    assert.equal(await isServed(gateway, 'early.example'), false, 'the page of the broken list was not kept');
  });

  inCluster('a selector that cannot be judged serves nobody', async (t, nginx, address) => {
    const cluster = await webCluster(t, address);
    cluster.api.behaviour.forbidden.add('namespaces');
    // Every namespace has it, as far as is known of those that may not be read.
    const config = { kubernetes: { watch_namespace_selector: 'tenant!=hidden' } };
    const gateway = await cluster.start({ nginx, config, unready: true });
    await eventually('it says why', async () => {
      const answer = await gateway.health('/ready').catch(() => null);
      return answer?.status === 503 && /allow list and watch of namespaces/u.test(answer.body);
    });
    assert.equal((await nginxOf(gateway)).master, null);
    cluster.api.behaviour.forbidden.clear();
    cluster.api.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    // The next attempt at what is forbidden is a minute away; a restart asks at once.
    await gateway.stop();
    const next = await cluster.start({ nginx, config, after: gateway });
    assert.equal(await isServed(next, host), true);

    cluster.api.behaviour.forbidden.add('namespaces');
    for (const watch of cluster.api.watchesOf('namespaces')) {
      watch.end();
    }
    await eventually('it is stale', async () => (await metricOf(next, 'source_stale_seconds')) > 0);
    cluster.api.put(
      ingress('unknown', { namespace: 'later', host: 'later.example', paths: [{ service: 'web' }] }),
      other('known'),
    );
    await eventually('the known namespace is followed', async () => await isServed(next, 'known.example'));
    assert.equal(await isServed(next, 'later.example'), false, 'a namespace that nothing is known of');
    assert.equal((await next.health('/ready')).status, 200, 'what it knows it serves');
  });

  onEveryNginx('a cluster without Ingresses is complete', async (t, nginx) => {
    const cluster = await openCluster(t);
    const gateway = await cluster.start({ nginx });
    const answer = await gateway.get('nobody.example');
    assert.deepEqual([answer.status, answer.body], [404, '{"error":"route not found"}']);
  });

  inCluster('an API server that is away makes it stale, not unready', async (t, nginx, address) => {
    const cluster = await webCluster(t, address);
    const gateway = await cluster.start({ nginx });
    assert.equal(await metricOf(gateway, 'source_stale_seconds'), 0);
    const load = clients(t, gateway);

    await cluster.network.cut();
    await eventually('it is stale', async () => (await metricOf(gateway, 'source_stale_seconds')) > 0);
    cluster.api.put(other('meanwhile'));
    assert.equal((await gateway.health('/ready')).status, 200);
    assert.equal((await gateway.health('/healthz')).status, 200);

    await cluster.network.restore();
    await eventually('what happened meanwhile', async () => await isServed(gateway, 'meanwhile.example'));
    await eventually('it is current', async () => (await metricOf(gateway, 'source_stale_seconds')) === 0);
    const count = await load.stop();
    t.diagnostic(`the API server away: ${describeLoad(count)}`);
    assert.equal(lostOf(count), 0);
  });

  inCluster('an empty list removes nothing, and neither does a forbidden one', async (t, nginx, address) => {
    const cluster = await webCluster(t, address);
    const { api } = cluster;
    api.behaviour.watchList = 'rejected';
    const gateway = await cluster.start({ nginx });
    const generations = await generationsOf(gateway);
    const load = clients(t, gateway);

    const empty = { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '99999' }, items: [] };
    for (const plural of ['ingresses', 'services', 'endpointslices'] as const) {
      const before = api.count({ verb: 'list', plural });
      api.failNext({ verb: 'list', plural }, raw([JSON.stringify(empty)]));
      // Its version is forgotten, so that it must list again.
      api.objects.tick();
      api.expire();
      for (const watch of api.watchesOf(plural)) {
        watch.send({ type: 'ERROR', object: { code: 410 } });
      }
      await eventually(`${plural} were listed twice: empty, then whole`, () => {
        return api.count({ verb: 'list', plural }) === before + 2;
      });
      await eventually(`${plural} are watched`, () => api.watchesOf(plural).length === 1);
    }
    assert.equal(
      gateway.log.filter(({ message }) => message === 'The API server is not followed').length,
      3,
      'each empty list was doubted',
    );

    api.behaviour.forbidden.add('ingresses').add('services');
    for (const watch of [...api.watchesOf('ingresses'), ...api.watchesOf('services')]) {
      watch.end();
    }
    await eventually('it is stale', async () => (await metricOf(gateway, 'source_stale_seconds')) > 0);
    assert.equal((await gateway.health('/ready')).status, 200);
    assert.deepEqual(await generationsOf(gateway), generations, 'no other configuration was ever live');
    const count = await load.stop();
    t.diagnostic(`empty and forbidden lists: ${describeLoad(count)}`);
    assert.equal(lostOf(count), 0);
    assert.equal(await isServed(gateway, host), true);
  });

  inCluster('a restart during an outage of the API server stays ready', async (t, nginx, address) => {
    const cluster = await webCluster(t, address);
    const first = await cluster.start({ nginx });
    endNginxWith(t, first);
    const before = await nginxOf(first);
    const load = clients(t, first);
    await cluster.network.cut();
    await killGateway(first);

    const second = await cluster.start({ nginx, after: first });
    assert.deepEqual(await nginxOf(second), before, 'the same master and workers: no reload');
    assert.equal((await second.health('/ready')).status, 200);
    assert.deepEqual(await generationsOf(second), [], 'it has built nothing: it knows nothing yet');
    const count = await load.stop();
    t.diagnostic(`kill -9 and a new gateway during an outage: ${describeLoad(count)}`);
    assert.equal(lostOf(count), 0);

    // nginx ends as well: what was verified last is better than nothing.
    for (const pid of [before.master, ...before.workers]) {
      assert.ok(pid !== null);
      process.kill(pid, 'SIGKILL');
    }
    await eventually('nginx serves again', async () => await isServed(second, host));
    const started = await nginxOf(second);
    assert.notEqual(started.master, before.master);
    assert.equal((await second.health('/ready')).status, 200);

    cluster.api.put(other('meanwhile'));
    await cluster.network.restore();
    await eventually('the API server is followed', async () => await isServed(second, 'meanwhile.example'));
    assert.equal(await isServed(second, host), true);
    assert.equal((await nginxOf(second)).master, started.master);
  });

  inCluster('one that ends before it knows the cluster empties nothing', async (t, nginx, address) => {
    const cluster = await webCluster(t, address);
    const first = await cluster.start({ nginx });
    endNginxWith(t, first);
    await cluster.network.cut();
    await killGateway(first);
    const config = { nginx: { shutdown_grace_period: 2 } };
    const second = await cluster.start({ nginx, after: first, config });
    const load = clients(t, second);
    const ended = second.stop();
    await eventually('it is unready', async () => (await second.health('/ready')).status === 503);
    const asked = load.rounds();
    await eventually('it serves on', () => load.rounds() > asked + 50);
    const count = await load.stop();
    assert.equal(lostOf(count), 0, describeLoad(count));
    assert.equal(await ended, 0);
    assert.equal((await nginxOf(second)).master, null);
  });
});
