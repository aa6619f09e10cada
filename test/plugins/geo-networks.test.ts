import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { refused } from '../../src/model/token.ts';
import { detectCapabilities } from '../../src/nginx/capabilities.ts';
import { testConfiguration } from '../../src/nginx/nginx-test.ts';
import { prepareStateDirectory } from '../../src/nginx/state-directory.ts';
import { pluginApi } from '../../src/plugins/user/api.ts';
import { makeCertificate } from '../../src/nginx/default-certificate.ts';
import { annotated } from '../support/annotated.ts';
import { startBackend } from '../support/backend.ts';
import { goldenNow, pipelineFor, settingsFor } from '../support/golden.ts';
import { nginxBinaries, type NginxBinary } from '../support/nginx-binaries.ts';
import { serviceOn } from '../support/objects.ts';
import { serve, snapshotOfObjects } from '../support/served.ts';
import { temporaryDirectory } from '../support/temp-dir.ts';

const optionsConfigMap = 'gateway/options';

function options(data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'gateway' }, data };
}

/** What nginx refuses, or warns of and leaves somebody unserved by. */
async function complaints(
  t: TestContext,
  binary: NginxBinary,
  objects: readonly unknown[],
): Promise<readonly string[]> {
  const stateDir = path.join(await temporaryDirectory(t), 'state');
  const paths = await prepareStateDirectory(stateDir);
  const capabilities = await detectCapabilities({ binary: binary.path });
  const settings = settingsFor(stateDir, { optionsConfigMap });
  const pipeline = await pipelineFor(capabilities, settings, await makeCertificate());
  const { candidate } = pipeline.build(snapshotOfObjects(objects), new Map(), goldenNow);
  for (const file of candidate.files) {
    await writeFile(path.join(stateDir, file.path), file.content);
  }
  const config = path.join(stateDir, 'nginx.conf');
  await writeFile(config, candidate.text);
  const verdict = await testConfiguration(binary.path, paths, config, 60_000);
  if (verdict.kind === 'no') {
    return verdict.messages.map(({ text }) => text);
  }
  assert.equal(verdict.kind, 'ok');
  return [];
}

/** Lists of networks in which nginx would find one twice, beside its default or each other. */
const lists = [
  '0.0.0.0/0',
  '::/0',
  '0.0.0.0/0,::/0',
  '1.2.3.4/0,10.0.0.0/8',
  '10.0.0.1/8,10.0.0.0/8,10.0.0.0/8',
];

const cases: readonly [string, (list: string) => readonly object[]][] = [
  ['proxies in front', (list) => [options({ 'use-forwarded-headers': 'true', 'proxy-real-ip-cidr': list })]],
  ['blocked addresses', (list) => [options({ 'block-cidrs': list })]],
  [
    'addresses without a limit',
    (list) => [
      annotated('limited', { 'limit-rps': '1', 'limit-allowlist': list }),
      ...serviceOn('app', [80]),
    ],
  ],
];

describe("addresses that a user's plugin reads", () => {
  it('fit a geo', () => {
    const parsed = pluginApi.parse.addresses('0.0.0.0/0');

    assert.deepEqual(refused(parsed) ? parsed : parsed.value.map(({ text }) => text), [
      '0.0.0.0/1',
      '128.0.0.0/1',
    ]);
  });
});

for (const binary of nginxBinaries()) {
  describe(`networks in a geo of nginx ${binary.version}`, () => {
    for (const [what, objects] of cases) {
      for (const list of lists) {
        it(`are there once each: ${what} ${list}`, async (t) => {
          assert.deepEqual(await complaints(t, binary, objects(list)), []);
        });
      }
    }

    it('are there once each by default', async (t) => {
      assert.deepEqual(await complaints(t, binary, [options({ 'use-forwarded-headers': 'true' })]), []);
    });

    it('trust every proxy in front by default', async (t) => {
      const backend = await startBackend(t, 'app');
      const served = await serve(
        t,
        binary,
        [
          options({ 'use-forwarded-headers': 'true' }),
          annotated('app', {}),
          ...serviceOn('app', [backend.port]),
        ],
        { optionsConfigMap },
      );
      const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' };

      await served.request({ host: 'app.example.com', headers });

      const seen = backend.seen.at(-1)?.headers;
      assert.deepEqual([seen?.['x-real-ip'], seen?.['x-forwarded-proto']], ['203.0.113.9', 'https']);
    });

    it('block everybody where all addresses are blocked', async (t) => {
      const served = await serve(t, binary, [options({ 'block-cidrs': '0.0.0.0/0' }), annotated('app', {})], {
        optionsConfigMap,
      });

      assert.equal((await served.request({ host: 'app.example.com' })).status, 403);
    });
  });
}
