import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createStore } from '../../src/cluster/store.ts';
import type { ConfigMap } from '../../src/cluster/objects.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { parseConfig, type Directive } from '../../src/nginx/grammar.ts';
import { lint, lintOptionsForState } from '../../src/nginx/lint.ts';
import { optionTable } from '../../src/options/options.ts';
import type { Pipeline } from '../../src/worker/pipeline.ts';
import { goldenNow, pipelineFor, settingsFor } from '../support/golden.ts';

/** Stands in every hostile text, and is no directive of ours. */
const injected = 'cng_injected';

const stateDir = '/var/lib/cloud-native-gateway';

/** Ends of lines, blocks, quotes, comments and variables, in every mixture with a directive behind them. */
const hostile = fc
  .array(
    fc.constantFrom(';', '}', '{', '"', "'", '\\', '\n', '\r', ' ', '#', '$', '${', '~', ',', '\u2028'),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((pieces) => `${pieces.join('')} ${injected} on; } ${injected} {`);

/** Something that the option takes, in front of which or behind which the hostile text stands. */
const start = fc.constantFrom(
  '',
  '1',
  'on',
  'true',
  'text/html',
  '10.0.0.0/8',
  '/path',
  '~x',
  '4 8k',
  '$host',
);

function configMap(name: string, data: Record<string, string>): ConfigMap {
  const meta = {
    namespace: 'gateway',
    name,
    uid: '',
    resourceVersion: '',
    createdAt: null,
    labels: {},
    annotations: {},
  };
  return { kind: 'ConfigMap', meta, data };
}

function namesOf(directives: readonly Directive[]): string[] {
  return directives.flatMap((directive) => [directive.name.text, ...namesOf(directive.block ?? [])]);
}

describe('hostile options never change the structure of the configuration', () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await pipelineFor(
      capabilityPresets['1.30'],
      settingsFor(stateDir, { optionsConfigMap: 'gateway/options' }),
    );
  });

  function render(data: Record<string, string>, headers: Record<string, string> = {}): string {
    const store = createStore();
    store.apply({ set: [configMap('options', data), configMap('headers', headers)], deleted: [] });
    return pipeline.build(store.snapshot(), new Map(), goldenNow).candidate.text;
  }

  function holds(text: string): void {
    const { directives, errors } = parseConfig(text);
    assert.deepEqual(errors, []);
    assert.ok(!namesOf(directives).includes(injected), text);
    const mimeTypesPath = capabilityPresets['1.30'].mimeTypesPath;
    assert.deepEqual(
      lint(text, lintOptionsForState({ stateDir, mimeTypesPath, nginxVersion: '1.31.4' })),
      [],
    );
  }

  for (const key of optionTable.keys()) {
    it(key, () => {
      fc.assert(
        fc.property(start, hostile, (front, text) => {
          holds(render({ [key]: front + text }));
        }),
        { numRuns: 6 },
      );
    });
  }

  it('any key', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), hostile, (key, text) => {
        holds(render({ [key + text]: text }));
      }),
      { numRuns: 20 },
    );
  });

  it('names and values of global headers', () => {
    fc.assert(
      fc.property(hostile, hostile, (name, value) => {
        const named = { 'proxy-set-headers': 'gateway/headers', 'add-headers': 'gateway/headers' };
        holds(render(named, { [name]: 'x', 'X-Good': value.replaceAll('$', '$host') }));
      }),
      { numRuns: 40 },
    );
  });
});
