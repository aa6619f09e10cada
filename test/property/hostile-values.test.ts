import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ingest } from '../../src/cluster/ingest.ts';
import { createStore } from '../../src/cluster/store.ts';
import type { Capabilities } from '../../src/model/capabilities.ts';
import { capabilityPresets } from '../../src/nginx/capabilities.ts';
import { parseConfig, type Directive } from '../../src/nginx/grammar.ts';
import { candidateLinter } from '../../src/nginx/lint-candidate.ts';
import { builtinPlugins } from '../../src/plugins/builtin.ts';
import type { Built, Pipeline } from '../../src/worker/pipeline.ts';
import { pipelineFor, settingsFor } from '../support/golden.ts';
import { ingress, serviceOn, tlsSecret } from '../support/objects.ts';
import { makeCertificate } from '../translate/certificates.ts';

/**
 * No value of the cluster ever becomes a directive: hostile text in every field of every kind, and in every
 * annotation that is known, leaves nginx's own reading of the text without a directive that was not there.
 */
const stateDir = '/var/lib/cloud-native-gateway';
/** The directive that every hostile text tries to bring in. Nothing else may print it. */
const intruder = 'cng_intruder';

const breakers = [
  '"',
  "'",
  '\\',
  ';',
  '{',
  '}',
  '#',
  '$',
  '${',
  '\n',
  '\r',
  '\t',
  '\0',
  '\u0085',
  '\u2028',
  '\u007f',
  '~',
  '*',
  ' ',
  '%0a',
  '../',
  '/',
  '<!--',
  '{{',
  '}}',
  '\u0001Ingress/a/b\u0002',
  '\u0003',
  '\u0004',
  `${intruder} on;`,
  `; ${intruder} on;`,
  `"; ${intruder} on; #`,
  `\n${intruder} on;\n`,
  `}\n${intruder} {`,
];

const hostile = fc
  .array(fc.oneof(fc.constantFrom(...breakers), fc.string({ unit: 'binary', maxLength: 6 })), {
    maxLength: 8,
  })
  .map((parts) => parts.join(''))
  .chain((text) =>
    fc.constantFrom(text, `${text}; ${intruder} on;`, `a${text}`, `/${text}`, `x.example.com${text}`),
  );

/** Objects in which one field has the hostile text. */
type World = (text: string) => readonly unknown[];

const plain = ingress('app', { host: 'app.example.com', paths: [{ path: '/app', service: 'app' }] });
const backing = serviceOn('app', [8080]);

function withMeta(object: object, meta: Readonly<Record<string, unknown>>): object {
  const before = (object as { metadata: object }).metadata;
  return { ...object, metadata: { ...before, ...meta } };
}

function withSpec(object: object, spec: Readonly<Record<string, unknown>>): object {
  const before = (object as { spec?: object }).spec;
  return { ...object, spec: { ...before, ...spec } };
}

function service(spec: object, meta: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'app', namespace: 'default', ...meta },
    spec,
  };
}

function slice(text: {
  address?: string;
  port?: string;
  label?: string;
  name?: string;
  type?: string;
}): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: text.name ?? 'app-1',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': text.label ?? 'app' },
    },
    addressType: text.type ?? 'IPv4',
    endpoints: [{ addresses: [text.address ?? '10.0.0.1'] }],
    ports: [{ name: text.port ?? 'http', port: 8080, protocol: 'TCP' }],
  };
}

function host(text: string): object {
  return ingress('app', { host: text, paths: [{ path: '/app', service: 'app' }] });
}

function path(text: string, pathType: string): object {
  return ingress('app', { host: 'app.example.com', paths: [{ path: text, pathType, service: 'app' }] });
}

function tls(entry: { hosts?: string[]; secretName?: string }): object {
  return ingress('app', { host: 'app.example.com', paths: [{ service: 'app' }], tls: [entry] });
}

const fields: Readonly<Record<string, World>> = {
  'Ingress metadata.name': (text) => [withMeta(plain, { name: text }), ...backing],
  'Ingress metadata.namespace': (text) => [withMeta(plain, { namespace: text }), ...backing],
  'Ingress metadata.uid': (text) => [withMeta(plain, { uid: text }), ...backing],
  'Ingress metadata.creationTimestamp': (text) => [withMeta(plain, { creationTimestamp: text }), ...backing],
  'Ingress metadata.labels key': (text) => [withMeta(plain, { labels: { [text]: 'x' } }), ...backing],
  'Ingress metadata.labels value': (text) => [withMeta(plain, { labels: { x: text } }), ...backing],
  'Ingress annotation key': (text) => [withMeta(plain, { annotations: { [text]: 'true' } }), ...backing],
  'Ingress annotation key under our prefix': (text) => [
    withMeta(plain, { annotations: { [`nginx.ingress.kubernetes.io/${text}`]: 'true' } }),
    ...backing,
  ],
  'Ingress class annotation': (text) => [
    withMeta(withSpec(plain, { ingressClassName: null }), {
      annotations: { 'kubernetes.io/ingress.class': text },
    }),
    ...backing,
  ],
  'Ingress spec.ingressClassName': (text) => [withSpec(plain, { ingressClassName: text }), ...backing],
  'Ingress spec.rules[].host': (text) => [host(text), ...backing],
  'Ingress wildcard host': (text) => [host(`*.${text}`), ...backing],
  'Ingress path Prefix': (text) => [path(text, 'Prefix'), ...backing],
  'Ingress path /Prefix': (text) => [path(`/${text}`, 'Prefix'), ...backing],
  'Ingress path Exact': (text) => [path(`/${text}`, 'Exact'), ...backing],
  'Ingress path ImplementationSpecific': (text) => [path(`/${text}`, 'ImplementationSpecific'), ...backing],
  'Ingress pathType': (text) => [path('/app', text), ...backing],
  'Ingress backend service name': (text) => [
    ingress('app', { host: 'app.example.com', paths: [{ service: text }] }),
    ...backing,
  ],
  'Ingress backend port name': (text) => [
    ingress('app', { host: 'app.example.com', paths: [{ service: 'app', port: text }] }),
    ...backing,
  ],
  'Ingress backend resource': (text) => [
    withSpec(plain, { defaultBackend: { resource: { apiGroup: text, kind: text, name: text } } }),
    ...backing,
  ],
  'Ingress default backend': (text) => [ingress('app', { defaultBackend: { service: text, port: text } })],
  'Ingress tls host': (text) => [tls({ hosts: [text], secretName: 'pair' }), ...backing],
  'Ingress tls secretName': (text) => [tls({ hosts: ['app.example.com'], secretName: text }), ...backing],
  'IngressClass name': (text) => [ingressClass(text, 'cloud-native-gateway/nginx'), plain, ...backing],
  'IngressClass controller': (text) => [ingressClass('nginx', text), plain, ...backing],
  'Service metadata.name': (text) => [plain, withMeta(service({ ports: [{ port: 80 }] }), { name: text })],
  'Service port name': (text) => [
    plain,
    service({ ports: [{ name: text, port: 80 }] }),
    slice({ port: text }),
  ],
  'Service targetPort': (text) => [plain, service({ ports: [{ port: 80, targetPort: text }] }), slice({})],
  'Service protocol': (text) => [plain, service({ ports: [{ port: 80, protocol: text }] }), slice({})],
  'Service type': (text) => [plain, service({ type: text, ports: [{ port: 80 }] }), slice({})],
  'Service clusterIP': (text) => [
    plain,
    service({ clusterIP: text, clusterIPs: [text], ports: [{ port: 80 }] }),
  ],
  'Service externalName': (text) => [
    plain,
    service({ type: 'ExternalName', externalName: text, ports: [{ port: 80 }] }),
  ],
  'EndpointSlice name': (text) => [
    plain,
    service({ ports: [{ name: 'http', port: 80 }] }),
    slice({ name: text }),
  ],
  'EndpointSlice address': (text) => [
    plain,
    service({ ports: [{ name: 'http', port: 80 }] }),
    slice({ address: text }),
  ],
  'EndpointSlice IPv6 address': (text) => [
    plain,
    service({ ports: [{ name: 'http', port: 80 }] }),
    slice({ address: `2001:db8::1${text}`, type: 'IPv6' }),
  ],
  'EndpointSlice service label': (text) => [plain, ...backing, slice({ label: text })],
  'Endpoints address': (text) => [
    plain,
    service({ ports: [{ name: 'http', port: 80 }] }),
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'app', namespace: 'default' },
      subsets: [{ addresses: [{ ip: text }], ports: [{ name: 'http', port: 8080 }] }],
    },
  ],
  'Secret name': (text) => [tls({ secretName: text }), ...backing, tlsSecret(text, { cert: 'x', key: 'y' })],
  'Secret tls.crt': (text) => [
    tls({ secretName: 'pair' }),
    ...backing,
    tlsSecret('pair', { cert: text, key: text }),
  ],
  'Secret data key': (text) => [
    tls({ secretName: 'pair' }),
    ...backing,
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pair' }, stringData: { [text]: text } },
  ],
  'Secret type': (text) => [
    tls({ secretName: 'pair' }),
    ...backing,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'pair' },
      type: text,
      stringData: { 'tls.crt': 'x' },
    },
  ],
  'ConfigMap key': (text) => [plain, ...backing, configMap({ [text]: 'x' })],
  'ConfigMap value': (text) => [
    plain,
    ...backing,
    configMap({ 'proxy-body-size': text, 'http-snippet': text }),
  ],
  'Secret with a password file': (text) => [
    ...annotated({ 'auth-type': 'basic', 'auth-secret': 'users' }),
    users({ auth: `${text}\n${hash}` }),
  ],
  'Secret with a map of passwords': (text) => [
    ...annotated({ 'auth-type': 'basic', 'auth-secret': 'users', 'auth-secret-type': 'auth-map' }),
    users({ [text]: hash, ann: hash, bob: text }),
  ],
  'realm of a password': (text) => [
    ...annotated({ 'auth-type': 'basic', 'auth-secret': 'users', 'auth-realm': text }),
    users({ auth: `ann:${hash}` }),
  ],
  'CORS origin': (text) => annotated({ 'enable-cors': 'true', 'cors-allow-origin': text }),
  'CORS headers': (text) => annotated({ 'enable-cors': 'true', 'cors-allow-headers': text }),
  'CORS methods': (text) => annotated({ 'enable-cors': 'true', 'cors-allow-methods': text }),
  'URL of an authentication service': (text) => asking({ 'auth-url': `http://app.default.svc/${text}` }),
  'host of an authentication service': (text) => asking({ 'auth-url': `http://${text}/` }),
  'page to log in': (text) => asking({ 'auth-signin': `https://x/${text}` }),
  'headers of an answer': (text) => asking({ 'auth-response-headers': text }),
  'redirect of a question': (text) => asking({ 'auth-request-redirect': text }),
  'key of a cache': (text) => asking({ 'auth-cache-key': text }),
  'times of a cache': (text) => asking({ 'auth-cache-key': 'x', 'auth-cache-duration': text }),
  'ConfigMap with headers of a question': (text) => [
    ...asking({ 'auth-proxy-set-headers': 'default/options' }),
    configMap({ [text]: 'x', 'X-A': text }),
  ],
  'subject of a client certificate': (text) => showing({ 'auth-tls-match-cn': `CN=${text}` }),
  'page for clients without certificate': (text) =>
    showing({ 'auth-tls-error-page': `https://example.org/${text}` }),
  'Namespace name': (text) => [
    plain,
    ...backing,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: text } },
  ],
};

const hash = '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/';

function users(data: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'users', namespace: 'default' },
    stringData: data,
  };
}

/** A world with client certificates. */
function showing(more: Readonly<Record<string, string>>): readonly unknown[] {
  const { pem } = makeCertificate();
  return [...annotated({ 'auth-tls-secret': 'default/users', ...more }), users({ 'ca.crt': pem })];
}

/** A world with external authentication. */
function asking(more: Readonly<Record<string, string>>): readonly unknown[] {
  return annotated({ 'auth-url': 'http://app.default.svc/', ...more });
}

/** Every annotation that is known, aliases included. */
function allAnnotations(): string[] {
  return builtinPlugins()
    .list()
    .flatMap(({ annotations }) => Object.entries(annotations))
    .flatMap(([name, spec]) => [name, ...spec.aliases]);
}

/** Annotations that only do something beside others. */
const beside: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'x-forwarded-prefix': { 'rewrite-target': '/$1' },
  'permanent-redirect-code': { 'permanent-redirect': 'https://example.org' },
  'session-cookie-path': { affinity: 'cookie' },
  'session-cookie-domain': { affinity: 'cookie' },
  'session-cookie-max-age': { affinity: 'cookie' },
  'session-cookie-samesite': { affinity: 'cookie' },
};

function ingressClass(name: string, controller: string): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name },
    spec: { controller },
  };
}

function configMap(data: object): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'options', namespace: 'default' }, data };
}

function build(pipeline: Pipeline, objects: readonly unknown[]): Built {
  const store = createStore();
  const ingested = objects.map((object) => ingest(object));
  store.apply({
    set: ingested.flatMap(({ object }) => object ?? []),
    deleted: [],
    findings: new Map([['test', ingested.flatMap(({ findings }) => findings)]]),
  });
  return pipeline.build(store.snapshot(), new Map(), Date.UTC(2026, 10, 22));
}

/** Every directive with the blocks it stands in and its number of arguments: what nginx does, without the values. */
function shapesOf(directives: readonly Directive[], context: string, into: Set<string>): Set<string> {
  for (const { name, args, block } of directives) {
    const own = `${context}/${name.text}`;
    into.add(`${own}(${Math.min(args.length, 3)})`);
    shapesOf(block ?? [], own, into);
  }
  return into;
}

/** All that may be there: the golden features, and the closed and empty forms of this one. */
function knownShapes(pipeline: Pipeline, worlds: readonly (readonly unknown[])[]): Set<string> {
  const known = new Set<string>();
  for (const world of worlds) {
    shapesOf(parseConfig(build(pipeline, world).candidate.text).directives, '', known);
  }
  return known;
}

const benign: readonly (readonly unknown[])[] = [
  [],
  [plain, ...backing],
  [plain],
  [host('*.example.com'), ...backing],
  [path('/exact', 'Exact'), ...backing],
  [ingress('app', { defaultBackend: { service: 'app' } }), ...backing],
  [tls({ hosts: ['app.example.com'] }), ...backing],
  [tls({ hosts: ['app.example.com'] })],
  [plain, service({ type: 'ExternalName', externalName: 'x.example.com', ports: [{ port: 80 }] })],
  [withMeta(plain, { annotations: { 'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS' } }), ...backing],
  [withMeta(plain, { annotations: { 'nginx.ingress.kubernetes.io/backend-protocol': 'GRPC' } }), ...backing],
  [
    withMeta(plain, { annotations: { 'nginx.ingress.kubernetes.io/force-ssl-redirect': 'true' } }),
    ...backing,
  ],
  [
    withMeta(plain, { annotations: { 'nginx.ingress.kubernetes.io/use-port-in-redirects': 'true' } }),
    ...backing,
  ],
  ...[
    { 'limit-rps': '5', 'limit-rpm': '5', 'limit-connections': '5', 'limit-allowlist': '10.0.0.0/8' },
    { 'limit-rate': '5', 'limit-rate-after': '5' },
    { 'custom-http-errors': '404', 'default-backend': 'app' },
    { 'backend-protocol': 'AUTO_HTTP' },
    { 'backend-protocol': 'FCGI', 'fastcgi-index': 'index.php' },
    { 'ssl-ciphers': 'HIGH', 'ssl-prefer-server-ciphers': 'true' },
    { 'limit-rps': '5', 'limit-burst-multiplier': '0' },
    { 'allowlist-source-range': '10.0.0.0/8', 'denylist-source-range': '10.0.0.0/8' },
    { 'denylist-source-range': '10.0.0.0/8' },
    { 'proxy-connect-timeout': '5', 'proxy-send-timeout': '5', 'proxy-read-timeout': '5' },
    {
      'proxy-body-size': '1m',
      'client-body-buffer-size': '1m',
      'proxy-request-buffering': 'off',
      'proxy-buffering': 'on',
      'proxy-buffer-size': '8k',
      'proxy-buffers-number': '2',
      'proxy-max-temp-file-size': '0',
    },
    {
      'proxy-next-upstream': 'error',
      'proxy-next-upstream-timeout': '1',
      'proxy-next-upstream-tries': '1',
    },
    { 'proxy-next-upstream': 'error timeout' },
    { 'proxy-next-upstream': 'error timeout http_502' },
    {
      'proxy-cookie-domain': 'a b',
      'proxy-cookie-path': '/a /',
      'proxy-redirect-from': '/a',
      'proxy-redirect-to': '/b',
    },
    { 'enable-access-log': 'false', 'enable-rewrite-log': 'true' },
    { satisfy: 'any' },
    { 'enable-cors': 'true', 'cors-expose-headers': 'X' },
    { 'enable-cors': 'true', 'cors-allow-origin': 'https://a.b, https://*.c', 'cors-expose-headers': 'X' },
    { 'rewrite-target': '/new' },
    { 'rewrite-target': '/$1', 'x-forwarded-prefix': '/$1' },
    { 'use-regex': 'true' },
    { 'permanent-redirect': 'https://example.org' },
    { 'permanent-redirect': 'https://example.org', 'relative-redirects': 'true' },
    { 'relative-redirects': 'true' },
    { 'app-root': '/start' },
    { 'from-to-www-redirect': 'true' },
    { 'server-alias': 'a.example.org' },
    { 'server-alias': 'a.example.org, b.example.org, c.example.org' },
    { 'upstream-vhost': 'a.example.org' },
    { 'connection-proxy-header': 'close' },
    { 'proxy-http-version': '1.0' },
    { 'load-balance': 'least_conn' },
    { 'load-balance': 'random' },
    { 'load-balance': 'ip_hash' },
    { 'load-balance': 'ewma' },
    { 'upstream-hash-by': '$request_uri' },
    { affinity: 'cookie' },
  ].map((annotations) => annotated(annotations)),
  [...annotated({ 'auth-type': 'basic', 'auth-secret': 'users' }), users({ auth: `ann:${hash}` })],
  asking({ 'auth-signin': 'https://x/', 'auth-response-headers': 'X-A, X-B', 'auth-method': 'GET' }),
  asking({ 'auth-url': 'https://auth.example.org/' }),
  showing({ 'auth-tls-match-cn': 'CN=x', 'auth-tls-error-page': 'https://example.org/' }),
  ...['200 5m', '200 202 5m', '200 202 401 5m'].map((times) =>
    asking({ 'auth-cache-key': '$host', 'auth-cache-duration': times }),
  ),
];

/** The plain world with these annotations of ingress-nginx. */
function annotated(annotations: Readonly<Record<string, string>>): readonly unknown[] {
  const prefixed = Object.entries(annotations).map(([name, value]) => [
    `nginx.ingress.kubernetes.io/${name}`,
    value,
  ]);
  return [withMeta(plain, { annotations: Object.fromEntries(prefixed) as unknown }), ...backing];
}

async function holds(capabilities: Capabilities, world: World, runs: number): Promise<void> {
  const pipeline = await pipelineFor(capabilities, settingsFor(stateDir));
  const known = knownShapes(pipeline, benign);
  const lint = candidateLinter(stateDir, capabilities);
  fc.assert(
    fc.property(hostile, (text) => {
      const { candidate, verdicts } = build(pipeline, world(text));

      const { directives, errors } = parseConfig(candidate.text);

      assert.deepEqual(errors, []);
      const unknown = [...shapesOf(directives, '', new Set())].filter((shape) => !known.has(shape));
      assert.deepEqual(unknown, []);
      assert.deepEqual(lint(candidate), []);
      for (const line of candidate.text.split('\n')) {
        assert.ok(!line.trimStart().startsWith(intruder), line);
      }
      for (const { object } of candidate.sourceMap.ranges) {
        assert.match(object, /^[A-Za-z]+\/[a-z0-9.-]*\/[A-Za-z0-9._-]+$/u);
      }
      assert.ok(
        verdicts.every(({ reasons }) => reasons.every(({ message }) => !/[\n\r\u0085\u2028]/u.test(message))),
      );
    }),
    { numRuns: runs },
  );
}

describe('hostile text never changes what the configuration is', () => {
  for (const [field, world] of Object.entries(fields)) {
    it(`in ${field}`, async () => {
      await holds(capabilityPresets['1.30'], world, 150);
    });
  }

  for (const name of allAnnotations()) {
    it(`in the annotation ${name}`, async () => {
      const key = `nginx.ingress.kubernetes.io/${name}`;
      await holds(
        capabilityPresets['1.22'],
        (text) => [withMeta(plain, { annotations: { [key]: text } }), ...backing],
        25,
      );
    });
  }

  for (const [name, others] of Object.entries(beside)) {
    it(`in the annotation ${name} beside ${Object.keys(others).join()}`, async () => {
      await holds(capabilityPresets['1.22'], (text) => annotated({ ...others, [name]: text }), 50);
    });
  }

  it('in a path that is a regex', async () => {
    await holds(capabilityPresets['1.30'], regexPath, 150);
  });
});

function regexPath(text: string): readonly unknown[] {
  const rule = path(`/${text}`, 'ImplementationSpecific');
  const annotations = { 'nginx.ingress.kubernetes.io/use-regex': 'true' };
  return [withMeta(rule, { annotations }), ...backing];
}
