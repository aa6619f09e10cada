import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countAnnotations, countOptions, type CountedRow } from '../../scripts/docs-counts.ts';
import type { ConfigMap } from '../../src/cluster/objects.ts';
import type { ObjectKey } from '../../src/model/object-ref.ts';
import { app, ingress, meta, run, verdictOf } from '../translate/world.ts';

/** A value that works in ingress-nginx and gives something else here, with what else it takes to be asked for. */
const annotations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'auth-type': { 'auth-type': 'digest', 'auth-secret': 'users' },
  'auth-keepalive': { 'auth-url': 'https://auth.example.org/', 'auth-keepalive': '8' },
  'auth-keepalive-requests': {
    'auth-url': 'https://auth.example.org/',
    'auth-keepalive': '8',
    'auth-keepalive-requests': '9',
  },
  'auth-keepalive-timeout': {
    'auth-url': 'https://auth.example.org/',
    'auth-keepalive': '8',
    'auth-keepalive-timeout': '9',
  },
  'custom-http-errors': { 'custom-http-errors': '401,403', 'default-backend': 'b' },
  'load-balance': { 'load-balance': 'ewma' },
  'server-snippet': { 'server-snippet': 'perl_set $x "sub {}";' },
  'configuration-snippet': { 'configuration-snippet': 'content_by_lua "x";' },
  'stream-snippet': { 'stream-snippet': 'js_import x.js;' },
  'affinity-mode': { affinity: 'cookie', 'affinity-mode': 'persistent' },
  'upstream-hash-by-subset': { 'upstream-hash-by': '$request_uri', 'upstream-hash-by-subset': 'true' },
  'upstream-hash-by-subset-size': {
    'upstream-hash-by': '$request_uri',
    'upstream-hash-by-subset': 'true',
    'upstream-hash-by-subset-size': '2',
  },
  'enable-modsecurity': { 'enable-modsecurity': 'true' },
  'enable-owasp-core-rules': { 'enable-owasp-core-rules': 'true' },
  'modsecurity-transaction-id': { 'modsecurity-transaction-id': '$request_id' },
  'modsecurity-snippet': { 'modsecurity-snippet': 'SecRuleEngine On' },
  'enable-opentelemetry': { 'enable-opentelemetry': 'true' },
  'opentelemetry-trust-incoming-span': { 'opentelemetry-trust-incoming-span': 'false' },
  'opentelemetry-operation-name': { 'opentelemetry-operation-name': 'x' },
};

const options: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'add-headers': { 'add-headers': 'default/headers' },
  'custom-http-errors': { 'custom-http-errors': '401' },
  'location-snippet': { 'location-snippet': 'proxy_buffering off;' },
  'server-tokens': { 'server-tokens': 'false' },
  'use-forwarded-headers': { 'use-forwarded-headers': 'true', 'use-proxy-protocol': 'true' },
};

/** The number alone says nothing. */
const toldWith: Readonly<Record<string, string>> = {
  'upstream-hash-by-subset-size': 'upstream-hash-by-subset',
};

/** On another object than the ConfigMap of the options. */
const told: Readonly<Record<string, ObjectKey>> = { 'add-headers': 'ConfigMap/default/headers' };

/** They are no annotation or option of an object, or what differs is no value. */
const elsewhere = new Set(['service.kubernetes.io/topology-mode', 'strict-validate-path-type']);

function rowsOf(rows: readonly CountedRow[]): CountedRow[] {
  return rows.filter(({ name, became }) => became !== 'same' && !elsewhere.has(name));
}

describe('what is not the same is said on the object', () => {
  for (const { name, why } of rowsOf(countAnnotations())) {
    it(`the annotation ${name}`, () => {
      const own = annotations[name];
      assert.ok(own !== undefined, `${name} (${why}): give an example`);
      const made = run([
        ...app('a'),
        ...app('b'),
        ingress('x', { annotations: own, rules: { 'x.test': ['Prefix / a:80'] } }),
      ]);
      const { state, reasons } = verdictOf(made, 'Ingress/default/x');
      assert.ok(['served-with-difference', 'rejected'].includes(state), `${state}: ${reasons.join('; ')}`);
      const said = toldWith[name] ?? name;
      assert.ok(
        reasons.some((reason) => reason.includes(said)),
        reasons.join('; '),
      );
    });
  }

  for (const { name } of rowsOf(countOptions())) {
    it(`the option ${name}`, () => {
      const data = options[name] ?? { [name]: 'true' };
      const map: ConfigMap = { kind: 'ConfigMap', meta: meta('options'), data };
      const headers: ConfigMap = {
        kind: 'ConfigMap',
        meta: meta('headers'),
        data: { Server: 'x', 'X-A': 'b' },
      };
      const made = run(
        [...app('a'), map, headers, ingress('x', { rules: { 'x.test': ['Prefix / a:80'] } })],
        { settings: { optionsConfigMap: 'default/options' } },
      );
      const { state, reasons } = verdictOf(made, told[name] ?? 'ConfigMap/default/options');
      assert.ok(['served-with-difference', 'rejected'].includes(state), `${state}: ${reasons.join('; ')}`);
      assert.ok(name in told || reasons.some((reason) => reason.includes(name)), reasons.join('; '));
    });
  }
});
