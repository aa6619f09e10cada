import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openCluster, type Cluster } from '../support/cluster-gateway.ts';
import type { FakeObject } from '../support/fake-api-server.ts';
import { eventually, type RunningGateway } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceObject, sliceOf, type IngressOptions } from '../support/objects.ts';

// Nothing of this depends on the version of nginx.
const nginx = nginxBinaries().at(-1);
assert.ok(nginx !== undefined);

const address = '203.0.113.7';
const prefix = 'nginx.ingress.kubernetes.io';
const unchanged = 5000;
/** So many take a while where the machine has other things to do. */
const manyMs = 150_000;

interface Verdict {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

interface Told {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

function web(name: string, more: Partial<IngressOptions> = {}): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }], ...more });
}

function annotated(name: string, annotations: Readonly<Record<string, string>>): object {
  const full = Object.entries(annotations).map(([key, value]) => [`${prefix}/${key}`, value]);
  return web(name, { annotations: Object.fromEntries(full) });
}

/** The same, made on a day: where two ask for the same, the older one has it. */
function since(day: string, object: object): object {
  const { metadata } = object as FakeObject;
  return { ...object, metadata: { ...metadata, creationTimestamp: `${day}T12:00:00Z` } };
}

/** Nobody asks it: it only makes the Ingresses served. */
function backend(): object[] {
  const endpoints = [{ addresses: ['198.51.100.1'] }];
  return [serviceObject('web'), sliceOf('web', 'web', endpoints, [{ name: 'http', port: 80 }])];
}

/** Objects with something wrong, by the state that they must end in. */
const broken: Readonly<Record<string, readonly object[]>> = {
  rejected: [
    annotated('no-secret', { 'auth-type': 'basic', 'auth-secret': 'absent' }),
    web('no-slash', { paths: [{ service: 'web', path: 'no-slash' }] }),
    web('bad-host', { host: 'no host; at } all' }),
    web('no-such-type', { paths: [{ service: 'web', pathType: 'Guess' }] }),
    annotated('bad-list', { 'whitelist-source-range': 'everybody' }),
    annotated('snippet', { 'server-snippet': 'return 200;' }),
    { ...web('no-spec'), spec: null },
    { ...web('rules-are-text'), spec: { ingressClassName: 'nginx', rules: 'all' } },
  ],
  'served-with-difference': [
    annotated('bad-size', { 'proxy-body-size': 'much' }),
    annotated('unknown', { 'no-such-annotation': 'true' }),
    web('no-service', { paths: [{ service: 'absent' }] }),
    web('no-pair', { tls: [{ hosts: ['no-pair.example'], secretName: 'absent' }] }),
  ],
  conflict: [since('2026-02-01', web('second', { host: 'first.example' }))],
  ignored: [web('foreign', { className: 'other' })],
};

async function verdictsOf(gateway: RunningGateway): Promise<readonly Verdict[]> {
  return (await gateway.debug('/debug/objects')) as Verdict[];
}

function eventsOn({ api }: Cluster, name: string): Told[] {
  return api.objects
    .list('v1/events')
    .map(({ object }) => object as FakeObject & Told)
    .filter(({ involvedObject }) => involvedObject.kind === 'Ingress' && involvedObject.name === name);
}

/** The words of a verdict as an Event has them. */
function wordsOf({ reasons }: Verdict): string {
  return reasons.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
}

function metric(page: string, state: string): number {
  const found = new RegExp(`^ingress_objects\\{state="${state}"\\} (\\d+)$`, 'mu').exec(page);
  return Number(found?.[1] ?? Number.NaN);
}

describe('verdicts', { concurrency: true }, () => {
  test('one verdict for each object, in the same words everywhere', async (t) => {
    const objects = Object.values(broken).flat();
    const cluster = await openCluster(t, [...backend(), since('2026-01-01', web('first'))]);
    const gateway = await cluster.start({
      nginx,
      pod: 'a',
      config: { kubernetes: { publish_status_address: [address] } },
    });
    await eventually('it leads and writes', () => cluster.statusOf('first') === address);
    cluster.api.put(...objects);
    const names = objects.map((object) => (object as FakeObject).metadata.name);
    let verdicts: readonly Verdict[] = [];
    await eventually('all are judged', async () => {
      verdicts = await verdictsOf(gateway);
      return names.every((name) => verdicts.some((one) => one.kind === 'Ingress' && one.name === name));
    });
    function verdictOn(name: string): Verdict {
      const all = verdicts.filter((one) => one.kind === 'Ingress' && one.name === name);
      const [verdict] = all;
      assert.ok(verdict && all.length === 1, `one verdict on ${name}`);
      return verdict;
    }

    for (const [state, wrong] of Object.entries(broken)) {
      for (const object of wrong) {
        const { name } = (object as FakeObject).metadata;
        const verdict = verdictOn(name);
        assert.equal(verdict.state, state, `${name}: ${wordsOf(verdict)}`);
        assert.ok(wordsOf(verdict).length > 10, `${name} is told why`);
        const logged = gateway.log.filter(
          (line) => line['object'] === `Ingress/default/${name}` && line['state'] === state,
        );
        assert.deepEqual(
          logged.map(({ reasons }) => reasons),
          [verdict.reasons],
          `${name} is logged once`,
        );
        if (state !== 'ignored') {
          await eventually(`an Event on ${name}`, () => eventsOn(cluster, name).length > 0);
          const [event, ...more] = eventsOn(cluster, name);
          assert.deepEqual(more, [], `one Event on ${name}`);
          assert.equal(event?.type, 'Warning');
          // An Event is one line.
          assert.equal(event?.message, wordsOf(verdict).replaceAll(/\s+/gu, ' '), name);
        }
      }
    }
    assert.match(
      wordsOf(verdictOn('second')),
      /Ingress default\/first|default\/first/u,
      'the winner is named',
    );

    const page = await gateway.metrics();
    const states = new Set(verdicts.map(({ state }) => state));
    for (const state of states) {
      assert.equal(metric(page, state), verdicts.filter((one) => one.state === state).length, state);
    }
    const all = ['served', 'ignored', 'served-with-difference', 'conflict', 'rejected', 'quarantined'];
    assert.equal(
      all.reduce((sum, state) => sum + metric(page, state), 0),
      verdicts.length,
    );

    // Status says where traffic goes: whoever gets any, and nobody else.
    await eventually('the last of them has its status', () => cluster.statusOf('unknown') === address);
    for (const name of ['no-slash', 'bad-host', 'no-spec', 'foreign']) {
      assert.equal(cluster.statusOf(name), '-', name);
    }
    assert.deepEqual(eventsOn(cluster, 'foreign'), [], 'nothing is said about what is not ours');
  });

  test(`a restart with ${unchanged} unchanged Ingresses writes nothing`, async (t) => {
    const cluster = await openCluster(t, [
      ...backend(),
      ...Array.from({ length: unchanged }, (_, number) => web(`many-${number}`)),
    ]);
    const { api } = cluster;
    const config = { kubernetes: { publish_status_address: [address] } };
    const first = await cluster.start({ nginx, pod: 'a', config, unready: true });
    await eventually(
      'each has its status',
      () => api.count({ verb: 'patch', plural: 'ingresses', subresource: 'status' }) >= unchanged,
      manyMs,
    );
    assert.equal(await first.stop(), 0);
    const [events, patches] = [
      api.count({ plural: 'events' }),
      api.count({ verb: 'patch', plural: 'ingresses', subresource: 'status' }),
    ];
    assert.equal(patches, unchanged, 'one write for each');
    const second = await cluster.start({ nginx, pod: 'a', config, after: first, unready: true });
    // What it had to say about the others would come before what it says about this one.
    api.put(web('last'));
    await eventually('the new one has its Event', () => eventsOn(cluster, 'last').length === 1, manyMs);
    await eventually('and its status', () => cluster.statusOf('last') === address, manyMs);
    assert.equal(api.count({ plural: 'events' }), events + 1);
    assert.equal(api.count({ verb: 'patch', plural: 'ingresses', subresource: 'status' }), patches + 1);
    assert.equal(await second.stop(), 0);
  });
});
