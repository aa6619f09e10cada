import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatLine, longestLine, type LogFormat } from '../../src/observe/log-line.ts';
import { logValue } from '../../src/observe/log-value.ts';

const formats: readonly LogFormat[] = ['json', 'text'];
const time = new Date(0);

const hostileText = fc.string({ unit: 'binary', maxLength: 40 });
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true,
  withBoxedValues: true,
  withSparseArray: true,
});

test('whatever message and fields hold, a line is one line without control or format characters', () => {
  fc.assert(
    fc.property(hostileText, fc.dictionary(hostileText, anything), (message, fields) => {
      for (const format of formats) {
        const line = formatLine({ time, level: 'info', message, fields }, format);

        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        assert.ok(Buffer.byteLength(line) < longestLine);
      }
    }),
    { numRuns: 500 },
  );
});

test('a JSON line reads back as what was logged', () => {
  fc.assert(
    fc.property(hostileText, hostileText, (message, value) => {
      const line = formatLine({ time, level: 'warn', message, fields: { value } }, 'json');

      const record = JSON.parse(line) as Record<string, unknown>;
      // Lone surrogates are no text; both sides print them in the same way.
      assert.deepEqual([record['level'], record['message'], record['value']], ['warn', message, value]);
    }),
  );
});

test('a text line cannot be given a field that was not logged', () => {
  const line = formatLine(
    { time, level: 'info', message: 'Seen', fields: { host: 'a object=Ingress/x/y', 'b c=d': 1 } },
    'text',
  );

  assert.equal(line.slice(25), 'INFO  Seen host="a object=Ingress/x/y" "b c=d"=1');
});

test('huge fields are cut and say so, and the line stays within its length', () => {
  const huge = 'x'.repeat(1_000_000);
  for (const format of formats) {
    const cut = formatLine({ time, level: 'info', message: 'Seen', fields: { huge } }, format);
    const dropped = formatLine(
      { time, level: 'info', message: 'Seen', fields: { list: Array(50).fill(huge), object: 'Ingress/a/b' } },
      format,
    );

    assert.match(cut, /more characters/u);
    assert.match(dropped, /bytes left out/u);
    assert.match(dropped, /Ingress\/a\/b/u);
    assert.ok(Buffer.byteLength(dropped) < longestLine);
  }
});

test('circles, depth, long lists, throwing getters and odd values are named', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const throwing = {
    get value(): string {
      throw new Error('no');
    },
  };

  assert.deepEqual(logValue(circle), { self: '[circular]' });
  assert.equal(logValue(throwing), '[unreadable: no]');
  assert.deepEqual(logValue({ a: { b: { c: { d: { e: { f: { g: 1 } } } } } } }), {
    a: { b: { c: { d: { e: { f: '[object]' } } } } },
  });
  assert.deepEqual((logValue(Array.from({ length: 60 }, (_, n) => n)) as unknown[]).slice(49), [
    49,
    '… 10 more',
  ]);
  assert.deepEqual(logValue([1n, NaN, Symbol('x'), () => 1, new URL('http://a/'), new Date(0)]), [
    '1',
    'NaN',
    '[symbol]',
    '[function]',
    'http://a/',
    '1970-01-01T00:00:00.000Z',
  ]);
  assert.equal(JSON.stringify(logValue(JSON.parse('{"__proto__":{"a":1}}'))), '{"__proto__":{"a":1}}');
});

test('an object of the cluster is its key, a reference too, and a verdict is not', () => {
  assert.equal(logValue({ kind: 'Ingress', namespace: 'shop', name: 'front' }), 'Ingress/shop/front');
  assert.equal(
    logValue({ kind: 'IngressClass', meta: { namespace: '', name: 'nginx' } }),
    'IngressClass//nginx',
  );
  assert.deepEqual(logValue({ kind: 'Ingress', namespace: 'a', name: 'b', state: 'served' }), {
    kind: 'Ingress',
    namespace: 'a',
    name: 'b',
    state: 'served',
  });
});
