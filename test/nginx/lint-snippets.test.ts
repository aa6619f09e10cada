import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../../src/nginx/grammar.ts';
import { lintDirectives, type SnippetContext, type SnippetOptions } from '../../src/nginx/lint-snippets.ts';
import { hostileLines } from './lint-hostile.ts';

function rulesOf(text: string, context: SnippetContext, options: SnippetOptions = {}): string[] {
  const { directives, errors } = parseConfig(text);
  assert.deepEqual(errors, []);
  return lintDirectives(directives, context, 'snippet', options).map(({ rule }) => rule);
}

test('harmless directives may stand in the block they are for', () => {
  const location = `
    add_header X-Frame-Options DENY always;
    if ($request_method = POST) { return 405; }
    limit_except GET { deny all; }
    proxy_read_timeout 5s;
    gzip off; access_log off;`;
  assert.deepEqual(rulesOf(location, 'location'), []);
  assert.deepEqual(
    rulesOf('client_header_timeout 5s; location = /robots.txt { return 200 ""; }', 'server'),
    [],
  );
  assert.deepEqual(rulesOf('map $host $x { default 1; root 2; } log_format a "$x";', 'http'), []);
  assert.deepEqual(rulesOf('return 403;', 'if'), []);
});

describe('anything else is refused, wherever it stands', () => {
  const cases: [context: SnippetContext, text: string][] = [
    ['location', 'proxy_pass http://10.0.0.1;'],
    ['location', 'proxy_set_header X-Real-IP 1.2.3.4;'],
    ['location', 'satisfy any;'],
    ['location', 'allow all;'],
    ['location', 'auth_request off;'],
    ['location', 'auth_basic off;'],
    ['location', 'error_page 401 =200 /open;'],
    ['location', 'resolver 198.51.100.1;'],
    ['location', 'location /x { return 200; }'],
    ['location', 'if ($a) { proxy_pass http://10.0.0.1; }'],
    ['location', 'limit_except GET { proxy_pass http://10.0.0.1; }'],
    ['server', 'listen 81;'],
    ['server', 'server_name evil.example.com;'],
    ['server', 'ssl_verify_client off;'],
    ['server', 'location /x { proxy_pass http://10.0.0.1; }'],
    ['server', 'client_header_timeout 5s; location /x { map $a $b { c d; } }'],
    ['http', 'server { listen 80; }'],
    ['http', 'upstream u { server 10.0.0.1; }'],
    ['http', 'add_header X 1; location / { return 200; }'],
    ['if', 'proxy_read_timeout 5s;'],
  ];
  for (const [context, text] of cases) {
    test(`${context}: ${text}`, () => {
      assert.ok(rulesOf(text, context).includes('snippet-directive'));
    });
  }
});

test('every hostile line is refused in a snippet too', () => {
  for (const context of ['http', 'server', 'location'] as const) {
    for (const [line] of hostileLines[context] ?? []) {
      const { directives } = parseConfig(line);
      assert.notDeepEqual(lintDirectives(directives, context, 'snippet'), [], line);
    }
  }
});

test('a variable of the gateway cannot be set again', () => {
  const options = { reservedVariables: ['external_host'] };
  assert.deepEqual(rulesOf('set $external_host evil; set $mine 1;', 'location', options), [
    'snippet-variable',
  ]);
  assert.deepEqual(rulesOf('if ($a) { set ${external_host} evil; }', 'location', options), [
    'snippet-variable',
  ]);
});

test('the operator can allow more by name; a template only has to pass the rules', () => {
  assert.deepEqual(
    rulesOf('proxy_pass http://10.0.0.1;', 'location', { allowedDirectives: ['proxy_pass'] }),
    [],
  );
  const { directives } = parseConfig('proxy_pass http://10.0.0.1; root /;');
  assert.deepEqual(
    lintDirectives(directives, 'location', 'template').map(({ rule }) => rule),
    ['document-root'],
  );
});
