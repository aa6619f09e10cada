import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  createAddressSource,
  type AddressRules,
  type AddressSourceOptions,
} from '../../../src/cluster/kubernetes/published-addresses.ts';
import { startFakeApiServer, status, type FakeApiServer } from '../../support/fake-api-server.ts';
import { handClock, wireTo } from './outputs-world.ts';
import { connectTo } from './world.ts';

const noRules: AddressRules = { addresses: [], service: '', preferInternal: false };
const signal = new AbortController().signal;

async function sourceOf(
  t: TestContext,
  server: FakeApiServer,
  rules: Partial<AddressRules>,
  extra: Partial<AddressSourceOptions> = {},
): Promise<() => Promise<string[] | string>> {
  const { client } = await wireTo(t, await connectTo(server.url));
  const source = createAddressSource({
    client,
    rules: { ...noRules, ...rules },
    namespace: 'gateway',
    podName: 'pod-a',
    ...extra,
  });
  return async () => {
    const found = await source(signal);
    return 'problem' in found ? found.problem : found.map(({ ip, hostname }) => `${ip}|${hostname}`);
  };
}

async function startServer(t: TestContext): Promise<FakeApiServer> {
  const server = await startFakeApiServer();
  t.after(() => server.close());
  return server;
}

function publishService(spec: object, loadBalancer: readonly object[] = []): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'gateway', namespace: 'gateway' },
    spec,
    status: { loadBalancer: { ingress: loadBalancer } },
  };
}

test('fixed addresses: sorted, each once, in the form that the API takes', async (t) => {
  const server = await startServer(t);
  const addresses = ['Gateway.Example.com', '203.0.113.9', '2001:db8::1', '203.0.113.10', '203.0.113.9'];
  const source = await sourceOf(t, server, { addresses, service: 'gateway/gateway' });
  assert.deepEqual(await source(), ['|gateway.example.com', '2001:db8::1|', '203.0.113.10|', '203.0.113.9|']);
  assert.equal(server.requests.length, 0);
});

const externalIPs = ['198.51.100.7', '198.51.100.6'];
const services: { readonly name: string; readonly service: object; readonly found: readonly string[] }[] = [
  {
    name: 'ExternalName',
    service: publishService({ type: 'ExternalName', externalName: 'edge.example.com' }),
    found: ['|edge.example.com'],
  },
  {
    name: 'ClusterIP',
    service: publishService({ type: 'ClusterIP', clusterIP: '10.0.0.5', externalIPs }),
    found: ['10.0.0.5|'],
  },
  { name: 'headless', service: publishService({ clusterIP: 'None' }), found: [] },
  {
    name: 'NodePort',
    service: publishService({ type: 'NodePort', clusterIP: '10.0.0.5' }),
    found: ['10.0.0.5|'],
  },
  {
    name: 'NodePort with external addresses',
    service: publishService({ type: 'NodePort', clusterIP: '10.0.0.5', externalIPs }),
    found: ['198.51.100.6|', '198.51.100.7|'],
  },
  {
    name: 'LoadBalancer',
    service: publishService({ type: 'LoadBalancer', clusterIP: '10.0.0.5', externalIPs }, [
      { ip: '198.51.100.7' },
      { hostname: 'lb.example.com' },
      { ip: '203.0.113.1', hostname: 'both.example.com', ports: [] },
    ]),
    found: ['|lb.example.com', '198.51.100.6|', '198.51.100.7|', '203.0.113.1|both.example.com'],
  },
  { name: 'LoadBalancer in the making', service: publishService({ type: 'LoadBalancer' }), found: [] },
  {
    name: 'nonsense from a broken load balancer',
    service: publishService({ type: 'LoadBalancer' }, [
      { ip: 'not an address' },
      { hostname: 'bad_host\u0000' },
      { ip: 7 },
      'text',
      { ip: '203.0.113.1' },
    ] as object[]),
    found: ['203.0.113.1|'],
  },
];

for (const { name, service, found } of services) {
  test(`a Service: ${name}`, async (t) => {
    const server = await startServer(t);
    server.put(service);
    const source = await sourceOf(t, server, { service: 'gateway/gateway' });
    assert.deepEqual(await source(), found);
  });
}

test('a Service that is missing, forbidden or behind a broken server is a problem, never no address', async (t) => {
  const server = await startServer(t);
  const source = await sourceOf(t, server, { service: 'gateway/gateway' });
  assert.match(String(await source()), /Service\/gateway\/gateway \(kubernetes\.publish_service\).*404/u);
  server.failNext({ plural: 'services' }, status(503));
  assert.match(String(await source()), /503/u);
  server.behaviour.forbidden.add('services');
  assert.match(String(await source()), /403.*allow get and list/u);
});

interface PodLook {
  readonly labels?: object;
  readonly node?: string;
  readonly phase?: string;
  readonly isReady?: boolean;
}

function pod(name: string, look: PodLook = {}): object {
  const labels = look.labels ?? { app: 'gateway', 'pod-template-hash': name };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'gateway', labels },
    spec: { nodeName: look.node ?? `node-of-${name}` },
    status: {
      phase: look.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: look.isReady === false ? 'False' : 'True' }],
    },
  };
}

function node(
  name: string,
  addresses: readonly { readonly type: string; readonly address: string }[],
): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { addresses } };
}

test('nodes: those of ready pods of any version of ours, external addresses before internal ones', async (t) => {
  const server = await startServer(t);
  server.put(
    pod('pod-a'),
    pod('pod-b'),
    pod('pod-c', { isReady: false }),
    pod('pod-d', { phase: 'Pending' }),
    pod('other', { labels: { app: 'shop' } }),
    node('node-of-pod-a', [
      { type: 'InternalIP', address: '10.1.0.1' },
      { type: 'ExternalIP', address: '203.0.113.1' },
      { type: 'Hostname', address: 'a.internal' },
    ]),
    node('node-of-pod-b', [{ type: 'InternalIP', address: '10.1.0.2' }]),
    node('node-of-pod-c', [{ type: 'ExternalIP', address: '203.0.113.3' }]),
    node('node-of-pod-d', [{ type: 'ExternalIP', address: '203.0.113.4' }]),
    node('node-of-other', [{ type: 'ExternalIP', address: '203.0.113.5' }]),
  );
  const source = await sourceOf(t, server, {});
  assert.deepEqual(await source(), ['10.1.0.2|', '203.0.113.1|']);
  const internal = await sourceOf(t, server, { preferInternal: true });
  assert.deepEqual(await internal(), ['10.1.0.1|', '10.1.0.2|']);
});

test('nodes are read once in ten minutes; one that cannot be read keeps its addresses, one that is gone loses them', async (t) => {
  const server = await startServer(t);
  server.put(pod('pod-a'), node('node-of-pod-a', [{ type: 'InternalIP', address: '10.1.0.1' }]));
  const clock = handClock();
  const source = await sourceOf(t, server, {}, { clock });
  assert.deepEqual(await source(), ['10.1.0.1|']);
  assert.deepEqual(await source(), ['10.1.0.1|']);
  assert.equal(server.count({ plural: 'nodes' }), 1);
  clock.advance(600_001);
  server.failNext({ plural: 'nodes' }, status(500));
  assert.deepEqual(await source(), ['10.1.0.1|']);
  server.remove('v1/nodes', '/node-of-pod-a');
  assert.deepEqual(await source(), []);
});

test('a pod without labels stands for itself alone, never for the whole namespace', async (t) => {
  const server = await startServer(t);
  server.put(
    pod('pod-a', { labels: { 'pod-template-hash': 'x' } }),
    pod('other', { labels: { app: 'shop' } }),
    node('node-of-pod-a', [{ type: 'InternalIP', address: '10.1.0.1' }]),
    node('node-of-other', [{ type: 'InternalIP', address: '10.1.0.9' }]),
  );
  const source = await sourceOf(t, server, {});
  assert.deepEqual(await source(), ['10.1.0.1|']);
  assert.equal(server.count({ verb: 'list', plural: 'pods' }), 0);
});

test('pods or nodes that may not be read are a problem that names the remedy', async (t) => {
  const server = await startServer(t);
  server.put(pod('pod-a'));
  const source = await sourceOf(t, server, {});
  server.behaviour.forbidden.add('nodes');
  assert.match(String(await source()), /Node\/\/node-of-pod-a cannot be read.*allow get and list/u);
  server.behaviour.forbidden.add('pods');
  assert.match(String(await source()), /pod gateway\/pod-a cannot be read/u);
});
