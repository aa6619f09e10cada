import { ingest } from '../src/cluster/ingest.ts';
import { createStore } from '../src/cluster/store.ts';
import { capabilityPresets } from '../src/nginx/capabilities.ts';
import { pipelineFor, settingsFor } from '../test/support/golden.ts';
import { ingress, serviceOn } from '../test/support/objects.ts';
import { median } from './statistics.ts';

/** Milliseconds of a build from nothing: translate, then render. */
export interface AnnotationFigures {
  readonly plain: BuildMs;
  readonly annotated: BuildMs;
}

interface BuildMs {
  readonly translate: number;
  readonly render: number;
}

/** The first ones are left out: the engine is still compiling what it runs. */
const rounds = 12;
const warmUps = 6;

/** Ten annotations of ten plugins. */
const annotations = {
  'nginx.ingress.kubernetes.io/proxy-body-size': '8m',
  'nginx.ingress.kubernetes.io/proxy-read-timeout': '120',
  'nginx.ingress.kubernetes.io/proxy-buffering': 'on',
  'nginx.ingress.kubernetes.io/limit-rps': '50',
  'nginx.ingress.kubernetes.io/whitelist-source-range': '10.0.0.0/8,192.168.0.0/16',
  'nginx.ingress.kubernetes.io/enable-cors': 'true',
  'nginx.ingress.kubernetes.io/force-ssl-redirect': 'true',
  'nginx.ingress.kubernetes.io/upstream-vhost': 'internal.example.com',
  'nginx.ingress.kubernetes.io/load-balance': 'least_conn',
  'nginx.ingress.kubernetes.io/proxy-next-upstream': 'error timeout http_502',
};

/** What ten annotations on each of `count` Ingresses cost, beside the same Ingresses without. */
export async function measureAnnotations(count: number): Promise<AnnotationFigures> {
  return { plain: await measure(count, {}), annotated: await measure(count, annotations) };
}

async function measure(count: number, given: Readonly<Record<string, string>>): Promise<BuildMs> {
  const store = createStore();
  const objects = Array.from({ length: count }, (_, index) => {
    const name = `app-${index}`;
    const paths = ['/', '/api', '/static'].map((path) => ({ path, service: name }));
    return [
      ingress(name, { host: `${name}.example.com`, paths, annotations: given }),
      ...serviceOn(name, [8080]),
    ];
  });
  store.apply({ set: objects.flat().flatMap((object) => ingest(object).object ?? []), deleted: [] });
  const builds = [];
  for (let round = 0; round < rounds; round += 1) {
    const pipeline = await pipelineFor(
      capabilityPresets['1.30'],
      settingsFor('/var/lib/cloud-native-gateway'),
    );
    builds.push(pipeline.build(store.snapshot(), new Map(), Date.UTC(2026, 10, 22)));
  }
  const warm = builds.slice(warmUps);
  return {
    translate: 1000 * median(warm.map(({ took }) => took.translate)),
    render: 1000 * median(warm.map(({ took }) => took.render)),
  };
}
