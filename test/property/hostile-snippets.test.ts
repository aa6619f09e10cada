import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { parseConfig, type Directive } from '../../src/nginx/grammar.ts';
import { candidateLinter } from '../../src/nginx/lint-candidate.ts';
import type { Pipeline } from '../../src/worker/pipeline.ts';
import { hostileLines } from '../nginx/lint-hostile.ts';
import { annotated } from '../support/annotated.ts';
import { goldenNow, pipelineFor, settingsFor } from '../support/golden.ts';
import { serviceOn } from '../support/objects.ts';
import { snapshotOfObjects } from '../support/served.ts';

/**
 * Where snippets are allowed, whatever stands in one changes nothing outside of the block that it is for: the rest of
 * the configuration is that of the same Ingress without one, or that of a refused one.
 */
const stateDir = '/var/lib/cloud-native-gateway';
const capabilities = capabilityPresets['1.30'];

const options = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'options', namespace: 'default' },
  data: { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' },
};

const pieces = [
  ...Object.values(hostileLines).flatMap((lines) => lines.map(([line]) => line)),
  'add_header X 1;',
  'more_set_headers "X: y";',
  'more_set_headers "X: y\\r\\nSet-Cookie: a";',
  'proxy_set_header Host evil;',
  'return 200 "}";',
  "return 200 '{';",
  'if ($a) { return 403; }',
  'set $a "}} server { listen 1; }";',
  'location /x { return 200; }',
  '}',
  '{',
  '} server { listen 81; ',
  '"',
  "'",
  '\\',
  '#',
  ';',
  '\n',
  '\r',
  '\0',
  '\u0001Ingress/a/b\u0002',
  '\u0003',
  '\u0004',
  '\u2028',
  '{{value x}}',
];

const hostile = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 4 })), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join(' '));

const blocks = { 'configuration-snippet': 'location', 'server-snippet': 'server' } as const;

/** The directives with what stands in the blocks of the Ingress's own host left out. */
function outside(directives: readonly Directive[], block: string): unknown[] {
  return directives.map(({ name, args, block: inner }) => {
    const isOwn =
      block === 'server'
        ? name.text === 'server' &&
          (inner ?? []).some(({ args: [first] }) => first?.text === 'app.example.com')
        : name.text === 'location';
    return [
      name.text,
      ...args.map(({ text }) => text),
      inner === null || isOwn ? null : outside(inner, block),
    ];
  });
}

function build(
  pipeline: Pipeline,
  annotations: Readonly<Record<string, string>>,
): { text: string; tree: Directive[] } {
  const objects = [annotated('app', annotations), options, ...serviceOn('app', [8080])];
  const { candidate } = pipeline.build(snapshotOfObjects(objects), new Map(), goldenNow);
  const { directives, errors } = parseConfig(candidate.text);
  assert.deepEqual(errors, []);
  // The generation is a hash of the text.
  const text = candidate.text.replaceAll(candidate.generation, '');
  assert.deepEqual(candidateLinter(stateDir, capabilities)(candidate), []);
  return { text, tree: [...directives] };
}

function shapeOf(pipeline: Pipeline, annotations: Readonly<Record<string, string>>, block: string): string {
  const { tree } = build(pipeline, annotations);
  return JSON.stringify(outside(tree, block)).replaceAll(/"return","200","[0-9a-f]{16}"/gu, '');
}

describe('a snippet changes nothing outside of its block', () => {
  for (const [annotation, block] of Object.entries(blocks)) {
    it(annotation, async () => {
      const settings = settingsFor(stateDir, { optionsConfigMap: 'default/options' });
      const pipeline = await pipelineFor(capabilities, settings);
      const allowed = new Set([
        shapeOf(pipeline, {}, block),
        shapeOf(pipeline, { 'allowlist-source-range': 'x' }, block),
      ]);
      let printed = 0;
      fc.assert(
        fc.property(hostile, (text) => {
          const shape = shapeOf(pipeline, { [annotation]: text }, block);
          assert.ok(allowed.has(shape), shape);
        }),
        { numRuns: 400 },
      );
      for (const text of pieces) {
        assert.ok(allowed.has(shapeOf(pipeline, { [annotation]: text }, block)), text);
        printed += build(pipeline, { [annotation]: text }).text.includes(text) ? 1 : 0;
      }
      assert.ok(printed > 0, 'some of them are sound');
    });
  }
});
