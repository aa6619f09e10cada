import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Directive, parseConfig } from '../../src/nginx/grammar.ts';

/** `name(arg,arg){…}` for each directive: enough to see the tree at a glance. */
function outline(directives: readonly Directive[]): string {
  return directives
    .map(({ name, args, block }) => {
      const words = args.length > 0 ? `(${args.map((word) => word.text).join(',')})` : '';
      return name.text + words + (block ? `{${outline(block)}}` : ';');
    })
    .join('');
}

function parsed(text: string): string {
  const { directives, errors } = parseConfig(text);
  assert.deepEqual(errors, []);
  return outline(directives);
}

describe('words', () => {
  test('are separated by white space and ended by ";" and "{"', () => {
    assert.equal(parsed('a b\tc\r\nd;e{f;}'), 'a(b,c,d);e{f;}');
  });

  test('keep their quotes in raw and lose them in text', () => {
    const [directive] = parseConfig(`log "two words" 'a;{}#' plain;`).directives;
    assert.deepEqual(directive?.args, [
      { text: 'two words', quoted: 'double', raw: '"two words"' },
      { text: 'a;{}#', quoted: 'single', raw: "'a;{}#'" },
      { text: 'plain', quoted: 'none', raw: 'plain' },
    ]);
  });

  test('resolve the escapes that nginx resolves and keep all other backslashes', () => {
    assert.equal(
      parsed(String.raw`a x\ty "q\"q" 'k\'l' b\\c ^/\d+\. \;\{;`),
      'a(x\ty,q"q,k\'l,b\\c,^/\\d+\\.,\\;\\{);',
    );
  });

  test('may hold quotes and hashes anywhere but at the start', () => {
    assert.equal(parsed('a b"c d"e f#g;'), 'a(b"c,d"e,f#g);');
  });

  test('may hold a brace behind a dollar', () => {
    assert.equal(parsed('set $x ${arg_y}z$${{a};'), 'set($x,${arg_y}z$${{a});');
  });

  test('may have a closing parenthesis right behind their quote', () => {
    assert.equal(parsed('if ($a = "b") { c; }'), 'if(($a,=,b,)){c;}');
  });

  test('may be quoted names: that hides no directive', () => {
    assert.equal(parsed(`"load_module" x; lo\\ad y;`), 'load_module(x);lo\\ad(y);');
  });
});

test('comments end with the line and may stand between words', () => {
  assert.equal(parsed('# {;}"\na # b;\n c; #end'), 'a(c);');
});

test('lines: of the name, of what ends the head, of the end', () => {
  const { directives } = parseConfig('\na\n  b;\nserver\n{\n  c "1\n2";\n}\n');
  assert.deepEqual(
    directives.map(({ line, headLine, endLine }) => [line, headLine, endLine]),
    [
      [2, 3, 3],
      [4, 5, 8],
    ],
  );
  assert.equal(directives[1]?.block?.[0]?.headLine, 7);
});

describe('errors are those of nginx', () => {
  const cases: [text: string, line: number, message: string][] = [
    ['a;\n;', 2, 'unexpected ";"'],
    ['a;\n{', 2, 'unexpected "{"'],
    ['a {\n}\n}', 3, 'unexpected "}"'],
    ['a {\n b }', 2, 'unexpected "}"'],
    ['a "b"c;', 1, 'unexpected "c"'],
    ['a "b"#c\n;', 1, 'unexpected "#"'],
    ['a\nb', 2, 'unexpected end of file, expecting ";" or "}"'],
    ['a "b;\nc', 2, 'unexpected end of file, expecting ";" or "}"'],
    ['a \\', 1, 'unexpected end of file, expecting ";" or "}"'],
    ['a {\n b;\n', 3, 'unexpected end of file, expecting "}"'],
    [`a;\nb "${'x'.repeat(5000)}";`, 2, 'too long parameter, probably missing terminating """ character'],
    [`a;\n\n${'x'.repeat(5000)};`, 3, 'too long parameter "xxxxxxxxxx..." started'],
    [`a;\n# ${'-'.repeat(5000)}\n`, 2, 'too long parameter "# --------..." started'],
  ];
  for (const [text, line, message] of cases) {
    test(JSON.stringify(text.length > 40 ? `${text.slice(0, 20)}…` : text), () => {
      const [error] = parseConfig(text).errors;
      assert.deepEqual([error?.line, error?.message], [line, message]);
    });
  }
});

describe('the line of the mistake is guessed', () => {
  function server(name: string, inside: string): string {
    return `  server {\n    # ${name}\n    location /${name} {\n      ${inside}\n    }\n  }\n`;
  }
  function text(inside: string): string {
    return `http {\n${server('one', 'return 200;')}${server('two', inside)}${server('three', 'return 200;')}}\n`;
  }

  test('a block left open, by the indentation of what follows', () => {
    const { errors } = parseConfig(text('if ($a) {\n        return 200;'));
    assert.deepEqual([errors[0]?.line, errors[0]?.suspectLine], [22, 11]);
  });

  test('a brace too many, by its own indentation', () => {
    const { errors } = parseConfig(text('return 200;\n      }'));
    assert.deepEqual([errors[0]?.line, errors[0]?.suspectLine], [21, 12]);
  });

  test('a block left open, by a block that cannot stand in it, where nothing is indented', () => {
    const { errors } = parseConfig(
      'http {\nserver {\nlocation / {\nreturn 200;\n}\nserver {\nlisten 1;\n}\n}\n',
    );
    assert.deepEqual([errors[0]?.line, errors[0]?.suspectLine], [10, 2]);
  });

  test('a brace too many, by a block that came to stand outside', () => {
    const { errors } = parseConfig('http {\nserver {\nlisten 1;\n}\n}\nserver {\nlisten 1;\n}\n}\n');
    assert.deepEqual([errors[0]?.line, errors[0]?.suspectLine], [9, 5]);
  });

  test('a quote never closed, by the word that goes over a line end', () => {
    const { errors } = parseConfig('a {\n  b "c;\n  d "e";\n}\n');
    assert.deepEqual([errors[0]?.line, errors[0]?.suspectLine], [3, 2]);
  });
});

test('a hundred thousand open blocks neither throw nor recurse', () => {
  assert.equal(parseConfig('a{'.repeat(100_000)).errors[0]?.kind, 'unexpected-end-in-block');
  assert.deepEqual(parseConfig('a{'.repeat(100_000) + '}'.repeat(100_000)).errors, []);
});

test('what is printed from the words of a text parses to the same words', () => {
  const piece = fc.constantFrom(
    ';',
    '{',
    '}',
    '#',
    '"',
    "'",
    '\\',
    '$',
    '${',
    ')',
    ' ',
    '\n',
    'a',
    'b;',
    '\u00e9',
  );
  function print(directives: readonly Directive[]): string {
    return directives
      .map(({ name, args, block }) => {
        const head = [name, ...args].map((word) => word.raw).join(' ');
        return block ? `${head} {\n${print(block)}}\n` : `${head} ;\n`;
      })
      .join('');
  }
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { directives, errors } = parseConfig(pieces.join(''));
      fc.pre(errors.length === 0);
      assert.equal(outline(parseConfig(print(directives)).directives), outline(directives));
    }),
    { numRuns: 2000 },
  );
});
