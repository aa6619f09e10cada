import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGatewayError } from '../../src/errors.ts';
import { token } from '../../src/model/token.ts';
import { compileTemplates } from '../../src/render/templates.ts';

function compile(text: string, partials: Readonly<Record<string, string>> = {}) {
  return compileTemplates(
    Object.entries({ 'nginx.conf': text, ...partials }).map(([name, source]) => ({
      name,
      from: `${name}.hbs`,
      text: source,
    })),
  );
}

/** Compiles and renders with an empty view, and returns the error. */
function failure(text: string, partials: Readonly<Record<string, string>> = {}, view: object = {}): string {
  try {
    compile(text, partials).render(view);
  } catch (error) {
    assert.ok(isGatewayError(error), String(error));
    return `${error.code} ${error.message}`;
  }
  return 'no failure';
}

describe('compileTemplates', () => {
  it('prints tokens through the encoder of their place', () => {
    const templates = compile('location {{literal path}} { return 200 {{body}}; }');

    const text = templates.render({ path: token('path', '/a b'), body: token('text', 'say "hi" for $5') });

    assert.equal(text, 'location "/a b" { return 200 "say \\"hi\\" for ${literal_dollar}5"; }');
  });

  it('prints nothing else', () => {
    const view = { name: 'x; }', object: { a: 1 }, list: [] };

    for (const expression of ['name', 'object', 'list', 'literal name', 'regex name', 'comment name']) {
      assert.match(
        failure(`return {{${expression}}};`, {}, view),
        /^CNG_RENDER_UNENCODED_VALUE .*nginx\.conf/u,
      );
    }
  });

  it('never shows the value that it refused', () => {
    assert.doesNotMatch(failure('{{secret}}', {}, { secret: 'hunter2' }), /hunter2/u);
  });

  const broken: readonly [string, string, RegExp][] = [
    [
      'a template that prints itself',
      'a\n{{> nginx.conf}}',
      /line 2: .*prints itself.*nginx\.conf > nginx\.conf/u,
    ],
    ['a way out of a template', 'a\n{{../x}}', /line 2: "\.\.\/x" leads out/u],
    ['a way out of a block', '{{#each x}}{{../../y}}{{/each}}', /line 1: "\.\.\/\.\.\/y" leads out/u],
    ['a way out of else', '{{#each x}}{{else}}{{../y}}{{/each}}', /"\.\.\/y" leads out/u],
    ['a syntax error', 'a\nb {{#if x}}\n', /line 3/u],
    ['three braces', 'a\n{{{x}}}', /line 2.*without an encoder/u],
    ['an ampersand', 'a\n\n{{&x}}', /line 3.*without an encoder/u],
    ['an unknown helper', '{{shout x}}', /line 1.*unknown helper "shout"/u],
    ['an unknown block', '{{#shout x}}{{/shout}}', /unknown block "shout"/u],
    ['an unknown helper in parentheses', '{{literal (shout x)}}', /unknown helper "shout"/u],
    ['a decorator', '{{* x}}', /decorators/u],
    ['an inline partial', '{{#*inline "x"}}{{/inline}}', /inline partials/u],
    ['a missing partial', '{{> nowhere}}', /nowhere/u],
    ['a missing field', '\n{{nowhere}}', /line 2.*nowhere/u],
  ];
  for (const [what, text, message] of broken) {
    it(`refuses ${what} with file and line`, () => {
      const error = failure(text);

      assert.match(error, /^CNG_TEMPLATE_BROKEN .*nginx\.conf\.hbs/u);
      assert.match(error, message);
    });
  }

  it('names the partial that fails, not the one that uses it', () => {
    assert.match(failure('{{> inner}}', { inner: 'a\n{{missing}}' }), /inner\.hbs.*line 2/u);
  });

  it('gives no way to prototypes', () => {
    for (const path of ['constructor', '__proto__', 'a.constructor', 'a.__proto__.polluted']) {
      assert.match(failure(`{{literal ${path}}}`, {}, { a: {} }), /^CNG_/u);
    }
  });

  it('demands the template that everything starts from', () => {
    assert.throws(() => compileTemplates([]), /nginx\.conf/u);
  });

  it('keeps what a server rendered as long as it is the same object', () => {
    let reads = 0;
    const server = {
      get port() {
        reads += 1;
        return 80;
      },
    };
    const templates = compile('{{#each servers}}{{> server}}{{/each}}', { server: 'listen {{port}};' });

    assert.equal(templates.render({ servers: [server] }), 'listen 80;');
    const first = reads;
    assert.equal(templates.render({ servers: [server, { port: 81 }] }), 'listen 80;listen 81;');

    assert.equal(reads, first);
  });

  it('leaves nothing behind for another set', () => {
    compile('{{> extra}}', { extra: 'x' });

    assert.match(failure('{{> extra}}'), /extra/u);
  });
});
