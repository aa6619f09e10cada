import { ingest } from '../src/cluster/ingest.ts';
import { createStore } from '../src/cluster/store.ts';
import { capabilityPresets } from '../src/nginx/capabilities.ts';
import { candidateLinter } from '../src/nginx/lint-candidate.ts';
import type { Built, Pipeline } from '../src/worker/pipeline.ts';
import { pipelineFor, settingsFor } from '../test/support/golden.ts';
import { median } from './statistics.ts';
import { benchObjects } from './world.ts';

/** Milliseconds, and the size of the text. */
export interface RenderFigures {
  readonly translateMs: number;
  readonly firstMs: number;
  readonly fullMs: number;
  readonly oneMs: number;
  readonly lintMs: number;
  readonly lintOneMs: number;
  readonly megabytes: number;
}

const rounds = 5;
const stateDir = '/var/lib/cloud-native-gateway';

/** Renders a world of `count` servers with three locations each: all anew, and after one has changed. */
export async function measureRender(count: number): Promise<RenderFigures> {
  const capabilities = capabilityPresets['1.30'];
  const store = createStore();
  put(Array.from({ length: count }, (_, index) => benchObjects(index, 8080)).flat());

  function put(objects: readonly object[]): void {
    const set = objects.flatMap((object) => ingest(object).object ?? []);
    store.apply({ set, deleted: [] });
  }

  function build(pipeline: Pipeline): Built {
    return pipeline.build(store.snapshot(), new Map(), Date.UTC(2026, 10, 22));
  }

  const fresh: Built[] = [];
  let pipeline = await pipelineFor(capabilities, settingsFor(stateDir));
  for (let round = 0; round <= rounds; round += 1) {
    // A new pipeline has compiled its templates and remembers no server.
    pipeline = await pipelineFor(capabilities, settingsFor(stateDir));
    fresh.push(build(pipeline));
  }
  const lint = candidateLinter(stateDir, capabilities);
  const [first, ...rest] = fresh;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) {
    throw new TypeError('there are rounds');
  }
  const lintBegan = performance.now();
  lint(last.candidate);
  const lintMs = performance.now() - lintBegan;
  const changed: Built[] = [];
  const lintOne: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    put(benchObjects(round, 8080, `/changed-${round}`));
    const built = build(pipeline);
    changed.push(built);
    const began = performance.now();
    lint(built.candidate);
    lintOne.push(performance.now() - began);
  }
  return {
    translateMs: 1000 * median(rest.map((built) => built.took.translate)),
    firstMs: 1000 * first.took.render,
    fullMs: 1000 * median(rest.map((built) => built.took.render)),
    oneMs: 1000 * median(changed.map((built) => built.took.render)),
    lintMs,
    lintOneMs: median(lintOne),
    megabytes: last.candidate.text.length / 1e6,
  };
}
