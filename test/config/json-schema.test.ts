import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingressNginxFlags } from '../../src/config/ingress-nginx-flags.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { allKeys } from '../../src/config/sections.ts';

interface Schema {
  readonly additionalProperties: unknown;
  readonly properties: Readonly<Record<string, Schema>>;
  readonly description: string;
  readonly default: unknown;
  readonly const?: unknown;
  readonly type?: unknown;
  readonly [keyword: string]: unknown;
}

const schema = configJsonSchema() as Schema;

test('the JSON Schema has every key with default and description, and nothing besides', () => {
  const found = Object.entries(schema.properties).flatMap(([section, { properties }]) =>
    Object.keys(properties).map((name) => `${section}.${name}`),
  );

  assert.deepEqual(
    found,
    allKeys.map(({ dotted }) => dotted),
  );
  for (const { section, definition, dotted } of allKeys) {
    const key = schema.properties[section]?.properties[definition.name];
    assert.deepEqual(key?.default, definition.fallback, dotted);
    assert.ok((key?.description.length ?? 0) > 10, dotted);
  }
  assert.equal(schema.additionalProperties, false);
  assert.ok(Object.values(schema.properties).every((section) => section.additionalProperties === false));
});

test('the JSON Schema says what values are allowed', () => {
  const { nginx, log, kubernetes } = schema.properties;
  const httpPort = nginx?.properties['http_port'];

  assert.deepEqual([httpPort?.type, httpPort?.['minimum'], httpPort?.['maximum']], ['integer', 1, 65_535]);
  assert.deepEqual(log?.properties['level']?.['enum'], ['debug', 'info', 'warn', 'error']);
  assert.equal(kubernetes?.properties['manifests']?.type, 'array');
  assert.equal(kubernetes?.properties['enable_topology_aware_routing']?.const, false);
  assert.equal(kubernetes?.properties['manifests']?.['readOnly'], undefined);
});

test('flags of ingress-nginx point to keys that exist', () => {
  const known = new Set(allKeys.map(({ dotted }) => dotted));

  for (const [flag, replacement] of Object.entries(ingressNginxFlags)) {
    assert.ok('reason' in replacement ? replacement.reason.length > 10 : known.has(replacement.key), flag);
  }
});
