import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { annotated } from '../support/annotated.ts';
import { startBackend, type Backend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';
import { app, ingress, run, serverOf, verdictOf } from '../translate/world.ts';

const host = 'a.example.com';

function settingsFor(annotations: Readonly<Record<string, string>>): {
  settings: Readonly<Record<string, unknown>> | undefined;
  reasons: string;
} {
  const result = run([...app('a'), ingress('i', { rules: { [host]: ['Prefix / a:80'] }, annotations })]);
  const [location] = serverOf(result, host).locations;
  const added = location?.additions.find(({ plugin }) => plugin === 'buffers');
  return { settings: added?.settings, reasons: verdictOf(result, 'Ingress/default/i').reasons.join('\n') };
}

for (const binary of nginxBinaries()) {
  describe(`buffers on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    const longHeader = 'x'.repeat(6000);
    let backend: Backend;
    let served: Served;

    before(async () => {
      backend = await startBackend(suite, 'app');
      const header = await startBackend(suite, 'header', (_request, response) => {
        response.writeHead(200, { 'x-long': longHeader });
        response.end('ok');
      });
      const numbers = ['2', '3', '8', '1024'];
      const sizes = ['1k', '4k', '16m', '5000'];
      served = await serve(suite, binary, [
        annotated('plain', {}),
        annotated('small', { 'proxy-body-size': '10' }),
        annotated('large', { 'proxy-body-size': '2M', 'proxy-request-buffering': 'off' }),
        annotated('unlimited', { 'proxy-body-size': '0', 'client-body-buffer-size': '16k' }),
        annotated('plain-header', {}, 'header'),
        annotated('header', { 'proxy-buffer-size': '8k' }, 'header'),
        annotated('two', { 'proxy-buffers-number': '2', 'proxy-buffering': 'on' }),
        annotated('refused', { 'client-body-buffer-size': '16 kilobytes' }),
        ...numbers.flatMap((number) =>
          sizes.map((size) =>
            annotated(`n${number}-s${size}`, {
              'proxy-buffers-number': number,
              'proxy-buffer-size': size,
              'proxy-busy-buffers-size': '8k',
              'proxy-max-temp-file-size': '1m',
              'proxy-buffering': 'on',
            }),
          ),
        ),
        ...serviceOn('app', [backend.port]),
        ...serviceOn('header', [header.port]),
      ]);
    });

    const bodies: readonly [string, number, number][] = [
      ['plain', 1024 * 1024, 200],
      ['plain', 1024 * 1024 + 1, 413],
      ['small', 10, 200],
      ['small', 11, 413],
      ['large', 2 * 1024 * 1024, 200],
      ['large', 2 * 1024 * 1024 + 1, 413],
      ['unlimited', 3 * 1024 * 1024, 200],
    ];
    for (const [name, length, status] of bodies) {
      it(`answer ${status} to a body of ${length} bytes where it is ${name}`, async () => {
        const body = 'x'.repeat(length);
        const seenBefore = backend.seen.length;

        const answer = await served.request({ host: `${name}.example.com`, method: 'POST', body });

        assert.equal(answer.status, status);
        assert.equal(backend.seen.length - seenBefore, status === 200 ? 1 : 0);
        assert.equal(status !== 200 || backend.seen.at(-1)?.body === body, true, 'the body arrived whole');
      });
    }

    it('take a head that is longer than by default', async () => {
      const plain = await served.request({ host: 'plain-header.example.com' });
      const large = await served.request({ host: 'header.example.com' });

      assert.deepEqual([plain.status, large.status], [502, 200]);
      assert.equal(large.headers['x-long'], longHeader);
    });

    it('refuse the Ingress for a size of the body buffer that is none', async () => {
      assert.equal((await served.request({ host: 'refused.example.com' })).status, 503);
      assert.equal(served.ingress('refused').state, 'rejected');
    });

    it('work in every combination that is rendered', async () => {
      for (const name of ['two', 'n2-s1k', 'n2-s16m', 'n1024-s5000']) {
        assert.equal((await served.request({ host: `${name}.example.com` })).status, 200, name);
      }
    });
  });
}

describe('sizes that nginx refuses together', () => {
  const cases: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [
      { 'proxy-busy-buffers-size': '16k' },
      /busy-buffers-size"\]: 16k does not fit the buffers: write a size from 4k \(proxy-buffer-size\) to 12k/u,
    ],
    [{ 'proxy-buffer-size': '8k', 'proxy-busy-buffers-size': '4k' }, /4k does not fit .* from 8k .* to 24k/u],
    [{ 'proxy-max-temp-file-size': '2k' }, /2k is less than proxy-buffer-size, 4k: write more, or 0/u],
    [{ 'proxy-buffers-number': '1' }, /"1" is not a whole number from 2 to 1024; the default is used/u],
  ];
  for (const [annotations, reason] of cases) {
    it(`are told: ${JSON.stringify(annotations)}`, () => {
      const { settings, reasons } = settingsFor(annotations);

      assert.match(reasons, reason);
      assert.deepEqual([settings?.['file'] ?? null], [null]);
    });
  }

  it('are not there where the smallest number of buffers is asked for alone', () => {
    const { settings, reasons } = settingsFor({ 'proxy-buffers-number': '2', 'proxy-buffer-size': '8k' });

    assert.equal(reasons, '');
    assert.deepEqual(settings?.['busy'], { token: 'size', text: '8k' });
  });
});
