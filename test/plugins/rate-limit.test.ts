import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { eventually } from '../support/gateway.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { app, ingress as ingressOf, run, serverOf, type IngressOptions } from '../translate/world.ts';

function limited(name: string, annotations: Readonly<Record<string, string>>, service = 'app'): object {
  const paths = [{ service }, { path: '/other', service }];
  return annotated(name, annotations, service, { paths });
}

for (const binary of nginxBinaries()) {
  describe(`rate limits on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    const waiting: ServerResponse[] = [];
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      const slow = await startBackend(suite, 'slow', (_request, response) => {
        waiting.push(response);
      });
      // In a minute no test gets a second request by waiting.
      served = await serve(suite, binary, [
        limited('rpm', { 'limit-rpm': '1' }),
        limited('three', { 'limit-rpm': '1', 'limit-burst-multiplier': '2' }),
        limited('no-burst', { 'limit-rpm': '1', 'limit-burst-multiplier': '0' }),
        limited('default-burst', { 'limit-rpm': '1', 'limit-burst-multiplier': 'many' }),
        limited('exempt', {
          'limit-rpm': '1',
          'limit-burst-multiplier': '0',
          'limit-whitelist': '127.0.0.0/8',
        }),
        limited('not-exempt', {
          'limit-rpm': '1',
          'limit-burst-multiplier': '0',
          'limit-allowlist': '10.0.0.0/8',
        }),
        limited('shared-a', { 'limit-rpm': '1', 'limit-burst-multiplier': '0' }),
        limited('shared-b', { 'limit-rpm': '1', 'limit-burst-multiplier': '0' }),
        limited('zero', { 'limit-rps': '0', 'limit-rpm': '0', 'limit-connections': '0' }),
        limited('connections', { 'limit-connections': '1' }, 'slow'),
        limited('redirected', {
          'limit-rpm': '1',
          'limit-burst-multiplier': '0',
          'force-ssl-redirect': 'true',
        }),
        limited('broken', { 'limit-rps': '5/s' }),
        limited('broken-exempt', { 'limit-rps': '5', 'limit-allowlist': '10.0.0.0/40' }),
        limited('broken-speed', { 'limit-rate': '1m' }),
        limited('negative', { 'limit-connections': '-1' }),
        limited('too-many', { 'limit-connections': '65536' }),
        ...serviceOn('app', [backend.port]),
        ...serviceOn('slow', [slow.port]),
      ]);
    });

    async function statuses(name: string, count: number, path = '/'): Promise<number[]> {
      const found: number[] = [];
      for (let index = 0; index < count; index += 1) {
        found.push((await served.request({ host: `${name}.example.com`, path })).status);
      }
      return found;
    }

    const cases: readonly [string, readonly number[]][] = [
      ['rpm', [200, 200, 200, 200, 200, 200, 503]],
      ['three', [200, 200, 200, 503]],
      ['no-burst', [200, 503]],
      ['default-burst', [200, 200, 200, 200, 200, 200, 503]],
      ['exempt', [200, 200, 200]],
      ['not-exempt', [200, 503]],
      ['zero', [200, 200, 200]],
      ['broken', [503]],
      ['broken-exempt', [503]],
      ['broken-speed', [503]],
      ['negative', [503]],
      ['too-many', [503]],
    ];
    for (const [name, expected] of cases) {
      it(`${name}: ${expected.join()}`, async () => {
        const seenBefore = backend.seen.length;

        assert.deepEqual(await statuses(name, expected.length), expected);

        const passed = expected.filter((status) => status === 200).length;
        assert.equal(backend.seen.length - seenBefore, passed, 'requests that the backend saw');
      });
    }

    it('count all routes of an Ingress together, and each Ingress by itself', async () => {
      assert.deepEqual(await statuses('shared-a', 1), [200]);
      assert.deepEqual(await statuses('shared-a', 1, '/other'), [503]);
      assert.deepEqual(await statuses('shared-b', 1), [200]);
    });

    it('refuse a connection more than allowed while one waits', async () => {
      const first = served.request({ host: 'connections.example.com' });
      await eventually('the first request at the backend', () => waiting.length > 0);

      const second = await served.request({ host: 'connections.example.com' });

      assert.equal(second.status, 503);
      waiting.pop()?.end('done');
      assert.equal((await first).status, 200);
      const third = served.request({ host: 'connections.example.com' });
      await eventually('the third request at the backend', () => waiting.length > 0);
      waiting.pop()?.end('done');
      assert.equal((await third).status, 200);
    });

    it('do not count what is redirected to HTTPS', async () => {
      assert.deepEqual(await statuses('redirected', 3), [308, 308, 308]);
    });

    it('cannot be got round by a header with another address', async () => {
      await statuses('no-burst', 2);

      const answer = await served.request({
        host: 'no-burst.example.com',
        headers: { 'x-forwarded-for': '10.0.0.9' },
      });

      assert.equal(answer.status, 503);
    });
  });

  describe(`the speed of answers on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();

    it('is limited after the first part', async () => {
      const body = 'x'.repeat(96 * 1024);
      const backend = await startBackend(suite, 'app', (_request, response) => response.end(body));
      const served = await serve(suite, binary, [
        limited('slow', { 'limit-rate': '48', 'limit-rate-after': '32', 'proxy-buffering': 'on' }),
        limited('fast', {}),
        ...serviceOn('app', [backend.port]),
      ]);

      const began = performance.now();
      const fast = await served.request({ host: 'fast.example.com' });
      const between = performance.now();
      const slow = await served.request({ host: 'slow.example.com' });
      const ended = performance.now();

      assert.deepEqual([fast.body.length, slow.body.length], [body.length, body.length]);
      // 64 KiB at 48 KiB/s, against what is not limited.
      assert.ok(ended - between > between - began, 'the limited answer took longer');
    });
  });
}

describe('the zones of rate limits', () => {
  function zonesOf(annotations: Readonly<Record<string, string>>, more: IngressOptions = {}): string[] {
    const rules = { 'a.example.com': ['Prefix / a:80', 'Prefix /b a:80'] };
    const result = run([...app('a'), ingressOf('i', { rules, annotations, ...more })]);
    const names = serverOf(result, 'a.example.com').locations.flatMap(({ additions }) =>
      additions.flatMap(({ settings }) => JSON.stringify(settings).match(/default_i_\w+/gu) ?? []),
    );
    return [...new Set(names)].sort();
  }

  it('have other names with other parameters, which nginx cannot change in a zone that it keeps', () => {
    const names = [
      { 'limit-rps': '5' },
      { 'limit-rps': '6' },
      { 'limit-rpm': '5' },
      { 'limit-rps': '5', 'limit-allowlist': '10.0.0.0/8' },
      { 'limit-rps': '5', 'limit-allowlist': '10.0.0.0/9' },
    ].map((annotations) => zonesOf(annotations));

    assert.deepEqual(new Set(names.map((found) => found.length)), new Set([1]));
    assert.equal(new Set(names.flat()).size, names.length);
  });

  it('keep their names where only the burst or the order of the list differs', () => {
    assert.deepEqual(
      zonesOf({ 'limit-rps': '5', 'limit-allowlist': '10.0.0.0/8,192.0.2.1', 'limit-burst-multiplier': '2' }),
      zonesOf({ 'limit-rps': '5', 'limit-allowlist': '192.0.2.1,10.0.0.0/8' }),
    );
  });
});
