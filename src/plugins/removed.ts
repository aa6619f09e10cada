import { parseBoolean } from '../model/quantity.ts';
import { refused, type Parsed } from '../model/token.ts';
import { annotation, definePlugin, type AnnotationSpec } from './plugin.ts';

/** Annotations that are still in manifests, and that ingress-nginx 1.15 reads no more. */
const names = [
  'http2-push-preload',
  'secure-verify-ca-secret',
  'enable-influxdb',
  'influxdb-measurement',
  'influxdb-port',
  'influxdb-host',
  'influxdb-server-name',
] as const;

/** Says of annotations that ingress-nginx has given up that nobody needs them. */
export const removed = definePlugin({
  name: 'removed',
  order: 1,
  annotations: Object.fromEntries(names.map((name) => [name, row()])),
  ingress({ settings, given, field }) {
    const asking = given.filter((name) => !asksForNothing(settings[name]));
    return {
      differences: asking.map((name) => ({
        field: field(name) ?? '',
        message: `has no effect: ingress-nginx has removed ${name}, too; remove it`,
      })),
    };
  },
});

function row(): AnnotationSpec {
  return annotation<string | null>({
    parse: (text: string): Parsed<string> => ({ value: text.trim() }),
    default: null,
    risk: 'Low',
    scope: 'location',
    description: 'Removed from ingress-nginx: it has no effect.',
  });
}

function asksForNothing(text: unknown): boolean {
  const flag = typeof text === 'string' ? parseBoolean(text) : null;
  return flag !== null && !refused(flag) && !flag.value;
}
