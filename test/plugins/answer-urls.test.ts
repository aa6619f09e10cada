import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const cookie = 'id=1; Domain=backend.local; Path=/two/x';
const location = 'http://backend.local:8080/two/page';

for (const binary of nginxBinaries()) {
  describe(`addresses in answers on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const backend = await startBackend(suite, 'app', (_request, response) => {
        response.writeHead(302, { location, 'set-cookie': cookie });
        response.end();
      });
      served = await serve(suite, binary, [
        annotated('plain', {}),
        annotated('domain', { 'proxy-cookie-domain': 'backend.local example.com' }),
        annotated('path', { 'proxy-cookie-path': '/two/ /' }),
        annotated('pattern', { 'proxy-cookie-path': '~/two/? /', 'proxy-cookie-domain': '~.local x.y' }),
        annotated('redirect', {
          'proxy-redirect-from': 'http://backend.local:8080/two/',
          'proxy-redirect-to': 'https://show.example.com/',
        }),
        annotated('default', { 'proxy-redirect-from': 'default' }),
        annotated('half', { 'proxy-redirect-from': 'http://backend.local:8080/' }),
        // What nginx could take for something else, or refuse.
        ...['~ /', '. /', '~ .', '~a??b /', 'http://a http://b/?x=1,2&y', '/~~ /:'].map((value, index) =>
          annotated(`odd-${index}`, {
            'proxy-cookie-path': value,
            'proxy-cookie-domain': value,
            'proxy-redirect-from': value.split(' ')[0] ?? '',
            'proxy-redirect-to': value.split(' ')[1] ?? '',
          }),
        ),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    const cases: readonly [string, string, string][] = [
      ['plain', cookie, location],
      ['domain', 'id=1; Domain=example.com; Path=/two/x', location],
      ['path', 'id=1; Domain=backend.local; Path=/x', location],
      ['pattern', 'id=1; Domain=x.y; Path=/', location],
      ['redirect', cookie, 'https://show.example.com/page'],
      ['default', cookie, location],
      ['half', cookie, location],
    ];
    for (const [name, expectedCookie, expectedLocation] of cases) {
      it(`are as asked for where it is ${name}`, async () => {
        const answer = await served.request({ host: `${name}.example.com` });

        assert.deepEqual(answer.headers['set-cookie'], [expectedCookie]);
        assert.equal(answer.headers.location, expectedLocation);
      });
    }

    it('tell where half of a pair is missing', () => {
      assert.match(
        served.ingress('half').reasons.join(),
        /proxy-redirect-from"\]: has no effect without proxy-redirect-to/u,
      );
    });
  });
}
