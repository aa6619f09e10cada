import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ingest, servedKinds } from '../../src/cluster/ingest.ts';
import { isDnsLabel, isDnsSubdomain } from '../../src/cluster/ingest-meta.ts';
import { objectKey, parseObjectKey } from '../../src/model/object-ref.ts';
import { raw, rawIngress, rawService, rawSlice } from './fixtures.ts';

const runs = { numRuns: 300 };

/** What must hold whatever comes in. */
function check(value: unknown): void {
  for (const strict of [false, true]) {
    const { object, findings, ref } = ingest(value, { strict });
    for (const { object: of, state, reason } of findings) {
      assert.deepEqual(of, ref);
      assert.ok(reason.message.length > 0 && reason.message.length < 1000, reason.message);
      assert.doesNotMatch(reason.field + reason.message, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      assert.doesNotMatch(reason.message, /report this as a bug/);
      assert.equal(
        object === null,
        findings.some((one) => one.state === 'rejected'),
        state,
      );
    }
    if (object !== null) {
      assert.ok(ref !== null && Object.isFrozen(object) && Object.isFrozen(object.meta));
      assert.ok(isDnsSubdomain(object.meta.name));
      assert.ok(object.meta.namespace === '' || isDnsLabel(object.meta.namespace));
      assert.deepEqual(parseObjectKey(objectKey(ref)), ref);
    } else if (ref !== null) {
      assert.ok(findings.length > 0, 'a refused object says why');
    }
  }
}

const json = fc.jsonValue({ depthSize: 'medium', maxDepth: 6 });
const hostile = fc.oneof(
  json,
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\u0000', 'a\r\nb', '}; load_module x;', '__proto__', NaN, Infinity, -0, 1e300),
);

test('arbitrary JSON never throws', () => {
  fc.assert(fc.property(json, check), runs);
});

test('arbitrary content under a known kind never throws', () => {
  const known = fc.constantFrom(...servedKinds());
  fc.assert(
    fc.property(known, json, json, json, ({ kind, apiVersion }, metadata, spec, data) => {
      check({ kind, apiVersion, metadata, spec, data });
      const name = { name: 'a', labels: data, annotations: spec, creationTimestamp: metadata };
      check({ kind, apiVersion, metadata: name, spec, data, stringData: spec, type: data, subsets: spec });
    }),
    runs,
  );
});

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function places(value: unknown, found: Place[] = []): Place[] {
  if (typeof value === 'object' && value !== null) {
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      found.push({ holder, key });
      places(holder[key], found);
    }
  }
  return found;
}

const sound = fc.constantFrom(
  rawIngress(),
  rawService('s'),
  rawSlice('s-1', 's', '10.0.0.1'),
  raw('Endpoints', 'v1', 's', { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] }),
  raw('Secret', 'v1', 's', {
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': 'YQ==' },
    stringData: { a: 'b' },
  }),
  raw('ConfigMap', 'v1', 's', { data: { a: 'b' } }),
  raw('IngressClass', 'networking.k8s.io/v1', 's', { spec: { controller: 'a/b' } }),
  raw('Namespace', 'v1', 's'),
);

test('sound objects with some fields replaced, removed or added never throw', () => {
  const edit = fc.record({ at: fc.nat(), how: fc.constantFrom('replace', 'remove', 'add'), value: hostile });
  fc.assert(
    fc.property(sound, fc.array(edit, { minLength: 1, maxLength: 4 }), fc.string(), (base, edits, key) => {
      const copy = structuredClone(base);
      for (const { at, how, value } of edits) {
        const all = places(copy);
        const place = all[at % all.length];
        if (place === undefined) {
          continue;
        }
        if (how === 'remove') {
          delete place.holder[place.key];
        } else {
          // An assignment to `__proto__` would not make a key.
          Object.defineProperty(
            place.holder,
            how === 'add' && !Array.isArray(place.holder) ? key : place.key,
            {
              value: structuredClone(value),
              configurable: true,
              enumerable: true,
              writable: true,
            },
          );
        }
      }
      check(copy);
    }),
    { numRuns: 1500 },
  );
});

test('no message about a Secret holds a value of it', () => {
  const value = fc.oneof(fc.string({ minLength: 6 }), fc.integer({ min: 100_000 }), json);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (data) => {
      const { findings } = ingest(raw('Secret', 'v1', 's', { data }));
      const said = findings.map(({ reason }) => reason.message).join('\n');
      for (const one of Object.values(data)) {
        if (typeof one === 'number' && one >= 100_000) {
          assert.ok(!said.includes(String(one)));
        }
        if (typeof one === 'string' && one.length >= 6 && one.trim() !== '') {
          assert.ok(!said.includes(one));
        }
      }
    }),
    runs,
  );
});
