import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingresses, openCluster } from '../support/cluster-gateway.ts';
import { eventually } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceObject, sliceOf, type IngressOptions } from '../support/objects.ts';
import { trapFolder } from '../support/template-trap.ts';

// Nothing of this depends on the version of nginx.
const nginx = nginxBinaries().at(-1);
assert.ok(nginx !== undefined);

const many = 500;

function web(name: string, more: Partial<IngressOptions> = {}): object {
  return ingress(name, { host: `${name}.example`, paths: [{ service: 'web' }], ...more });
}

/** What nginx refuses, with the template that sets a trap for exact paths. */
const exact = { paths: [{ service: 'web', path: '/exact', pathType: 'Exact' }] };
const broken = { paths: [{ service: 'web', path: 'no-slash', pathType: 'Prefix' }] };

test('Events tell each change of a verdict once, and a restart tells nothing', async (t) => {
  const cluster = await openCluster(t, [
    serviceObject('web'),
    // Nobody asks it: it only makes the Ingresses served.
    sliceOf('web', 'web', [{ addresses: ['198.51.100.1'] }], [{ name: 'http', port: 80 }]),
    ...Array.from({ length: many }, (_, index) => web(`many-${index}`)),
    web('broken', broken),
  ]);
  const { api } = cluster;
  const config = {
    kubernetes: { publish_status_address: ['203.0.113.7'] },
    nginx: { template_path: await trapFolder(t) },
  };
  function eventsOf(name: string): string[] {
    return cluster
      .events()
      .filter((event) => event.endsWith(` Ingress/${name}`))
      .map((event) => event.slice(0, event.indexOf(' ')));
  }

  const first = await cluster.start({ nginx, pod: 'a', config });
  await eventually('what is wrong from the beginning', () => eventsOf('broken').join() === 'Rejected');

  api.put(web('new'));
  await eventually('a new Ingress', () => eventsOf('new').length === 1);
  api.put({
    ...web('second', { host: 'new.example' }),
    metadata: { name: 'second', namespace: 'default', creationTimestamp: '2026-02-01T12:00:00Z' },
  });
  await eventually('a conflict', () => eventsOf('second').join() === 'Conflict');
  api.put(web('trap', exact));
  await eventually('a quarantine', () => eventsOf('trap').join() === 'Quarantined');
  api.put(web('trap'));
  await eventually('the end of it', () => eventsOf('trap').length === 2);
  api.put(web('broken'));
  await eventually('a correction', () => eventsOf('broken').length === 2);
  api.put(web('broken', broken));
  await eventually('the same again is counted', () => countOf('broken', 'Rejected') === 2);

  function countOf(name: string, reason: string): number {
    const found = api.objects
      .list('v1/events')
      .map(
        ({ object }) =>
          object as unknown as { reason: string; count: number; involvedObject: { name: string } },
      )
      .find((event) => event.reason === reason && event.involvedObject.name === name);
    return found?.count ?? 0;
  }

  const before = cluster.events();
  const writes = api.count({ plural: 'events' });
  assert.equal(await first.stop(), 0);
  const second = await cluster.start({ nginx, pod: 'a', config, after: first });
  // Its first Event is about something that changed after its start: whatever it had to say before would come first.
  api.put(web('last'));
  await eventually('the next change', () => eventsOf('last').length === 1);
  assert.deepEqual(
    cluster.events().filter((event) => !event.endsWith('/last')),
    before,
  );
  assert.equal(api.count({ plural: 'events' }), writes + 1, 'nothing was said anew');
  assert.equal(api.objects.list(ingresses).length, many + 5);
  assert.equal(await second.stop(), 0);
});
