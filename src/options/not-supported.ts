const noModule = 'stock nginx has no such module; remove it';
const obsolete = 'ingress-nginx and nginx have dropped it; remove it';
const neverHad = 'ingress-nginx ignores it too; remove it';

/** Options of ingress-nginx that have no effect here, and why, in words that follow "has no effect: ". */
export const notSupported: ReadonlyMap<string, string> = new Map([
  ...rows(noModule, [
    'lua-shared-dicts',
    'geoip2-autoreload-in-minutes',
    'use-geoip2',
    'enable-opentelemetry',
    'opentelemetry-config',
    'opentelemetry-operation-name',
    'opentelemetry-trust-incoming-span',
    'otel-max-export-batch-size',
    'otel-max-queuesize',
    'otel-sampler',
    'otel-sampler-parent-based',
    'otel-sampler-ratio',
    'otel-schedule-delay-millis',
    'otel-service-name',
    'otlp-collector-host',
    'otlp-collector-port',
  ]),
  ...rows(obsolete, [
    'http2-max-field-size',
    'http2-max-header-size',
    'http2-max-requests',
    'use-geoip',
    'jaeger-baggage-header',
    'jaeger-collector-host',
    'jaeger-collector-port',
    'jaeger-debug-header',
    'jaeger-endpoint',
    'jaeger-propagation-format',
    'jaeger-sampler-host',
    'jaeger-sampler-param',
    'jaeger-sampler-port',
    'jaeger-sampler-type',
    'jaeger-service-name',
    'jaeger-trace-baggage-header-prefix',
    'jaeger-trace-context-header-name',
    'jaeger-tracer-baggage-header-prefix',
  ]),
  ...rows(neverHad, [
    'app-root',
    'upstream-hash-by',
    'upstream-hash-by-subset',
    'upstream-hash-by-subset-size',
    'bind-address-ipv4',
    'bind-address-ipv6',
    'Resolver',
    'global-external-auth',
  ]),
  ...rows('reloads are spaced out by themselves; remove it', ['enable-serial-reloads']),
  ...rows('values are parsed, not compared with words; remove it', ['annotation-value-word-blocklist']),
  ...rows('every location has the proxy-ssl settings of its own Ingress already; remove it', [
    'proxy-ssl-location-only',
  ]),
  ...rows(
    'a key that everybody sees who may read the ConfigMap opens recorded connections; workers share a cache of sessions instead; remove it',
    ['ssl-session-ticket-key'],
  ),
  ...rows(
    'there is no admission webhook; paths are parsed, and cannot become anything else, whatever stands in them; remove it',
    ['strict-validate-path-type'],
  ),
  ...rows('nginx takes the address from the PROXY protocol alone where clients speak it; remove it', [
    'forwarded-for-proxy-protocol-header',
  ]),
]);

function rows(reason: string, names: readonly string[]): [string, string][] {
  return names.map((name) => [name, reason]);
}
