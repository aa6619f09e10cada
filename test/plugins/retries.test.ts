import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

for (const binary of nginxBinaries()) {
  describe(`retries on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    const backends: Backend[] = [];
    let served: Served;

    before(async () => {
      for (const name of ['one', 'two', 'three']) {
        backends.push(
          await startBackend(suite, name, (_request, response) => {
            response.writeHead(500);
            response.end();
          }),
        );
      }
      served = await serve(suite, binary, [
        annotated('plain', {}),
        annotated('all', { 'proxy-next-upstream': 'http_500 error', 'proxy-next-upstream-tries': '0' }),
        annotated('two', { 'proxy-next-upstream': 'http_500', 'proxy-next-upstream-tries': '2' }),
        annotated('off', { 'proxy-next-upstream': 'http_500 off' }),
        annotated('unsafe', { 'proxy-next-upstream': 'non_idempotent http_500' }),
        annotated('wrong', { 'proxy-next-upstream': 'http_500 http_599' }),
        ...serviceOn(
          'app',
          backends.map(({ port }) => port),
        ),
      ]);
    });

    const cases: readonly [string, string, number][] = [
      ['plain', 'GET', 1],
      ['all', 'GET', 3],
      ['all', 'POST', 1],
      ['two', 'GET', 2],
      ['off', 'GET', 1],
      ['unsafe', 'POST', 3],
      ['wrong', 'GET', 1],
    ];
    for (const [name, method, tries] of cases) {
      it(`try ${tries} endpoints for ${method} where it is ${name}`, async () => {
        const seenBefore = backends.reduce((sum, { seen }) => sum + seen.length, 0);

        const answer = await served.request({ host: `${name}.example.com`, method });

        assert.equal(answer.status, 500);
        assert.equal(backends.reduce((sum, { seen }) => sum + seen.length, 0) - seenBefore, tries);
      });
    }

    it('tell a word that nginx does not know', () => {
      assert.match(
        served.ingress('wrong').reasons.join(),
        /proxy-next-upstream"\]: "http_599" is not allowed: write off, or some of error, timeout/u,
      );
    });
  });
}
