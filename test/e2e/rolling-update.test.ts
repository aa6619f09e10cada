import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { balance } from '../support/balance.ts';
import { openCluster, ownAddress, type Cluster } from '../support/cluster-gateway.ts';
import { eventually, type RunningGateway } from '../support/gateway.ts';
import { describeLoad, lostOf, startLoad, type Load } from '../support/load.ts';
import { startLoadBackend, type LoadBackend } from '../support/load-backend.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { ingress, serviceObject, sliceOf } from '../support/objects.ts';
import { startTcpFront } from '../support/tcp-front.ts';

const host = 'roll.example';
const pods = 30;
/** Pods that are replaced at a time, as with a `maxSurge` of a third. */
const batch = 10;
/** How long a pod goes on answering after it has begun to end. */
const preStopMs = 5000;

/** 70 clients that rest 100 ms ask more than 500 times a second, as long as the machine keeps up. */
const clients = 70;

/** Whether keep-alive clients are cut off at a reload (see reload.test.ts): they have a connection each time then. */
function cutsIdle(nginx: NginxBinary): boolean {
  return Number(nginx.version.split('.')[1]) < 29;
}

/** 500 requests a second: half of them on connections that are kept, where this nginx lets them stand. */
function traffic(t: TestContext, nginx: NginxBinary, port: number): Load[] {
  const to = { port, host, restMs: () => 100 };
  return cutsIdle(nginx)
    ? [startLoad(t, { ...to, clients, keepAlive: false })]
    : [false, true].map((keepAlive) => startLoad(t, { ...to, clients: clients / 2, keepAlive }));
}

/** Nothing was lost, and how much was asked. */
async function nothingLost(
  t: TestContext,
  what: string,
  loads: readonly Load[],
  since: number,
): Promise<void> {
  const seconds = (performance.now() - since) / 1000;
  for (const load of loads) {
    const count = await load.stop();
    t.diagnostic(`${what}: ${describeLoad(count)}; ${Math.round(count.answered / seconds)} a second`);
    assert.equal(lostOf(count), 0, what);
  }
}

interface Pod {
  readonly backend: LoadBackend;
  readonly name: string;
}

/** One pod of the Service `web`; one that ends still answers, and is told to be left alone. */
function sliceOfPod({ name, backend }: Pod, isEnding = false): object {
  const conditions = isEnding
    ? { ready: false, serving: true, terminating: true }
    : { ready: true, serving: true, terminating: false };
  const endpoints = [{ addresses: [ownAddress ?? ''], conditions }];
  return sliceOf('web', name, endpoints, [{ name: 'http', port: backend.port, protocol: 'TCP' }]);
}

async function asked(loads: readonly Load[], rounds: number): Promise<void> {
  const before = loads.map((load) => load.rounds());
  await eventually(`${rounds} more rounds`, () =>
    loads.every((load, index) => load.rounds() >= (before[index] ?? 0) + rounds),
  );
}

async function peersInForce(gateway: RunningGateway, of: readonly Pod[], are: boolean): Promise<void> {
  const ports = of.map(({ backend }) => new RegExp(`server [\\d.]+:${backend.port}\\b`, 'u'));
  await eventually(`${of.length} pods are ${are ? '' : 'not '}served`, async () => {
    const live = await gateway.debug('/debug/generations?limit=1');
    const text = (await gateway.debugText('/debug/config')).body;
    const [{ outcome } = { outcome: '' }] = live as { outcome: string }[];
    return outcome === 'live' && ports.every((port) => port.test(text) === are);
  });
}

async function webCluster(t: TestContext, services: readonly object[]): Promise<Cluster> {
  return await openCluster(t, [...services, ingress('web', { host, paths: [{ service: 'web' }] })]);
}

describe('under 500 requests a second', () => {
  for (const nginx of nginxBinaries()) {
    const suffix = `(nginx ${nginx.version})`;
    const skip = ownAddress === null ? 'NOT RUN: endpoints need an address other than loopback' : false;

    test(`a rolling update of ${pods} backends loses nothing ${suffix}`, { skip }, async (t) => {
      let started = 0;
      async function startPod(): Promise<Pod> {
        started += 1;
        const name = `web-${started}`;
        return { name, backend: await startLoadBackend(t, name, ownAddress ?? '') };
      }

      const old: Pod[] = [];
      for (let count = 0; count < pods; count += 1) {
        old.push(await startPod());
      }
      const cluster = await webCluster(t, [serviceObject('web'), ...old.map((pod) => sliceOfPod(pod))]);
      const { api } = cluster;
      const gateway = await cluster.start({ nginx });
      const began = performance.now();
      const loads = traffic(t, nginx, gateway.httpPort);
      while (old.length > 0) {
        const ending = old.splice(0, batch);
        const coming: Pod[] = [];
        for (let count = 0; count < batch; count += 1) {
          coming.push(await startPod());
        }
        api.put(...coming.map((pod) => sliceOfPod(pod)));
        await peersInForce(gateway, coming, true);
        api.put(...ending.map((pod) => sliceOfPod(pod, true)));
        // A machine that is busy with other things may need longer than a pod takes to end.
        await Promise.all([sleep(preStopMs), peersInForce(gateway, ending, false)]);
        await asked(loads, 5);
        for (const { name, backend } of ending) {
          api.remove('discovery.k8s.io/v1/endpointslices', `default/${name}`);
          await backend.retire();
        }
      }
      await asked(loads, 10);
      await nothingLost(t, `rolling update of ${pods} backends`, loads, began);
    });

    test(`an Ingress is switched to a new Service, and loses nothing ${suffix}`, { skip }, async (t) => {
      const first: Pod = { name: 'web', backend: await startLoadBackend(t, 'web', ownAddress ?? '') };
      const cluster = await webCluster(t, [serviceObject('web'), sliceOfPod(first)]);
      const { api } = cluster;
      const gateway = await cluster.start({ nginx });
      const began = performance.now();
      const loads = traffic(t, nginx, gateway.httpPort);
      await asked(loads, 5);
      for (const name of ['green', 'blue', 'red']) {
        const backend = await startLoadBackend(t, name, ownAddress ?? '');
        const endpoints = [{ addresses: [ownAddress], conditions: { ready: true } }];
        // All at once, in the order that is worst: the Ingress first.
        api.put(
          ingress('web', { host, paths: [{ service: name }] }),
          serviceObject(name),
          sliceOf(name, name, endpoints, [{ name: 'http', port: backend.port, protocol: 'TCP' }]),
        );
        await eventually(`${name} answers`, async () => (await gateway.get(host)).body === name);
        await asked(loads, 10);
      }
      await nothingLost(t, 'three new Services, one after the other', loads, began);
    });

    test(`a rolling update of the gateway loses nothing ${suffix}`, { skip }, async (t) => {
      const pod: Pod = { name: 'web', backend: await startLoadBackend(t, 'web', ownAddress ?? '') };
      const cluster = await webCluster(t, [serviceObject('web'), sliceOfPod(pod)]);
      const config = { nginx: { shutdown_grace_period: 5, worker_shutdown_timeout: 20 } };
      const front = await startTcpFront(t);
      const { gateways } = balance(t, front);
      const serving: RunningGateway[] = [];
      for (const name of ['old-0', 'old-1']) {
        serving.push(await cluster.start({ nginx, pod: name, config }));
      }
      for (const one of serving) {
        gateways.add(one);
      }
      await eventually('both are led to', () => front.targets.length === 2);
      const began = performance.now();
      const loads = traffic(t, nginx, front.port);
      await asked(loads, 5);
      for (const name of ['new-0', 'new-1']) {
        const next = await cluster.start({ nginx, pod: name, config });
        gateways.add(next);
        await eventually(`${name} is led to`, () => front.targets.includes(next.httpPort));
        const last = serving.shift();
        assert.ok(last);
        assert.equal(await last.stop(), 0);
        gateways.delete(last);
        cluster.api.remove('v1/pods', `cloud-native-gateway/${name.replace('new', 'old')}`);
        await asked(loads, 10);
        serving.push(next);
      }
      await nothingLost(t, 'rolling update of two gateways', loads, began);
      assert.equal(front.refused, 0);
    });
  }
});
