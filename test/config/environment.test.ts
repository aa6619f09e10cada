import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Environment, internalVariables } from '../../src/config/environment.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load.ts';

function load(environment: Environment, text = ''): LoadedConfig {
  const result = loadConfig(text, environment, 'gateway.yaml');
  assert.ok('config' in result, JSON.stringify(result));
  return result;
}

function errorsOf(environment: Environment): string[] {
  const result = loadConfig('', environment, 'gateway.yaml');
  assert.ok('errors' in result, JSON.stringify(environment));
  return result.errors.map(({ source, message }) => `${source}: ${message}`);
}

test('variables override the file, each in the form of its key', () => {
  const { config } = load(
    {
      CNG_SERVER_ADDR: '127.0.0.1:7000',
      CNG_NGINX_HTTP_PORT: '8000',
      CNG_NGINX_WORKER_PROCESSES: '2',
      CNG_METRICS_ENABLED: 'false',
      CNG_KUBERNETES_MANIFESTS: 'one, two/three',
      CNG_NGINX_RESOLVER: '10.0.0.1,[fd00::1]:54',
      CNG_KUBERNETES_WATCH_NAMESPACE_SELECTOR: 'a in (b,c),!d',
      CNG_LOG_LEVEL: 'debug',
    },
    'nginx: { http_port: 1 }\nlog: { level: error }\nkubernetes: { manifests: [file] }',
  );

  assert.deepEqual(config.server.addr, { host: '127.0.0.1', port: 7000 });
  assert.deepEqual([config.nginx.httpPort, config.nginx.workerProcesses], [8000, 2]);
  assert.equal(config.metrics.enabled, false);
  assert.deepEqual(config.kubernetes.manifests, ['one', 'two/three']);
  assert.deepEqual(config.nginx.resolver, [
    { host: '10.0.0.1', port: 53 },
    { host: 'fd00::1', port: 54 },
  ]);
  assert.equal(config.kubernetes.watchNamespaceSelector.requirements.length, 2);
  assert.equal(config.log.level, 'debug');
});

test('a variable corrects a bad value of the file, and an empty one is an empty text or list', () => {
  const file = 'log: { level: loud }\nkubernetes: { manifests: [file], namespace: shop }';

  const { config } = load(
    { CNG_LOG_LEVEL: 'warn', CNG_KUBERNETES_MANIFESTS: '', CNG_KUBERNETES_NAMESPACE: '' },
    file,
  );

  assert.deepEqual(
    [config.log.level, config.kubernetes.manifests, config.kubernetes.namespace],
    ['warn', [], ''],
  );
});

test('a bad value names the variable', () => {
  for (const [variable, value] of [
    ['CNG_NGINX_HTTP_PORT', '0x50'],
    ['CNG_NGINX_HTTP_PORT', '080'],
    ['CNG_NGINX_HTTP_PORT', ''],
    ['CNG_METRICS_ENABLED', 'yes'],
    ['CNG_SERVER_ADDR', 'nowhere'],
    ['CNG_NGINX_RESOLVER', '10.0.0.1,,10.0.0.2'],
  ] as const) {
    const errors = errorsOf({ [variable]: value });

    assert.equal(errors.length, 1, `${variable}=${value}`);
    assert.ok(errors[0]?.startsWith(`environment variable ${variable}: "`), errors[0]);
  }
});

test('an unknown variable with our prefix is an error; others and the internal ones are not', () => {
  assert.match(errorsOf({ CNG_LOG_LEVL: 'info' }).join(), /CNG_LOG_LEVL: .*did you mean CNG_LOG_LEVEL\?/u);
  assert.equal(errorsOf({ CNG_: '1', CNG_X: '2', CNG_NGINX: '3' }).length, 3);
  load({ PATH: '/bin', CNGLOG: 'x', cng_log_level: 'x', CNG_LOG_LEVEL: undefined });
  load(Object.fromEntries([...internalVariables.keys()].map((name) => [name, '1'])));
});

test('what Kubernetes sets for a Service whose name begins with cng does no harm', () => {
  load({
    CNG_SERVICE_HOST: '10.0.0.1',
    CNG_SERVICE_PORT: '80',
    CNG_SERVICE_PORT_HTTP: '80',
    CNG_PORT: 'tcp://10.0.0.1:80',
    CNG_PORT_80_TCP: 'tcp://10.0.0.1:80',
    CNG_PORT_80_TCP_PROTO: 'tcp',
    CNG_PORT_80_TCP_PORT: '80',
    CNG_PORT_80_TCP_ADDR: '10.0.0.1',
    CNG_WEB_SERVICE_HOST: '10.0.0.1',
    CNG_WEB_PORT: 'udp://10.0.0.1:53',
  });

  assert.match(
    errorsOf({ CNG_NGINX_HTTP_PORT: 'tcp://10.0.0.1:80' }).join(),
    /CNG_NGINX_HTTP_PORT: .*is what Kubernetes sets for a Service.*enableServiceLinks: false/u,
  );
});
