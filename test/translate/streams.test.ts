import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Capabilities } from '../../src/model/capabilities.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import type { TranslateSettings } from '../../src/translate/settings.ts';
import { annotated } from '../support/annotated.ts';
import { goldenNow, pipelineFor, settingsFor } from '../support/golden.ts';
import { serviceOn } from '../support/objects.ts';
import { snapshotOfObjects } from '../support/served.ts';

const current = capabilityPresets['1.30'];

function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

/** The text, and the verdict on an object as its state and its reasons. */
async function build(
  objects: readonly object[],
  settings: Partial<TranslateSettings>,
  capabilities: Capabilities = current,
): Promise<{ readonly text: string; readonly on: (name: string) => string }> {
  const all = { optionsConfigMap: 'default/options', tcpServicesConfigMap: 'default/tcp', ...settings };
  const pipeline = await pipelineFor(capabilities, settingsFor('/var/lib/gateway', all));
  const snapshot = snapshotOfObjects([...serviceOn('app', [8080]), ...objects]);
  const { candidate, verdicts } = pipeline.build(snapshot, new Map(), goldenNow);
  return {
    text: candidate.text,
    on: (name) => {
      const verdict = verdicts.find((each) => each.name === name && each.kind !== 'Service');
      return [verdict?.state, ...(verdict?.reasons ?? []).map(({ message }) => message)].join('\n');
    },
  };
}

describe('TCP services', () => {
  it('are not there without their ConfigMap, or without the module', async () => {
    const missing = await build([], {});
    assert.match(missing.on('tcp'), /^served-with-difference\nis missing: no TCP port is served/u);
    assert.doesNotMatch(missing.text, /^stream/mu);

    const lines = [configMap('tcp', { 9000: 'default/app:80' })];
    assert.match((await build(lines, {})).text, /^stream \{/mu);
    const absent = await build(lines, {}, { ...current, stream: 'absent' });
    assert.match(absent.on('tcp'), /needs an nginx with the module stream: install it/u);
    assert.doesNotMatch(absent.text, /^stream/mu);
  });

  it('keep their ports from snippets', async () => {
    const built = await build(
      [
        configMap('tcp', { 9000: 'default/app:80' }),
        configMap('options', { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' }),
        annotated('thief', { 'stream-snippet': 'server { listen 9000; return x; }' }),
      ],
      {},
    );

    assert.match(
      built.on('thief'),
      /^rejected\n.*"listen" has port 9000, on which the gateway itself listens/u,
    );
    assert.equal(built.text.match(/listen 9000/gu)?.length, 1);
  });
});

describe('ssl-passthrough', () => {
  const asking = annotated('app', { 'ssl-passthrough': 'true' });
  const cases: readonly [
    string,
    Readonly<Record<string, string>>,
    Partial<TranslateSettings>,
    Capabilities,
  ][] = [
    ['it is switched off', {}, {}, current],
    [
      'nginx lacks one of the modules',
      {},
      { enableSslPassthrough: true },
      { ...current, streamSslPreread: false },
    ],
    [
      'nginx lacks the module stream_realip',
      { 'use-proxy-protocol': 'true' },
      { enableSslPassthrough: true },
      { ...current, streamRealip: false },
    ],
    [
      'it does not go with the options use-forwarded-headers',
      { 'use-forwarded-headers': 'true' },
      { enableSslPassthrough: true },
      current,
    ],
    [
      'the option block-cidrs could not keep anybody out of it',
      { 'block-cidrs': '192.0.2.0/24' },
      { enableSslPassthrough: true },
      current,
    ],
  ];
  for (const [why, options, settings, capabilities] of cases) {
    it(`has no effect where ${why}`, async () => {
      const built = await build([asking, configMap('options', options)], settings, capabilities);

      const verdict = built.on('app');
      assert.ok(verdict.includes(`has no effect on app.example.com: ${why}`), verdict);
      assert.doesNotMatch(built.text, /ssl_preread/u);
      assert.match(built.text, /listen 443 default_server ssl/u);
    });
  }

  it('has one where nothing is in its way', async () => {
    const built = await build([asking], { enableSslPassthrough: true });

    assert.equal(built.on('app'), 'served');
    assert.match(built.text, /"app\.example\.com" default_app_80_tls;/u);
  });
});
