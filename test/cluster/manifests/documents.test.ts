import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDocuments } from '../../../src/cluster/manifests/documents.ts';

function values(text: string): unknown[] {
  const { documents, problems } = parseDocuments(text, 'f.yaml');
  assert.deepEqual(problems, []);
  return documents.map(({ value }) => value);
}

function problem(text: string): string {
  const { problems } = parseDocuments(text, 'f.yaml');
  assert.equal(problems.length, 1);
  return problems.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`).join();
}

test('scalars as Kubernetes reads them', () => {
  const expected = new Map<string, unknown>([
    ['on', true],
    ['"on"', 'on'],
    ["'yes'", 'yes'],
    ['No', false],
    ['0644', 420],
    ['0o644', 420],
    ['0x1f', 31],
    ['0b11', 3],
    ['1_000', 1000],
    ['-5', -5],
    ['08', 8],
    ['"08"', '08'],
    ['1e3', 1000],
    ['.5', 0.5],
    ['1:30', '1:30'],
    ['190:20:30', '190:20:30'],
    ['2026-01-31', '2026-01-31'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z'],
    ['10.0.0.1', '10.0.0.1'],
    ['1.2.3', '1.2.3'],
    ['~', null],
    ['', null],
    ['!!str 5', '5'],
    ['!!int "5"', 5],
    ['0x', '0x'],
  ]);
  for (const [source, value] of expected) {
    assert.deepEqual(values(`a: ${source}\n`), [{ a: value }], source);
  }
});

test('merge keys and anchors', () => {
  assert.deepEqual(values('base: &b {x: 1, z: 2}\nother:\n  <<: *b\n  z: 3\n'), [
    { base: { x: 1, z: 2 }, other: { x: 1, z: 3 } },
  ]);
});

test('empty texts and empty documents hold nothing', () => {
  for (const text of ['', '\n', '# only a comment\n', '---\n', '---\n---\n# c\n---\n', '\ufeff']) {
    assert.deepEqual(values(text), [], JSON.stringify(text));
  }
});

test('several documents, with the line where each starts; BOM and CRLF', () => {
  const text = '\ufeff# head\r\n---\r\n\r\n# c\r\na: 1\r\n--- # x\r\nb: 2\r\n---\r\n';
  assert.deepEqual(parseDocuments(text, 'f').documents, [
    { value: { a: 1 }, line: 5 },
    { value: { b: 2 }, line: 7 },
  ]);
  assert.deepEqual(values('--- {a: 1}\n...\n---\nb: |\n  x\n'), [{ a: 1 }, { b: 'x\n' }]);
  assert.deepEqual(values('%YAML 1.1\n---\na: 1\n---\nb: 2\n'), [{ a: 1 }, { b: 2 }]);
});

test('a document that does not parse leaves the others, and says where it is wrong', () => {
  const { documents, problems } = parseDocuments('a: 1\na: 2\n---\nb: 1\n---\nc: "x\n---\nd: 1\n', 'f');
  assert.deepEqual(
    documents.map(({ value }) => value),
    [{ b: 1 }, { d: 1 }],
  );
  assert.deepEqual(
    problems.map(({ line, column }) => [line, column]),
    [
      [2, 1],
      [7, 1],
    ],
  );
  assert.match(problem('a: 1\na: 2\n'), /^f.yaml:2:1 is no valid YAML: duplicated mapping key; keep one/);
  assert.match(problem('a:\n\t- b\n'), /^f.yaml:2:1 .*indent with spaces/);
  assert.match(problem('a: !ruby/object x\n'), /^f.yaml:1:4 .*unknown scalar tag/);
  assert.match(problem('a: *none\n'), /^f.yaml:1:5 .*unidentified alias/);
  assert.match(problem('a: \u0000\n'), /^f.yaml:1:4 .*null byte/);
});

test('JSON: with tabs, with equal keys, broken', () => {
  assert.deepEqual(values('{\n\t"a": "\\u00e9",\n\t"n": 1e3}'), [{ a: 'é', n: 1000 }]);
  assert.deepEqual(values('{a: b}\n'), [{ a: 'b' }]);
  assert.match(problem('{"a": 1,\n "a": 2}'), /^f.yaml:2:3 .*duplicated mapping key/);
  assert.match(problem('{"a": 1,'), /^f.yaml:1:/);
  assert.match(problem('{"a":1}\n{"b":2}'), /^f.yaml:2:1 .*put a line "---" between/);
});

test('nesting and aliases are bounded', () => {
  assert.match(problem('['.repeat(100_000)), /nesting exceeded/);
  assert.match(problem(`{"a": ${'['.repeat(500)}${']'.repeat(500)}`), /nesting exceeded/);
  const aliases = Array.from({ length: 1001 }, (_, index) => `k${index}: *a\n`).join('');
  assert.match(problem(`a: &a x\n${aliases}`), /maxAliases.*write the values out/);
});

test('any text is either read or complained about', () => {
  const piece = fc.constantFrom(
    'a: 1\n',
    '---\n',
    '- ',
    '"',
    '{',
    '}',
    '&a ',
    '*a ',
    '!!x ',
    '|\n',
    '\t',
    '\r',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece).map((parts) => parts.join('')),
      ),
      (text) => {
        const { documents, problems } = parseDocuments(text, 'f');
        for (const { line } of [...documents, ...problems]) {
          assert.ok(line === null || (line >= 1 && line <= text.split(/[\r\n]/).length + 1));
        }
      },
    ),
    { numRuns: 500 },
  );
});
