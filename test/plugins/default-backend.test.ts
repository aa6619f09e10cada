import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceObject, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

for (const binary of nginxBinaries()) {
  describe(`a default backend on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let app: Backend;
    let other: Backend;
    let served: Served;

    before(async () => {
      app = await startBackend(suite, 'app');
      other = await startBackend(suite, 'other');
      const named = { 'default-backend': 'other' };
      served = await serve(suite, binary, [
        annotated('unneeded', named),
        annotated('needed', { ...named, 'rewrite-target': '/new', 'backend-protocol': 'HTTPS' }, 'empty'),
        annotated('absent', named, 'nowhere'),
        annotated('protected', { ...named, 'allowlist-source-range': '10.0.0.0/8' }, 'empty'),
        annotated('broken', { ...named, 'allowlist-source-range': 'x' }, 'empty'),
        annotated('both-empty', { 'default-backend': 'empty' }, 'empty'),
        annotated('hostile', { 'default-backend': 'a;b' }, 'empty'),
        serviceObject('empty'),
        ...serviceOn('app', [app.port]),
        ...serviceOn('other', [other.port]),
      ]);
    });

    it('is left alone while the Service of the rule has endpoints', async () => {
      await served.request({ host: 'unneeded.example.com' });

      assert.deepEqual([app.seen.length, other.seen.length], [1, 0]);
      assert.equal(app.seen[0]?.headers['x-code'], undefined);
    });

    it('answers in its place, and is told why', async () => {
      for (const [name, service] of [
        ['needed', 'empty'],
        ['absent', 'nowhere'],
      ]) {
        const headers = { accept: 'text/x', 'x-code': 'spoofed' };
        const answer = await served.request({ host: `${name}.example.com`, path: '/a', headers });

        const seen = other.seen.at(-1)?.headers;
        assert.equal(answer.status, 200);
        assert.equal(seen?.['x-code'], '503');
        assert.equal(seen['x-format'], 'text/x');
        assert.equal(seen['x-namespace'], 'default');
        assert.equal(seen['x-ingress-name'], name);
        assert.equal(seen['x-service-name'], service);
        assert.equal(seen['x-service-port'], '80');
        assert.equal(seen['x-real-ip'], '127.0.0.1');
      }
    });

    it('is behind the protections of its route', async () => {
      const seenBefore = other.seen.length;

      assert.equal((await served.request({ host: 'protected.example.com' })).status, 403);
      assert.equal((await served.request({ host: 'broken.example.com' })).status, 503);
      assert.equal(other.seen.length, seenBefore);
    });

    it('does not help where it is empty too, or no name', async () => {
      assert.equal((await served.request({ host: 'both-empty.example.com' })).status, 503);
      assert.match(served.ingress('both-empty').reasons.join(), /default-backend"\]: cannot stand in/u);
      assert.equal((await served.request({ host: 'hostile.example.com' })).status, 503);
      assert.equal(served.ingress('hostile').state, 'rejected');
    });
  });
}
