import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../../src/nginx/grammar.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { legitConfig } from './lint-legit.ts';
import { asOneByte, Oracle, simulate } from './grammar-oracle.ts';

/** More of them find rarer differences: `FUZZ_RUNS=5000` takes some minutes. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 40);

const pieces = `; ; { } # " ' \\ $ \${ ) a cd \\n \\t \\" \u00e9 \u20ac 's' x/x`.split(' ');
const piece = fc.constantFrom(...pieces, ' ', ' ', '\n', '\n', '\t', '\r', 'b ', 'a b;\n', 'x/x y;', '"q q"');
const snippet = fc.array(piece, { minLength: 1, maxLength: 12 }).map((chosen) => chosen.join(''));

/** In `types` any words may stand, and nginx says which of them it has met before: that shows how it reads them. */
const frames = [
  'events {}\n@',
  'events {}\nhttp { types {@}\n}\n',
  'events {}\nhttp {\ntypes {\nx/x T0 y;\n@\n}\nlast;\n}\n',
  'events {}\nhttp {types { x/x @ ; y/y @ ; } }',
];

for (const { label, path } of nginxBinaries()) {
  describe(`like nginx (${label})`, () => {
    const oracle = new Oracle(path);
    after(() => {
      oracle.close();
    });

    for (const frame of frames) {
      test(`reads what stands in ${JSON.stringify(frame)}`, () => {
        fc.assert(
          fc.property(snippet, (inside) => {
            const text = frame.replaceAll('@', () => inside);
            const { duplicates, ...expected } = simulate(text);
            const output = oracle.output(text);
            assert.deepEqual(oracle.complaintIn(output), expected);
            assert.deepEqual(oracle.duplicatesIn(output), duplicates);
          }),
          { numRuns },
        );
      });
    }

    test('counts the bytes of words and comments', () => {
      const shapes = [
        '@;',
        '@ ;',
        '@',
        '@{',
        '"@";',
        '"@" x;',
        '"@',
        '"@"',
        '"@")x;',
        "'@'\n\n;",
        '#@\nq;',
        '#@',
      ];
      for (const shape of shapes) {
        for (const [size, letter] of [4094, 4095, 4096, 4097].flatMap((bytes) => [
          [bytes, 'w'] as const,
          [bytes, '\u00e9'] as const,
        ])) {
          const bytes = letter === 'w' ? 'w'.repeat(size) : 'w'.repeat(size % 2) + letter.repeat(size >> 1);
          const text = `events {}\n${shape.replace('@', () => bytes)}`;
          const { duplicates: _, ...expected } = simulate(text);
          const real = oracle.complaint(text);
          // Long words are cut in messages, by bytes.
          assert.equal(
            real.message?.slice(0, 20),
            expected.message?.slice(0, 20),
            `${shape} ${size} ${letter}`,
          );
          assert.equal(real.line, expected.line, `${shape} ${size} ${letter}`);
        }
      }
    });

    test('agrees on a real configuration with one character added or taken away', () => {
      // Without what needs files or a module; with a last line at which nginx stops before it opens anything.
      const harmless = /^ *(?:load_module|pid|error_log|include|ssl_certificate)/;
      const text = legitConfig
        .replace(/\}\n\nstream [^]*/, '    last;\n}\n')
        .split('\n')
        .filter((line) => !harmless.test(line))
        .join('\n');
      assert.equal(oracle.complaint(text).message, 'unknown directive "last"');
      const edit = fc.record({
        at: fc.nat(text.length - 1),
        put: fc.constantFrom('', '{', '}', ';', '"', "'", '\\', '$', '#', ')'),
      });
      fc.assert(
        fc.property(edit, ({ at, put }) => {
          const mutant = text.slice(0, at) + put + text.slice(put === '' ? at + 1 : at);
          const real = oracle.complaint(mutant);
          const [error] = parseConfig(mutant).errors;
          if (
            /^(?:unexpected|too long parameter)/.test(real.message ?? '') &&
            real.message !== 'unexpected "{"'
          ) {
            assert.deepEqual([asOneByte(error?.message ?? ''), error?.line], [real.message, real.line]);
          } else {
            // nginx stopped at a directive it dislikes: what it had read until then must be well formed.
            assert.ok((error?.line ?? Infinity) >= real.line, `${error?.message} before ${real.message}`);
          }
        }),
        { numRuns },
      );
    });
  });
}
