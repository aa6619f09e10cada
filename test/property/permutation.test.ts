import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readManifests } from '../../src/cluster/manifests/read-manifests.ts';
import type { ClusterObject } from '../../src/cluster/objects.ts';
import { createStore } from '../../src/cluster/store.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import type { Pipeline } from '../../src/worker/pipeline.ts';
import { goldenNow, pipelineFor, settingsFor } from '../support/golden.ts';

/** The same objects in any order, with the lists in them that have no order in any order, give the same bytes. */
const testdata = path.join(import.meta.dirname, '../testdata');
const features = (await readdir(testdata, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('nginx-'))
  .map((entry) => entry.name)
  .sort();

/** The keys of an object turned round: annotations and labels are sets. */
function turned<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toReversed());
}

/** The same object with its unordered lists turned round. */
function reordered(object: ClusterObject): ClusterObject {
  const { labels, annotations } = object.meta;
  const meta = { ...object.meta, labels: turned(labels), annotations: turned(annotations) };
  switch (object.kind) {
    case 'EndpointSlice':
      return { ...object, meta, endpoints: object.endpoints.toReversed() };
    case 'Endpoints':
      return {
        ...object,
        meta,
        subsets: object.subsets.map((one) => ({ ...one, addresses: one.addresses.toReversed() })),
      };
    case 'Secret':
    case 'ConfigMap':
      return { ...object, meta, data: turned<never>(object.data as Record<string, never>) };
    default:
      return { ...object, meta };
  }
}

describe('the order of objects', () => {
  for (const feature of features) {
    it(`does not matter for ${feature}`, async () => {
      const { objects } = await readManifests([path.join(testdata, feature, 'in.yaml')]);
      const settings = settingsFor('/var/lib/cloud-native-gateway');
      const capabilities = capabilityPresets['1.30'];

      function textOf(set: readonly ClusterObject[], pipeline: Pipeline): string {
        const store = createStore();
        // One by one, as a watch brings them.
        for (const object of set) {
          store.apply({ set: [object], deleted: [] });
        }
        const { candidate, verdicts } = pipeline.build(store.snapshot(), new Map(), goldenNow);
        return candidate.text + JSON.stringify(verdicts);
      }

      const expected = textOf(objects, await pipelineFor(capabilities, settings));
      // One for all of them: what it remembers of the order before must not matter either.
      const pipeline = await pipelineFor(capabilities, settings);
      fc.assert(
        fc.property(
          fc.shuffledSubarray([...objects], { minLength: objects.length, maxLength: objects.length }),
          fc.boolean(),
          (shuffled, reorder) => {
            assert.equal(textOf(reorder ? shuffled.map(reordered) : shuffled, pipeline), expected);
          },
        ),
        { numRuns: 60 },
      );
    });
  }
});
