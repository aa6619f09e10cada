import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

/** Which of the two backends answers a host; null for 404. */
const owners: readonly [string, string | null][] = [
  ['many.example.com', 'alias'],
  ['other.example.com', 'alias'],
  ['a.below.example.com', 'alias'],
  ['a.b.below.example.com', 'alias'],
  ['x.a.b.below.example.com', 'alias'],
  ['below.example.com', null],
  ['a.real.below.example.com', 'own'],
  ['dotted.example.com', 'alias'],
  ['x.dotted.example.com', 'alias'],
  ['host7.example.net', 'alias'],
  ['hostx.example.net', null],
  ['real.example.com', 'own'],
  ['any.wild.example.com', 'own'],
  ['twice.example.com', 'alias'],
];

for (const binary of nginxBinaries()) {
  describe(`aliases on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const alias = await startBackend(suite, 'alias');
      const own = await startBackend(suite, 'own');
      served = await serve(suite, binary, [
        annotated(
          'many',
          {
            'server-alias':
              'other.example.com, *.below.example.com, .dotted.example.com, ~^host(\\d)\\.example\\.net$, ' +
              'real.example.com, twice.example.com, many.example.com, ~^.*\\.wild\\.example\\.com$',
          },
          'alias',
        ),
        annotated('second', { 'server-alias': 'twice.example.com' }, 'own'),
        annotated('real', {}, 'own'),
        annotated('hostile', { 'server-alias': 'x.example.org; }' }, 'own'),
        ingress('deep', { host: '*.real.below.example.com', paths: [{ service: 'own' }] }),
        ingress('wild', { host: '*.wild.example.com', paths: [{ service: 'own' }] }),
        ...serviceOn('alias', [alias.port]),
        ...serviceOn('own', [own.port]),
      ]);
    });

    for (const [host, owner] of owners) {
      it(`${host} is ${owner ?? 'nobody’s'}`, async () => {
        const answer = await served.request({ host });

        const backend =
          answer.status === 200 ? (JSON.parse(answer.body) as { backend: string }).backend : null;
        assert.equal(backend, owner);
      });
    }

    it('tell which names are left out, and why', () => {
      const reasons = served.ingress('many').reasons.join('\n');

      assert.match(reasons, /real\.example\.com is left out: an Ingress has a rule for it/u);
      assert.doesNotMatch(reasons, /many\.example\.com is left out/u);
      assert.match(
        served.ingress('second').reasons.join(),
        /twice\.example\.com is left out: Ingress\/default\/many has it/u,
      );
      assert.equal(served.ingress('hostile').state, 'rejected');
    });
  });
}
