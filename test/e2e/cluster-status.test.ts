import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Verdict } from '../../src/model/verdict.ts';
import {
  gatewayPod,
  ingresses,
  killGateway,
  metricOf,
  openCluster,
  type Cluster,
} from '../support/cluster-gateway.ts';
import { eventually, type RunningGateway } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { endNginxWith } from '../support/nginx-processes.ts';
import { ingress } from '../support/objects.ts';

const address = '203.0.113.7';
const kubernetes = { publish_status_address: [address], election_ttl: 4, status_update_interval: 5 };

// Nothing of this depends on the version of nginx.
const nginx = nginxBinaries().at(-1);
assert.ok(nginx !== undefined);

function web(name: string): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'absent' }] });
}

/** The addresses that an Ingress has had in its status, each change once. */
function statusesOf(cluster: Cluster, name: string): string[] {
  const seen = [cluster.statusOf(name)];
  cluster.api.objects.onEvent(({ collection }) => {
    const now = cluster.statusOf(name);
    if (collection === ingresses && now !== seen.at(-1)) {
      seen.push(now);
    }
  });
  return seen;
}

function leads(gateway: RunningGateway): boolean {
  const said = gateway.log.filter(({ message }) => message.startsWith('This replica leads'));
  return said.at(-1)?.message === 'This replica leads';
}

describe('status', { concurrency: true }, () => {
  test('one replica writes addresses, another takes over, the last one clears', async (t) => {
    const cluster = await openCluster(t, [web('one'), web('two')]);
    const { api } = cluster;
    const statuses = statusesOf(cluster, 'one');
    const holders: string[] = [];
    api.objects.onEvent(({ collection }) => {
      if (collection === 'coordination.k8s.io/v1/leases' && holders.at(-1) !== cluster.leaseHolder()) {
        holders.push(cluster.leaseHolder());
      }
    });

    const a = await cluster.start({ nginx, pod: 'a', config: { kubernetes } });
    endNginxWith(t, a);
    await eventually('the status is written', () => cluster.statusOf('two') === address);
    const b = await cluster.start({ nginx, pod: 'b', config: { kubernetes } });
    api.put(web('three'));
    await eventually('a new Ingress has one', () => cluster.statusOf('three') === address);
    assert.equal(cluster.leaseHolder(), 'a');
    assert.ok(leads(a) && !leads(b), 'one of them leads');
    assert.equal(
      api.count({ verb: 'patch', plural: 'ingresses', subresource: 'status' }),
      3,
      'one write for each Ingress',
    );

    await killGateway(a);
    api.remove('v1/pods', 'cloud-native-gateway/a');
    await eventually('the other one leads', () => cluster.leaseHolder() === 'b');
    api.put(web('four'));
    await eventually('it writes', () => cluster.statusOf('four') === address);

    const c = await cluster.start({ nginx, pod: 'c', config: { kubernetes } });
    assert.equal(await b.stop(), 0);
    assert.ok(holders.includes(''), 'the Lease was given up, not left to run out');
    api.remove('v1/pods', 'cloud-native-gateway/b');
    await eventually('the third one leads', () => cluster.leaseHolder() === 'c');
    api.put(web('five'));
    await eventually('it writes too', () => cluster.statusOf('five') === address);
    assert.deepEqual(holders, ['a', 'b', '', 'c']);
    assert.deepEqual(statuses, ['-', address], 'no takeover took the address away');

    api.put(gatewayPod('c', true));
    assert.equal(await c.stop(), 0);
    assert.deepEqual(statuses, ['-', address, '-'], 'no replica is left');
    assert.equal(cluster.statusOf('five'), '-');
    assert.equal(cluster.leaseHolder(), '');
  });

  test('nodes that may not be read are a verdict, and so are metrics and the overview', async (t) => {
    const cluster = await openCluster(t, [
      web('one'),
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
    ]);
    cluster.api.behaviour.forbidden.add('nodes');
    const config = { kubernetes: { election_ttl: 4, status_update_interval: 5 } };
    const gateway = await cluster.start({ nginx, pod: 'a', config });
    async function reasons(): Promise<string> {
      const objects = (await gateway.debug('/debug/objects?kind=Ingress&name=_all_')) as Verdict[];
      return objects.flatMap((one) => one.reasons.map(({ message }) => message)).join();
    }
    await eventually('the verdict', async () => {
      return /^is not kept up to date: Node\/\/node-1 cannot be read.*403.*allow get/u.test(await reasons());
    });
    assert.equal(await metricOf(gateway, 'leader'), 1);
    assert.match(await gateway.metrics(), /^cloud_native_gateway_output_trouble\{output="status"\} 1$/mu);
    const answer = await gateway.debugText('/debug/');
    assert.match(answer.body, /This replica leads\./u);

    cluster.api.behaviour.forbidden.clear();
    cluster.api.put({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-1' },
      status: { addresses: [{ type: 'ExternalIP', address }] },
    });
    await eventually('the status is written', () => cluster.statusOf('one') === address);
    await eventually('no verdict any more', async () => (await reasons()) === '');
  });

  test('a container that is started again takes nothing away', async (t) => {
    const cluster = await openCluster(t, [web('one')]);
    const first = await cluster.start({ nginx, pod: 'a', config: { kubernetes } });
    await eventually('the status is written', () => cluster.statusOf('one') === address);
    const statuses = statusesOf(cluster, 'one');
    assert.equal(await first.stop(), 0);
    const second = await cluster.start({ nginx, pod: 'a', config: { kubernetes }, after: first });
    cluster.api.put(web('two'));
    await eventually('it leads again', () => cluster.statusOf('two') === address);
    assert.deepEqual(statuses, [address]);
    assert.equal(await second.stop(), 0);
  });

  test('the last replica leaves the addresses where they are, when told so', async (t) => {
    const cluster = await openCluster(t, [web('one')]);
    const config = { kubernetes: { ...kubernetes, update_status_on_shutdown: false } };
    const gateway = await cluster.start({ nginx, pod: 'a', config });
    await eventually('the status is written', () => cluster.statusOf('one') === address);
    cluster.api.put(gatewayPod('a', true));
    assert.equal(await gateway.stop(), 0);
    assert.equal(cluster.statusOf('one'), address);
    assert.equal(cluster.leaseHolder(), '');
  });
});
