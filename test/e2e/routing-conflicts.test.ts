import assert from 'node:assert/strict';
import { startBackend, type Echo } from '../support/backend.ts';
import { applied, onEveryNginx, startGateway } from '../support/gateway.ts';
import { ingress, serviceOn, type IngressOptions } from '../support/objects.ts';

interface Verdict {
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly field: string; readonly message: string }[];
}

/** An Ingress that was created on a day of January 2024. */
function bornOn(day: number, name: string, options: IngressOptions): object {
  const made = ingress(name, options) as { readonly metadata: object };
  const creationTimestamp = `2024-01-${String(day).padStart(2, '0')}T00:00:00Z`;
  return { ...made, metadata: { ...made.metadata, creationTimestamp } };
}

onEveryNginx('Ingresses that ask for the same', async (t, nginx) => {
  const one = await startBackend(t, 'one');
  const two = await startBackend(t, 'two');
  const gateway = await startGateway(t, {
    nginx,
    manifests: {
      'services.json': [...serviceOn('one', [one.port]), ...serviceOn('two', [two.port])],
      // Files and objects are in the order that must not count.
      'a-younger.json': bornOn(2, 'a-younger', {
        host: 'shared.test',
        paths: [
          { path: '/x', service: 'two' },
          { path: '/own', service: 'two' },
        ],
      }),
      'z-older.json': bornOn(1, 'z-older', {
        host: 'shared.test',
        paths: [{ path: '/x', service: 'one' }],
      }),
      'as-old.json': [
        bornOn(3, 'name-a', { host: 'equal.test', paths: [{ service: 'one' }] }),
        bornOn(3, 'name-b', { host: 'equal.test', paths: [{ service: 'two' }] }),
      ],
      'types.json': [
        bornOn(1, 'prefix', { host: 'types.test', paths: [{ path: '/x', service: 'one' }] }),
        bornOn(2, 'whole', {
          host: 'types.test',
          paths: [{ path: '/x', pathType: 'Exact', service: 'two' }],
        }),
      ],
      'cases.json': [
        bornOn(1, 'lower', { host: 'case.test', paths: [{ path: '/x', service: 'one' }] }),
        bornOn(2, 'upper', { host: 'CASE.test', paths: [{ path: '/x', service: 'two' }] }),
      ],
    },
  });

  async function whoAnswers(host: string, path: string): Promise<string | number> {
    const { status, body } = await gateway.get(host, path);
    return status === 200 ? (JSON.parse(body) as Echo).backend : status;
  }

  async function verdictOn(name: string): Promise<Verdict | undefined> {
    const found = (await gateway.debug(`/debug/objects?kind=Ingress&name=${name}`)) as Verdict[];
    return found[0];
  }

  await t.test('the oldest keeps the path, the other keeps its own paths and is told', async () => {
    assert.equal(await whoAnswers('shared.test', '/x'), 'one');
    assert.equal(await whoAnswers('shared.test', '/own'), 'two');
    assert.equal((await verdictOn('z-older'))?.state, 'served');
    const loser = await verdictOn('a-younger');
    assert.equal(loser?.state, 'served-with-difference');
    assert.equal(loser.reasons[0]?.field, 'spec.rules[0].http.paths[0]');
    assert.match(loser.reasons[0]?.message ?? '', /Ingress\/default\/z-older, which is older: shared\.test/u);
  });

  await t.test('among equally old ones the last by name wins, as in ingress-nginx', async () => {
    assert.equal(await whoAnswers('equal.test', '/'), 'two');
    assert.equal((await verdictOn('name-a'))?.state, 'conflict');
    assert.equal((await verdictOn('name-b'))?.state, 'served');
  });

  await t.test('the same path with another type is no conflict', async () => {
    assert.equal(await whoAnswers('types.test', '/x'), 'two');
    assert.equal(await whoAnswers('types.test', '/x/y'), 'one');
    assert.deepEqual(
      [(await verdictOn('prefix'))?.state, (await verdictOn('whole'))?.state],
      ['served', 'served'],
    );
  });

  await t.test('hosts that differ in letter case are one host', async () => {
    assert.equal(await whoAnswers('case.test', '/x'), 'one');
    assert.equal((await verdictOn('upper'))?.state, 'conflict');
  });

  await t.test(
    'when the older one goes, the younger one takes over; when it returns, it has its path',
    async () => {
      await applied(gateway, async () => {
        await gateway.remove('z-older.json');
      });
      assert.equal(await whoAnswers('shared.test', '/x'), 'two');
      assert.equal((await verdictOn('a-younger'))?.state, 'served');
      await applied(gateway, async () => {
        await gateway.write(
          'z-older.json',
          bornOn(1, 'z-older', { host: 'shared.test', paths: [{ path: '/x', service: 'one' }] }),
        );
      });
      assert.equal(await whoAnswers('shared.test', '/x'), 'one');
    },
  );
});
