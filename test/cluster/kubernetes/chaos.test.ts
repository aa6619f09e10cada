import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raw, reset, status, type FakeApiServer } from '../../support/fake-api-server.ts';
import { service, until, world } from './world.ts';

/** Numbers that look random and are the same in every run. */
function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % sides;
  };
}

function disturb(server: FakeApiServer, kind: number): void {
  const [watch] = server.watchesOf('services');
  const faults = [status(500), status(429), status(410), reset(), raw(['garbage\n']), raw(['{"type":"ADD'])];
  const fault = faults[kind];
  if (fault !== undefined) {
    server.failNext({ plural: 'services' }, fault);
    watch?.reset();
  } else if (kind === 6) {
    watch?.end();
  } else if (kind === 7) {
    watch?.freeze();
  } else if (kind === 8) {
    server.expire();
    watch?.reset();
  } else if (kind === 9) {
    watch?.bookmark();
  } else if (kind === 10) {
    // etcd comes back from a backup: a version from before, and some objects as they were not.
    const content = server.objects.list('v1/services').map(({ object }) => object);
    server.objects.restore(server.objects.revision - 30, content.slice(0, Math.ceil(content.length * 0.9)));
    watch?.reset();
  } else {
    watch?.write('garbage\n');
  }
}

test('whatever happens on the way, in the end the store says what the server says', async (t) => {
  for (const [seed, watchList] of [
    [1, 'supported'],
    [2, 'rejected'],
    [3, 'supported'],
  ] as const) {
    const dice = createDice(seed);
    const { server, store, source } = await world(t, {
      server: { behaviour: { watchList } },
      source: {
        timings: {
          watchIdleMs: 60,
          watchHeadersMs: 60,
          headersMs: 60,
          relistMs: 400,
          watchLifeMs: [1000, 2000],
        },
      },
    });
    await source.start();
    for (let step = 0; step < 400; step += 1) {
      const name = `s-${dice(40)}`;
      if (dice(3) === 0) {
        server.remove('v1/services', `web/${name}`);
      } else {
        server.put(service(name, 1 + dice(1000)));
      }
      if (dice(8) === 0) {
        disturb(server, dice(12));
      }
      if (dice(4) === 0) {
        await new Promise((resolve) => setTimeout(resolve, dice(8)));
      }
    }
    const wanted = server.objects
      .list('v1/services')
      .map(({ object }) => `${object.metadata.name} ${object.metadata.uid}`)
      .sort();
    await until('the same', () => {
      const found = [...store.snapshot().services.values()]
        .map(({ meta }) => `${meta.name} ${meta.uid}`)
        .sort();
      return found.join() === wanted.join();
    });
    for (const { object } of server.objects.list('v1/services')) {
      const spec = object['spec'] as { ports: { port: number }[] };
      const found = store.snapshot().services.get(`web/${object.metadata.name}`);
      assert.equal(found?.ports[0]?.port, spec.ports[0]?.port, object.metadata.name);
    }
    // A frozen watch stays open on the server until its client is noticed to be gone; none is ever in use twice.
    assert.ok(server.mostWatches <= 3, `${server.mostWatches} watches of one kind`);
    await source.stop();
  }
});
