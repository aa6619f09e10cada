import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  createLinter,
  lint,
  lintFragment,
  lintOptionsForState,
  type Violation,
} from '../../src/nginx/lint.ts';
import { hostileLines } from './lint-hostile.ts';
import { legitConfig } from './lint-legit.ts';

const options = lintOptionsForState({
  stateDir: '/srv/state',
  mimeTypesPath: '/etc/nginx/mime.types',
  allowedModules: ['/usr/lib/nginx/modules/ngx_stream_module.so'],
  nginxVersion: '1.22.1',
});

/** The last line of the legit configuration that ends with this, counted from 1. */
const anchors: Readonly<Record<string, string>> = {
  main: 'pcre_jit on;',
  http: 'server_tokens off;',
  server: 'server_name shop.example.com ',
  location: 'location = /exact {',
  stream: 'stream {',
};

function insert(context: string, line: string): { text: string; line: number } {
  const lines = legitConfig.split('\n');
  const at = lines.findIndex((candidate) => candidate.trim().startsWith(anchors[context] ?? 'none'));
  assert.notEqual(at, -1, `no anchor for ${context}`);
  lines.splice(at + 1, 0, line);
  return { text: lines.join('\n'), line: at + 2 };
}

function codes(violations: readonly Violation[]): string[] {
  return violations.map(({ rule }) => rule);
}

test('what the built-in templates print passes', () => {
  assert.deepEqual(lint(legitConfig, options), []);
});

test('without options nothing of the machine may be named', () => {
  const found = new Set(codes(lint(legitConfig)));
  for (const rule of ['load-module', 'include', 'read-path', 'write-path', 'log-path', 'unix-socket']) {
    assert.ok(found.has(rule), rule);
  }
});

describe('every hostile line is refused, by its rule, at its line', () => {
  for (const [context, lines] of Object.entries(hostileLines)) {
    for (const [hostile, rule] of lines) {
      test(`${context}: ${JSON.stringify(hostile)}`, () => {
        const { text, line } = insert(context, `    ${hostile}`);
        const found = lint(text, options);
        const hit = found.find((violation) => violation.rule === rule);
        assert.ok(hit, `found only ${JSON.stringify(found)}`);
        assert.ok(hit.line >= line && hit.line <= line + hostile.split('\n').length - 1, `line ${hit.line}`);
        assert.match(hit.message, /^"[^"]+" \S+/);
      });
    }
  }

  test('there are enough of them', () => {
    assert.ok(Object.values(hostileLines).flat().length >= 150);
  });
});

test('a mutation changes nothing: case of quotes, white space, comments and escapes hide no directive', () => {
  const disguise = fc.record({
    quote: fc.constantFrom('', '"', "'"),
    space: fc.constantFrom(' ', '\n', '\t\r\n', ' # ;\n', '  #}\n\n'),
    before: fc.constantFrom('', ';'.replace(';', 'tcp_nodelay on; '), '# x\n', 'gzip on;'),
    context: fc.constantFrom('http', 'server', 'location'),
    directive: fc.constantFrom('include', 'root', 'ssl_engine', 'access_log', 'autoindex', 'js_import'),
  });
  fc.assert(
    fc.property(disguise, ({ quote, space, before, context, directive }) => {
      const hostile = `${before}${quote}${directive}${quote}${space}/proc/self/environ${space};`;
      const found = lint(insert(context, hostile).text, options);
      assert.deepEqual(
        found.map((violation) => violation.directive),
        [directive],
      );
    }),
  );
});

test('names that only look like forbidden ones stand where they are no directives', () => {
  const text = `map $host $root {
    default 0;
    root 1;
    load_module 2;
    ~^alias$ 3;
  }
  server {
    listen 80;
    server_name user env;
    location /include/proc/self { return 200 "load_module /tmp/x.so; include /proc/self/environ;"; }
    # load_module /tmp/x.so;
  }`;
  assert.deepEqual(lintFragment(text, { parent: 'http' }, options), []);
});

describe('patterns of several places', () => {
  function inHttp(text: string): string[] {
    return codes(lint(insert('http', text.replaceAll('\n', ' ')).text, options));
  }

  test('a capture and a variable of a regex map in one string', () => {
    const map =
      'map $host $tier { default 0; ~^a 1; } map $tier $b { default $tier; } map $b $c { default 1; }';
    function location(value: string): string {
      return `server { listen 80; location ~ ^/(.*) { add_header X ${value}; } }`;
    }
    assert.deepEqual(inHttp(`${map} ${location('$1$tier')}`), ['capture-map']);
    assert.deepEqual(inHttp(`${map} ${location('"$b and ${1}"')}`), ['capture-map']);
    assert.deepEqual(inHttp(`${map} ${location('$c$1')}`), ['capture-map']);
    assert.deepEqual(inHttp(`${map} ${location('$tier')} ${location('$1')}`), []);
    assert.deepEqual(inHttp(`${map.replace('~^a', 'a')} ${location('$1$tier')}`), []);
  });

  test('a target that the request chooses through variables in between', () => {
    const map = 'map $http_x $a { default $http_x; b c; } map $host $safe { default backend; }';
    function location(inside: string): string {
      return `server { listen 80; location / { ${inside} } }`;
    }
    assert.deepEqual(inHttp(`${map} ${location('proxy_pass http://$a;')}`), ['open-proxy']);
    assert.deepEqual(inHttp(`${map} ${location('set $b x$a; set $c $b; proxy_pass http://$c;')}`), [
      'open-proxy',
    ]);
    assert.deepEqual(inHttp(`${map} ${location('proxy_pass http://$safe$a;')}`), ['open-proxy']);
    assert.deepEqual(inHttp(`${map} ${location('proxy_pass http://$safe/$a;')}`), []);
  });

  test('large headers kept invalid on their way to HTTP/2 backends', () => {
    const kept = 'server { listen 80; ignore_invalid_headers off; location / { grpc_pass grpc://u; } }';
    assert.deepEqual(inHttp(`server { listen 81; large_client_header_buffers 4 3m; } ${kept}`), [
      'large-headers',
    ]);
    assert.deepEqual(inHttp(`server { listen 81; large_client_header_buffers 4 2m; } ${kept}`), []);
    assert.deepEqual(inHttp(`server { listen 81; large_client_header_buffers 4 3m; }`), []);
  });

  test('rewrites with captures inside captures or a query are refused only where the flaw is', () => {
    const fine = [
      'rewrite ^/((?:a)b)$ /$1;',
      'rewrite ^/(a)(b)$ /$1$2 last;',
      'rewrite ^/((a)b)$ /$host$1;',
      'rewrite ^/\\((a[(]b)\\)$ /$1;',
      'rewrite ^/(?<x>.*) /y?q=$x break; set $z 1;',
      'rewrite ^/(.*) /y?q=$1 break; return 404;',
      'rewrite ^/(.*) /y/$1; set $z $1;',
    ];
    for (const line of fine) {
      assert.deepEqual(inHttp(`server { listen 80; ${line} }`), [], line);
    }
  });

  test('client certificates are safe with tickets and shared sessions off, or a fixed nginx', () => {
    const verify = 'ssl_verify_client on; ssl_client_certificate /srv/state/certificates/ca.pem;';
    const safe = `server { listen 443 ssl; ${verify} ssl_session_cache off; }`;
    assert.deepEqual(inHttp(safe), []);
    assert.deepEqual(inHttp(`server { listen 443 ssl; ${verify} ssl_session_cache shared:own:1m; }`), []);
    assert.deepEqual(
      inHttp(`server { listen 443 ssl default_server; ${verify} ssl_session_cache shared:own:1m; }`),
      ['client-certificate-reuse'],
    );
    const { text } = insert('http', `server { listen 443 ssl; ${verify} }`);
    assert.deepEqual(codes(lint(text, { ...options, nginxVersion: '1.30.4' })), []);
  });

  test('HTTP/3 and OCSP are allowed where nginx has the fixes', () => {
    const { text } = insert('http', 'server { listen 443 quic; ssl_verify_client on; ssl_ocsp on; }');
    assert.deepEqual(codes(lint(text, { ...options, nginxVersion: '1.30.6' })), []);
    assert.deepEqual(codes(lint(text, { ...options, nginxVersion: '1.31.1' })), ['http3']);
    assert.ok(codes(lint(text, { ...options, nginxVersion: 'garbage' })).includes('client-ocsp'));
  });
});

describe('a text that is no configuration', () => {
  test('is refused, with what it has in it', () => {
    const found = lint('events {}\nload_module /tmp/x.so;\nhttp {\n', options);
    assert.deepEqual(
      found.map(({ line, rule }) => [line, rule]),
      [
        [2, 'load-module'],
        [3, 'syntax'],
      ],
    );
  });

  test('may have no control characters, at most one report a line', () => {
    const found = lint('events {}\r\n# a\u0000b\u0007\n# c\rd\n\te 1;\u007f\n', options);
    assert.deepEqual(
      found.map(({ line, rule }) => [line, rule]),
      [
        [2, 'control-character'],
        [3, 'control-character'],
        [4, 'control-character'],
        [5, 'syntax'],
      ],
    );
  });

  test('is not nested without end, and never overflows the stack', () => {
    const deep = `${'location / {'.repeat(50_000)}${'}'.repeat(50_000)}`;
    assert.ok(codes(lint(`http { server { listen 80; ${deep} } }`, options)).includes('nesting'));
    assert.ok(codes(lint(`http { server { listen 80; ${deep}`, options)).includes('nesting'));
  });
});

describe('an unbalanced brace is blamed on the object whose lines do not balance', () => {
  const objects = ['a', 'b', 'c'].map((name) => [
    '    server {',
    `        server_name ${name};`,
    '        location / {',
    '            return 200;',
    '        }',
    '    }',
  ]);

  function build(change: (lines: string[]) => void): {
    text: string;
    ranges: { first: number; last: number; object: string }[];
  } {
    const lines = ['events {}', 'http {'];
    const ranges = objects.map((original, index) => {
      const own = [...original];
      if (index === 1) {
        change(own);
      }
      const first = lines.length + 1;
      lines.push(...own);
      return { first, last: lines.length, object: `Ingress/default/${index}` };
    });
    return { text: [...lines, '}', ''].join('\n'), ranges };
  }

  const changes: [name: string, change: (lines: string[]) => void][] = [
    ['a brace missing', (lines) => lines.splice(4, 1)],
    ['a brace too many', (lines) => lines.splice(4, 0, '        }')],
    ['a block opened in one line', (lines) => lines.splice(3, 0, 'if ($a) {')],
    ['a brace too many without indentation', (lines) => lines.splice(4, 0, '}')],
    ['an open quote', (lines) => lines.splice(3, 1, '            return 200 "ok;')],
  ];
  for (const [name, change] of changes) {
    for (const withMap of [true, false]) {
      test(`${name}, ${withMap ? 'with' : 'without'} a source map`, () => {
        const { text, ranges } = build(change);
        const [first] = lint(text, options, withMap ? { ranges } : undefined);
        const range = ranges[1];
        assert.ok(
          first && range && first.line >= range.first && first.line <= range.last,
          JSON.stringify(first),
        );
        assert.match(first.rule, /^syntax/);
      });
    }
  }

  test('also where another object has the brace that is missing', () => {
    const { text, ranges } = build((lines) => lines.splice(4, 1));
    const found = lint(text.replace('server_name c;', 'server_name c; }'), options, { ranges });
    assert.equal(found[0]?.rule, 'syntax-misplaced');
    assert.ok((found[0]?.line ?? 0) >= (ranges[1]?.first ?? 0));
  });
});

describe('a linter that is used again', () => {
  function text(names: readonly string[]): string {
    const servers = names.map((name) => `server {\n listen 80;\n server_name ${name};\n}\n`);
    return `http {\n${servers.join('')}}\n`;
  }

  test('reads only what changed, and says the same as a fresh one', () => {
    const linter = createLinter(options);
    linter.lint(text(['a', 'b', 'c']));
    assert.equal(linter.reused, 0);
    const changed = text(['a', 'x; root /', 'b', 'c']);
    assert.deepEqual(linter.lint(changed), lint(changed, options));
    assert.equal(linter.reused, 3);
    assert.equal(linter.lint(text(['x; root /'])).length, 1);
    assert.equal(linter.reused, 1);
  });

  test('reads servers again when what http hands down has changed', () => {
    const linter = createLinter(options);
    function secure(tickets: string): string {
      return `http {\n ssl_session_tickets ${tickets};\n server {\n  listen 443 ssl;\n  ssl_verify_client on;\n }\n}\n`;
    }
    assert.deepEqual(codes(linter.lint(secure('off'))), []);
    assert.deepEqual(codes(linter.lint(secure('on'))), ['client-certificate-reuse']);
    assert.equal(linter.reused, 0);
  });

  test('keeps what it knows over a text that does not parse', () => {
    const linter = createLinter(options);
    linter.lint(text(['a', 'b']));
    linter.lint('http {');
    linter.lint(text(['a', 'b']));
    assert.equal(linter.reused, 2);
  });

  test('agrees with a fresh one after any edit', () => {
    const linter = createLinter(options);
    const edit = fc.record({
      at: fc.nat(legitConfig.length - 1),
      put: fc.constantFrom('', '{', '}', ';', '"', '\n', 'root /;', ' include /x; '),
    });
    fc.assert(
      fc.property(edit, ({ at, put }) => {
        const mutant = legitConfig.slice(0, at) + put + legitConfig.slice(put === '' ? at + 1 : at);
        assert.deepEqual(linter.lint(mutant), lint(mutant, options));
      }),
      { numRuns: 300 },
    );
  });
});

test('a refused text starts nothing: linting has no effect on the machine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cng-lint-'));
  const pid = join(folder, 'nginx.pid');
  const text = `load_module ${folder}/evil.so;\npid ${pid};\nevents {}\n`;
  assert.deepEqual(codes(lint(text, options)), ['load-module', 'write-path']);
  assert.equal(existsSync(pid), false);
  rmSync(folder, { recursive: true });
});
