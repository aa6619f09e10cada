import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatConfigError } from '../../src/config/config-error.ts';
import type { Environment } from '../../src/config/environment.ts';
import { loadConfig, withManifests } from '../../src/config/load.ts';
import { allKeys, type GatewayConfig } from '../../src/config/sections.ts';

function good(text: string, environment: Environment = {}): GatewayConfig {
  const result = loadConfig(text, environment, 'gateway.yaml');
  assert.ok('config' in result, 'errors' in result ? result.errors.map(formatConfigError).join('\n') : '');
  return result.config;
}

function bad(text: string, environment: Environment = {}): string[] {
  const result = loadConfig(text, environment, 'gateway.yaml');
  assert.ok('errors' in result, `no error in ${text}`);
  return result.errors.map(formatConfigError);
}

/** The example of the documentation with every key at its default. */
const everything = `
server:      { addr: ":8080", read_timeout: 30, write_timeout: 30, idle_timeout: 60 }
metrics:     { enabled: true, addr: ":9090" }
debug:       { enabled: true, addr: "127.0.0.1:8081" }
kubernetes:  { kubeconfig: "", master_url: "", namespace: "",        # namespace "" is all
               manifests: [], ingress_class: nginx, controller_class: cloud-native-gateway/nginx,
               watch_ingress_without_class: false, config_map: "", template_config_map: "" }
nginx:       { template_path: "", config_path: "", binary_path: nginx, reload_script: "", state_dir: "",
               http_port: 80, https_port: 443, worker_processes: auto, worker_shutdown_timeout: 240 }
plugins:     { directory: "", disabled: [] }
log:         { level: info, format: json, file_path: "", max_size: 100, max_backups: 3, max_age: 7 }
`;

test('the file with everything written out is the same as no file', () => {
  const config = good(everything);

  assert.deepEqual(config, good(''));
  assert.deepEqual(config.server, {
    addr: { host: '', port: 8080 },
    readTimeoutSeconds: 30,
    writeTimeoutSeconds: 30,
    idleTimeoutSeconds: 60,
  });
  assert.deepEqual(config.debug, { enabled: true, addr: { host: '127.0.0.1', port: 8081 } });
  assert.deepEqual(config.log, {
    level: 'info',
    format: 'json',
    filePath: '',
    maxSizeMb: 100,
    maxBackups: 3,
    maxAgeDays: 7,
  });
  assert.deepEqual(
    [config.nginx.httpPort, config.nginx.httpsPort, config.nginx.workerProcesses],
    [80, 443, 'auto'],
  );
});

test('nothing, comments, an empty document, empty sections and empty keys mean defaults', () => {
  for (const text of [
    '',
    '\n',
    '# only this\n',
    '---\n',
    '---\n# x\n',
    'log:\nnginx:\n',
    'log:\n  level:\n',
    '{}',
  ]) {
    assert.deepEqual(good(text), good(''), JSON.stringify(text));
  }
});

test('every default is accepted when it is written down, through the file and through the environment', () => {
  for (const { section, dotted, variable, definition } of allKeys) {
    const text = JSON.stringify({ [section]: { [definition.name]: definition.fallback } });
    const value = Array.isArray(definition.fallback)
      ? definition.fallback.join(',')
      : String(definition.fallback);

    assert.deepEqual(good(text), good(''), dotted);
    assert.deepEqual(good('', { [variable]: value }), good(''), variable);
  }
});

test('values of every kind are read', () => {
  const config = good(`
server: { addr: "[::1]:0" }
nginx: { worker_processes: 4, resolver: [10.0.0.10, "[fd00::a]:5353"] }
kubernetes:
  watch_namespace_selector: team=web,stage in (live, test)
  default_ssl_certificate: web/default.tls
  default_backend_service: web/fallback
  annotations_prefix: ingress.example.com
  disable_catch_all: true
  ingress_class_by_name: true
  disable_svc_external_name: true
  master_url: https://10.0.0.1:6443
log: { level: debug, format: text }
`);

  assert.deepEqual(config.server.addr, { host: '::1', port: 0 });
  assert.equal(config.nginx.workerProcesses, 4);
  assert.deepEqual(config.nginx.resolver, [
    { host: '10.0.0.10', port: 53 },
    { host: 'fd00::a', port: 5353 },
  ]);
  assert.deepEqual(config.kubernetes.watchNamespaceSelector.requirements, [
    { key: 'team', operator: 'in', values: ['web'] },
    { key: 'stage', operator: 'in', values: ['live', 'test'] },
  ]);
  assert.equal(config.kubernetes.defaultSslCertificate, 'web/default.tls');
  assert.equal(config.log.level, 'debug');
});

test('the settings cannot be changed by whoever gets them', () => {
  const config = good('nginx: { resolver: [10.0.0.10] }');

  assert.throws(() => Object.assign(config.nginx, { httpPort: 1 }), TypeError);
  assert.throws(() => (config.nginx.resolver as unknown[]).push(1), TypeError);
});

test('all errors are told at once, in the order of the file, each with place, key, value and what is allowed', () => {
  const errors = bad(
    `server:
  addr: 8080
  write_timeout: 30s
metrics: {enabled: on}
nginx:
  http_prot: 8000
  https_port: "8443"
  resolver: [10.0.0.1, nowhere]
kubernets: {}
ingress_class: x
kubernetes:
  namespace: Shop
  http_port: 3
log: debug
`,
    { CNG_LOG_LEVEL: 'warning', CNG_NGINX_HTP_PORT: '1' },
  );

  assert.deepEqual(errors, [
    'gateway.yaml:2:9: server.addr: 8080 is not allowed: give host:port with a port from 0 to 65535, ' +
      'as in ":8080", "127.0.0.1:8081" or "[::1]:80"; did you mean ":8080"?',
    'gateway.yaml:3:18: server.write_timeout: "30s" is not allowed: ' +
      'give a whole number of seconds from 1 to 3600; did you mean 30 without a unit?',
    'gateway.yaml:4:20: metrics.enabled: on means true in YAML 1.1 and something else in YAML 1.2: ' +
      'write true, or put it in quotes if text is meant',
    'gateway.yaml:6:3: nginx.http_prot: there is no such key: did you mean nginx.http_port?',
    'gateway.yaml:7:15: nginx.https_port: "8443" is not allowed: ' +
      'give a port number from 1 to 65535; did you mean 8443 without quotes?',
    'gateway.yaml:8:24: nginx.resolver[1]: "nowhere" is not allowed: give an IP address, with a port or not, ' +
      'as in "10.96.0.10", "10.96.0.10:5353" or "[fd00::a]:53"',
    'gateway.yaml:9:1: kubernets: there is no such section: did you mean kubernetes?',
    'gateway.yaml:10:1: ingress_class: there is no such section: did you mean the key kubernetes.ingress_class?',
    'gateway.yaml:12:14: kubernetes.namespace: "Shop" is not allowed: give the name of one namespace ' +
      '(lower-case letters, digits and "-", at most 63 characters), or "" for none; did you mean "shop"?',
    'gateway.yaml:13:3: kubernetes.http_port: there is no such key in kubernetes: did you mean nginx.http_port?',
    'gateway.yaml:14:6: log: "debug" is not allowed: give keys, each on its own line below',
    'environment variable CNG_NGINX_HTP_PORT: there is no such setting (did you mean CNG_NGINX_HTTP_PORT?): ' +
      'rename or unset it; settings are CNG_SECTION_KEY',
    'environment variable CNG_LOG_LEVEL: log.level: "warning" is not allowed: ' +
      'give one of debug, info, warn, error; did you mean "warn"?',
  ]);
});

test('values that YAML versions read differently are errors, and quoted or plain ones are not', () => {
  const uncertain = [
    'nginx: { http_port: 0644 }',
    'nginx: { http_port: 8_000 }',
    'nginx: { http_port: 12:30 }',
    'metrics: { enabled: yes }',
    'kubernetes: { ingress_class: on }',
    'kubernetes: { ingress_class: 2026-01-01 }',
    'kubernetes: { manifests: [off] }',
  ];
  for (const text of uncertain) {
    const errors = bad(text);

    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0] ?? '', /^gateway\.yaml:1:\d+: .* means .* in YAML 1\.1 and something else/u);
  }
  assert.equal(good('kubernetes: { ingress_class: "on" }').kubernetes.ingressClass, 'on');
  assert.equal(
    good('nginx: { http_port: 0x1F90, https_port: 8443 }\nserver: {addr: ":1"}').nginx.httpPort,
    8080,
  );
});

test('a key or section that stands twice is an error, each time it does', () => {
  const errors = bad('log:\n  level: info\n  level: warn\n  format: json\n  format: text\nlog: {}\n');

  assert.deepEqual(
    errors.map((error) => error.replace(/: the key stands here for the second time: remove one$/u, '')),
    ['gateway.yaml:3:3: log.level', 'gateway.yaml:5:3: log.format', 'gateway.yaml:6:1: log'],
  );
});

test('a file that is no YAML, or not one mapping, is told with its place', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['log: [1\n', /^gateway\.yaml:\d+:\d+: this is not YAML: /u],
    ['log: {level: info', /^gateway\.yaml:1:\d+: this is not YAML: /u],
    ['log:\n\tlevel: info\n', /^gateway\.yaml:2:\d+: this is not YAML: .*spaces, not tabs/u],
    ['log: *missing', /this is not YAML: unidentified alias/u],
    ['log: !!js/function "x"', /this is not YAML: unknown/u],
    ['? [a]\n: b\n', /this is not YAML: /u],
    ['log: "\u0000"', /this is not YAML: /u],
    ['- a', /\["a"\] is not allowed: give sections \(server, /u],
    ['text', /"text" is not allowed: give sections/u],
    ['log: {}\n---\nlog: {}\n', /several YAML documents/u],
    ['<<: {log: {}}', /^gateway\.yaml:1:1: <<: there is no such section/u],
    ['__proto__: {log: {}}', /__proto__: there is no such section/u],
    ['log: {__proto__: {level: debug}}', /log\.__proto__: there is no such key/u],
    ['constructor: {}', /constructor: there is no such section/u],
  ];
  for (const [text, pattern] of cases) {
    const errors = bad(text);

    assert.match(errors.join('\n'), pattern);
  }
});

test('an alias inside what it repeats is refused at its place, others are read', () => {
  for (const [text, place] of [
    ['&a [*a]', '1:6: [0]: '],
    ['nginx: &a\n  port: *a\n', '2:10: nginx.port: '],
    ['kubernetes:\n  manifests: &a [x, [*a]]\n', '2:23: kubernetes.manifests[1][0]: '],
  ] as const) {
    const [message] = bad(text);
    assert.equal(
      message,
      `gateway.yaml:${place}the alias stands inside the value that it repeats, which would never end: write it out`,
    );
  }
  const { log, metrics } = good('log: { level: &on debug }\nmetrics: &m { enabled: false }\ndebug: *m\n');
  assert.equal(log.level, 'debug');
  assert.equal(metrics.enabled, false);
});

test('a value that aliases make longer than memory is shown by its beginning', () => {
  const levels = Array.from({ length: 9 }, (_, level) => `&l${level + 1} [${`*l${level},`.repeat(9)}]`);
  const text = `log:\n  level: [&l0 [x], ${levels.join(', ')}]\n`;
  assert.match(
    bad(text).join(),
    /^gateway\.yaml:2:10: log\.level: \[\["x"\],\[\["x"\],.{60,80}… is not allowed/,
  );
});

test('wrong types and values out of range are refused, never converted', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['nginx: { http_port: 0 }', 'nginx.http_port'],
    ['nginx: { http_port: 65536 }', 'nginx.http_port'],
    ['nginx: { http_port: 80.5 }', 'nginx.http_port'],
    ['nginx: { http_port: -1 }', 'nginx.http_port'],
    ['nginx: { http_port: .nan }', 'nginx.http_port'],
    ['nginx: { http_port: [80] }', 'nginx.http_port'],
    ['nginx: { worker_processes: 0 }', 'nginx.worker_processes'],
    ['nginx: { worker_processes: many }', 'nginx.worker_processes'],
    ['nginx: { worker_shutdown_timeout: 0 }', 'nginx.worker_shutdown_timeout'],
    ['nginx: { binary_path: "" }', 'nginx.binary_path'],
    ['nginx: { binary_path: "a\\nb" }', 'nginx.binary_path'],
    ['nginx: { resolver: [10.0.0.10:0] }', 'nginx.resolver[0]'],
    ['nginx: { resolver: ["a; include /etc/passwd"] }', 'nginx.resolver[0]'],
    ['metrics: { enabled: "true" }', 'metrics.enabled'],
    ['metrics: { enabled: 1 }', 'metrics.enabled'],
    ['server: { addr: "8080" }', 'server.addr'],
    ['server: { addr: ":80800" }', 'server.addr'],
    ['server: { addr: "1.2.3:80" }', 'server.addr'],
    ['server: { addr: "::1:80" }', 'server.addr'],
    ['server: { read_timeout: 0 }', 'server.read_timeout'],
    ['kubernetes: { namespace: a/b }', 'kubernetes.namespace'],
    ['kubernetes: { annotations_prefix: a/b }', 'kubernetes.annotations_prefix'],
    ['kubernetes: { annotations_prefix: "" }', 'kubernetes.annotations_prefix'],
    ['kubernetes: { annotations_prefix: cloud-native-gateway.io }', 'kubernetes.annotations_prefix'],
    ['kubernetes: { controller_class: nginx }', 'kubernetes.controller_class'],
    ['kubernetes: { controller_class: "a.b/c d" }', 'kubernetes.controller_class'],
    ['kubernetes: { default_ssl_certificate: tls }', 'kubernetes.default_ssl_certificate'],
    ['kubernetes: { default_backend_service: a/b/c }', 'kubernetes.default_backend_service'],
    ['kubernetes: { watch_namespace_selector: "a=b c" }', 'kubernetes.watch_namespace_selector'],
    ['kubernetes: { master_url: "10.0.0.1:6443" }', 'kubernetes.master_url'],
    ['kubernetes: { master_url: "https://user:pw@host" }', 'kubernetes.master_url'],
    ['kubernetes: { manifests: some/folder }', 'kubernetes.manifests'],
    ['kubernetes: { manifests: [3] }', 'kubernetes.manifests[0]'],
    ['plugins: { disabled: [Rate] }', 'plugins.disabled[0]'],
    ['log: { level: loud }', 'log.level'],
    ['log: { max_size: 0 }', 'log.max_size'],
    ['log: { max_age: 0 }', 'log.max_age'],
  ];
  for (const [text, key] of cases) {
    const result = loadConfig(text, {}, 'gateway.yaml');

    assert.ok('errors' in result, text);
    assert.deepEqual(
      result.errors.map((error) => [error.key, error.line]),
      [[key, 1]],
      text,
    );
  }
});

test('a key that is not implemented yet is accepted at its default and refused otherwise', () => {
  const pending = allKeys.filter(({ definition }) => definition.notYet);
  assert.ok(pending.length > 0);

  assert.deepEqual(bad('kubernetes: { enable_topology_aware_routing: true }'), [
    'gateway.yaml:1:46: kubernetes.enable_topology_aware_routing: true is not implemented yet: remove the key or leave it at false',
  ]);
  assert.deepEqual(bad('', { CNG_KUBERNETES_ENABLE_TOPOLOGY_AWARE_ROUTING: 'true' }), [
    'environment variable CNG_KUBERNETES_ENABLE_TOPOLOGY_AWARE_ROUTING: kubernetes.enable_topology_aware_routing: ' +
      'true is not implemented yet: remove the key or leave it at false',
  ]);
  assert.match(bad('metrics: { time_buckets: [2, 1] }')[0] ?? '', /each greater than the one before/u);
});

test('two listeners in each other\u2019s way are an error at the one that was set', () => {
  assert.deepEqual(bad('nginx:\n  http_port: 8080\n'), [
    'gateway.yaml:2:14: nginx.http_port: server.addr: :8080 is already taken by nginx.http_port (8080): ' +
      'give one of them another port',
  ]);
  assert.deepEqual(bad('nginx: { http_port: 8000, https_port: 8000 }'), [
    'gateway.yaml:1:39: nginx.https_port: 8000 is already taken by nginx.http_port (8000): ' +
      'give one of them another port',
  ]);
  assert.match(
    bad('debug: { addr: "localhost:9090" }').join('\n'),
    /debug\.addr: localhost:9090 is already taken/u,
  );
  assert.match(
    bad('', { CNG_METRICS_ADDR: ':8080' }).join('\n'),
    /^environment variable CNG_METRICS_ADDR: /u,
  );
  good('metrics: { addr: ":8080", enabled: false }');
  good('debug: { addr: "127.0.0.1:7000" }\nmetrics: { addr: "10.0.0.1:7000" }');
  good('debug: { addr: "127.0.0.1:0" }\nmetrics: { addr: ":0" }\nserver: { addr: ":0" }');
});

test('keys that exclude each other are an error', () => {
  assert.deepEqual(bad('kubernetes: { namespace: shop, watch_namespace_selector: a=b }'), [
    'gateway.yaml:1:58: kubernetes.watch_namespace_selector: it excludes kubernetes.namespace: remove one of them',
  ]);
  assert.match(
    bad('kubernetes: { manifests: [a], kubeconfig: b }').join('\n'),
    /excludes kubernetes\.kubeconfig/u,
  );
  assert.match(
    bad('kubernetes: { manifests: [a], master_url: "http://b" }').join('\n'),
    /excludes kubernetes\.master_url/u,
  );
});

test('--manifests replaces the list of the file, and nothing given leaves it', () => {
  const config = good('kubernetes: { manifests: [a], ingress_class: x }');

  assert.deepEqual(withManifests(config, ['b', 'c']).kubernetes.manifests, ['b', 'c']);
  assert.equal(withManifests(config, ['b']).kubernetes.ingressClass, 'x');
  assert.deepEqual(withManifests(config, []).kubernetes.manifests, ['a']);
  assert.deepEqual(config.kubernetes.manifests, ['a']);
});
