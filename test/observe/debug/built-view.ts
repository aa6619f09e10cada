import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { asManifest } from '../../../src/cluster/as-manifest.ts';
import { readManifests } from '../../../src/cluster/manifests/read-manifests.ts';
import { serviceEndpoints } from '../../../src/cluster/service-endpoints.ts';
import { createStore } from '../../../src/cluster/store.ts';
import { explain } from '../../../src/explain/explain.ts';
import { capabilityPresets } from '../../../src/nginx/capabilities.ts';
import type { ControllerView } from '../../../src/observe/view.ts';
import type { Built } from '../../../src/worker/pipeline.ts';
import { buildGolden, settingsFor } from '../../support/golden.ts';
import { ingress, serviceObject, sliceOf } from '../../support/objects.ts';
import { temporaryDirectory } from '../../support/temp-dir.ts';
import { sampleView } from '../sample-view.ts';

const prefix = 'nginx.ingress.kubernetes.io';

/** Text that would be markup, a script, or the end of an attribute if anything printed it as it is. */
export const hostile = `'"><img src=x onerror=alert(1)><script>alert(1)</script>{{frame}}`;

function service(name: string, address: string): object[] {
  const endpoints = [
    { addresses: [address], conditions: { ready: true } },
    { addresses: ['10.0.9.9'], conditions: { ready: false, terminating: true } },
  ];
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }];
  return [serviceObject(name), sliceOf(name, `${name}-1`, endpoints, ports)];
}

/** A cluster in which each kind of route is there once. */
export const sampleObjects: readonly object[] = [
  ...service('front', '10.0.0.1'),
  ...service('cart', '10.0.0.2'),
  ...service('next', '10.0.0.3'),
  ingress('shop', {
    host: 'shop.example',
    paths: [
      { path: '/', service: 'front' },
      { path: '/cart', service: 'cart' },
      { path: '/pay', pathType: 'Exact', service: 'front' },
    ],
    annotations: { 'example.com/note': hostile, [`${prefix}/proxy-body-sise`]: hostile },
  }),
  ingress('canary', {
    host: 'shop.example',
    paths: [{ path: '/cart', service: 'next' }],
    annotations: { [`${prefix}/canary`]: 'true', [`${prefix}/canary-weight`]: '20' },
  }),
  ingress('gone', { host: 'gone.example', paths: [{ service: 'gone' }] }),
  ingress('old', {
    host: 'old.example',
    paths: [{ service: 'front' }],
    annotations: { [`${prefix}/permanent-redirect`]: 'https://shop.example/' },
  }),
  ingress('wild', { host: '*.apps.example', paths: [{ service: 'front' }] }),
  ingress('broken', { host: hostile, paths: [{ service: 'front' }] }),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'words', namespace: 'default' },
    data: { '</pre><script>alert(1)</script>': hostile },
  },
];

/** What the real pipeline makes of the sample, and a view of it as the controller would give. */
export async function builtView(
  t: Pick<TestContext, 'after'>,
  changes: Partial<ControllerView> = {},
  objects: readonly object[] = sampleObjects,
): Promise<{ readonly view: ControllerView; readonly built: Built }> {
  const file = path.join(await temporaryDirectory(t), 'objects.yaml');
  await writeFile(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
  const built = await buildGolden(file, capabilityPresets['1.30'], settingsFor('/state'));
  const store = createStore();
  store.apply({ set: (await readManifests([file])).objects, deleted: [] });
  const { text, sourceMap } = built.candidate;
  const texts = new Map([
    [2, text.replace('server_name shop.example', 'server_name earlier.example')],
    [3, text],
  ]);
  const view = sampleView({
    configText: (number) => texts.get(number ?? 3) ?? null,
    sourceMap: (number) => (texts.has(number ?? 3) ? sourceMap : null),
    model: () => JSON.parse(JSON.stringify(built.model)) as unknown,
    explain: (asked) => Promise.resolve(explain(built.model, capabilityPresets['1.30'], asked)),
    verdicts: () => built.verdicts,
    object: (ref) => {
      const found = store.get(ref);
      return found === null ? null : asManifest(found);
    },
    endpoints: (namespace, name) => serviceEndpoints(store.snapshot(), namespace, name),
    ...changes,
  });
  return { view, built };
}
