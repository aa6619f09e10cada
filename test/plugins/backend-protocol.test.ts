import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { app, ingress, routesOf, run, serverOf, verdictOf, type RunOptions } from '../translate/world.ts';

const host = 'a.example.com';

function serve(value: string, options: RunOptions = {}): ReturnType<typeof run> {
  const annotations = { 'backend-protocol': value };
  return run([...app('a'), ingress('i', { annotations, rules: { [host]: ['Prefix / a:80'] } })], options);
}

describe('backend-protocol', () => {
  const cases: readonly [string, string, boolean][] = [
    ['HTTP', 'http', false],
    ['https', 'https', false],
    ['GRPC', 'grpc', true],
    [' GrpcS ', 'grpcs', true],
  ];
  for (const [value, scheme, grpc] of cases) {
    it(`speaks ${scheme} for ${JSON.stringify(value)}`, () => {
      const result = serve(value);

      assert.deepEqual(routesOf(result, host), [`/ -> ${scheme}://default_a_80`]);
      assert.equal(serverOf(result, host).locations[0]?.action.proxy?.grpc, grpc);
      assert.equal(verdictOf(result, 'Ingress/default/i').state, 'served');
    });
  }

  it('falls back to HTTP for what is no protocol, and says so', () => {
    const result = serve('HTTP; }');

    assert.deepEqual(routesOf(result, host), ['/ -> http://default_a_80']);
    assert.match(
      verdictOf(result, 'Ingress/default/i').reasons.join(),
      /"HTTP; \}" is not allowed: write one of HTTP, HTTPS/u,
    );
  });

  it('answers 503 where nginx cannot speak it', () => {
    const results = [
      serve('GRPC', { capabilities: { grpc: false } }),
      serve('HTTPS', { capabilities: { ssl: false } }),
    ];
    for (const result of results) {
      assert.deepEqual(routesOf(result, host), ['/ -> 503']);
      assert.match(verdictOf(result, 'Ingress/default/i').reasons.join(), /backend-protocol"\]: .*503/u);
    }
  });

  it('speaks the protocol of the client for AUTO_HTTP, and HTTP where nginx has no TLS', () => {
    const result = serve('AUTO_HTTP');

    assert.deepEqual(routesOf(result, host), ['/ -> $scheme://default_a_80_auto']);
    assert.equal(verdictOf(result, 'Ingress/default/i').state, 'served');
    const without = serve('AUTO_HTTP', { capabilities: { ssl: false } });
    assert.deepEqual(routesOf(without, host), ['/ -> http://default_a_80']);
  });

  it('does not reach the global default backend, which speaks HTTP', () => {
    const annotations = { 'backend-protocol': 'HTTPS' };
    const objects = [
      ...app('a'),
      ...app('d', 'sys'),
      ingress('i', { annotations, rules: { [host]: ['Exact /x a:80'] } }),
    ];

    const result = run(objects, { settings: { defaultBackendService: 'sys/d' } });

    assert.deepEqual(routesOf(result, host), ['= /x -> https://default_a_80', '/ -> http://sys_d_80']);
  });
});
