import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const url = 'https://www.example.org/x?a=b&c=d,e:f~g';

/** By name: annotations, status, Location. */
const cases: Readonly<
  Record<string, readonly [Readonly<Record<string, string>>, number, string | undefined]>
> = {
  permanent: [{ 'permanent-redirect': url }, 301, url],
  'permanent-308': [{ 'permanent-redirect': url, 'permanent-redirect-code': '308' }, 308, url],
  'permanent-400': [{ 'permanent-redirect': url, 'permanent-redirect-code': '400' }, 301, url],
  temporal: [{ 'temporal-redirect': url }, 302, url],
  'temporal-307': [{ 'temporal-redirect': url, 'temporal-redirect-code': '307' }, 307, url],
  'temporal-308': [{ 'temporal-redirect': url, 'temporal-redirect-code': '308' }, 302, url],
  both: [{ 'temporal-redirect': url, 'permanent-redirect': 'https://other.example.org' }, 302, url],
  'before-https': [{ 'permanent-redirect': url, 'force-ssl-redirect': 'true' }, 301, url],
  'before-lists': [{ 'permanent-redirect': url, 'allowlist-source-range': '10.0.0.0/8' }, 301, url],
  'with-rewrite': [{ 'permanent-redirect': url, 'rewrite-target': '/y' }, 301, url],
  relative: [{ 'permanent-redirect': '/elsewhere', 'relative-redirects': 'true' }, 301, '/elsewhere'],
  'wrong-scheme': [{ 'temporal-redirect': 'ftp://example.org' }, 200, undefined],
  hostile: [{ 'permanent-redirect': 'https://example.org/";}' }, 503, undefined],
  variable: [{ 'permanent-redirect': 'https://example.org$request_uri' }, 503, undefined],
  'bad-code': [{ 'permanent-redirect': url, 'permanent-redirect-code': 'moved' }, 503, undefined],
};

for (const binary of nginxBinaries()) {
  describe(`redirects on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      served = await serve(suite, binary, [
        ...Object.entries(cases).map(([name, [annotations]]) => annotated(name, annotations)),
        annotated('no-backend', { 'permanent-redirect': url }, 'none'),
        annotated('rooted', { 'app-root': '/app/$request_method' }),
        ingress('late', {
          host: 'rooted.example.com',
          paths: [{ path: '/late', service: 'app' }],
          annotations: { 'nginx.ingress.kubernetes.io/app-root': '/late' },
        }),
        annotated('bad-root', { 'app-root': 'http://example.org/' }),
        annotated('site', { 'from-to-www-redirect': 'true' }),
        annotated('www.short', { 'from-to-www-redirect': 'true' }),
        annotated('taken', { 'from-to-www-redirect': 'true' }),
        annotated('www.taken', {}),
        annotated('default-backend', { 'permanent-redirect': url }, 'app', {
          defaultBackend: { service: 'app' },
        }),
        ...serviceOn('app', [backend.port]),
      ]);
    });

    for (const [name, [, status, location]] of Object.entries(cases)) {
      it(`${name}: ${status}`, async () => {
        const seenBefore = backend.seen.length;

        const answer = await served.request({ host: `${name}.example.com`, path: '/any' });

        assert.equal(answer.status, status);
        assert.equal(answer.headers.location, location);
        assert.equal(backend.seen.length - seenBefore, status === 200 ? 1 : 0);
      });
    }

    it('need no backend, and miss none', async () => {
      const answer = await served.request({ host: 'no-backend.example.com' });

      assert.equal(answer.status, 301);
      assert.deepEqual(served.ingress('no-backend'), { state: 'served', reasons: [] });
    });

    it('tell what became of a wrong status, scheme and second redirect', () => {
      assert.match(served.ingress('permanent-400').reasons.join(), /400 is no status.*301 is used.*308/u);
      assert.match(served.ingress('temporal-308').reasons.join(), /302 is used/u);
      assert.match(served.ingress('wrong-scheme').reasons.join(), /no http or https URL/u);
      assert.match(served.ingress('both').reasons.join(), /permanent-redirect"\]: has no effect beside/u);
      assert.equal(served.ingress('hostile').state, 'rejected');
    });

    it('send / of a host, and only that, to the root of its application', async () => {
      const root = await served.request({ host: 'rooted.example.com', path: '/?a=b', method: 'POST' });
      const below = await served.request({ host: 'rooted.example.com', path: '/x' });

      assert.equal(root.status, 302);
      assert.equal(root.headers.location, 'http://rooted.example.com/app/POST');
      assert.equal(below.status, 200);
      // Equally old Ingresses come in descending order of their names.
      assert.match(
        served.ingress('rooted').reasons.join() + served.ingress('late').reasons.join(),
        /has no effect/u,
      );
    });

    it('leave / alone where the root is no path', async () => {
      assert.equal((await served.request({ host: 'bad-root.example.com' })).status, 200);
      assert.match(served.ingress('bad-root').reasons.join(), /no absolute path below "\/"/u);
    });

    it('lead from www to the host and the other way', async () => {
      const toHost = await served.request({ host: 'www.site.example.com', path: '/x/?a=b' });
      const slash = await served.request({ host: 'www.site.example.com', path: '/x/' });
      const toWww = await served.request({ host: 'short.example.com', path: '/' });

      const port = served.port;
      assert.equal(toHost.status, 308);
      assert.equal(toHost.headers.location, `http://site.example.com:${port}/x/?a=b`);
      assert.equal(slash.headers.location, `http://site.example.com:${port}/x`);
      assert.equal(toWww.headers.location, `http://www.short.example.com:${port}`);
      assert.equal((await served.request({ host: 'site.example.com' })).status, 200);
    });

    it('leave a counterpart alone that an Ingress has a rule for', async () => {
      assert.equal((await served.request({ host: 'www.taken.example.com' })).status, 200);
      assert.match(served.ingress('taken').reasons.join(), /does not redirect www\.taken\.example\.com/u);
    });
  });
}
