import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { literallyMatched, parsePathRegex } from '../../src/model/path-regex.ts';
import { refused, token } from '../../src/model/token.ts';
import { rankPrefixes, type Ranked } from '../../src/translate/scoped-regexes.ts';
import { startBackend } from '../support/backend.ts';
import { nginxBinaries } from '../support/nginx-binaries.ts';
import { ingress, serviceOn } from '../support/objects.ts';
import { serve, type Served } from '../support/served.ts';
import { endedWithSuite } from '../support/suite.ts';

const none = { exact: null, prefix: null, beforeRegexes: false, regex: null };

function plain(path: string): Ranked {
  const prefix = token('path', path.endsWith('/') ? path : `${path}/`);
  return { path: token('path', path), match: { ...none, prefix } };
}

function regex(path: string): Ranked {
  const parsed = parsePathRegex(token('path', path));
  if (refused(parsed)) {
    throw new TypeError(parsed.error);
  }
  return { path: token('path', path), match: { ...none, regex: parsed.value.regex } };
}

/** Regexes in JavaScript's form; `(?-i)` stands for letter case. */
function fits(text: string, path: string): boolean {
  const cased = text.replace('^(?-i)', '^');
  return new RegExp(cased, cased === text ? 'i' : '').test(path);
}

/** The path of the rule that nginx would take. */
function taken(locations: readonly Ranked[], path: string): string | null {
  const [longest] = locations
    .filter(({ match }) => match.prefix !== null && path.startsWith(match.prefix.text))
    .sort((a, b) => (b.match.prefix?.text.length ?? 0) - (a.match.prefix?.text.length ?? 0));
  if (longest?.match.beforeRegexes === true) {
    return longest.path.text;
  }
  const first = locations.find(({ match }) => match.regex !== null && fits(match.regex.text, path));
  return (first ?? longest)?.path.text ?? null;
}

const segments = ['/a', '/A', '/ab', '/b', '/a/b', '/a.b', '/b/a'];
const patterns = [
  '/.*',
  '/a.*',
  '/a/.*',
  '/(a|b)/.*',
  '/a/b/?.*',
  '/A/b(.*)',
  '/a/b/c|/.*',
  '/a\\.b/.',
  '/a/?b',
  '/[ab]/b',
];
const requestPaths = fc
  .tuple(fc.constantFrom(...segments), fc.constantFrom('', ...segments), fc.constantFrom('', '/', '/c'))
  .map((parts) => parts.join(''));

describe('what a regex matches literally', () => {
  const cases: readonly [string, string][] = [
    ['/', '/'],
    ['/.*', '/'],
    ['/(.*)', '/'],
    ['/admin/(.*)', '/admin/'],
    ['/admin/?(.*)', '/admin'],
    ['/admin/*', '/admin'],
    ['/admin/+x', '/admin/'],
    ['/admin{0,3}', '/admi'],
    ['/admin{2}', '/admin'],
    ['/v1\\.0/x', '/v1.0/x'],
    ['/v\\d', '/v'],
    ['/a|/b', ''],
    ['/a(b|c)', '/a'],
    ['/a[|]b', '/a'],
    ['/a\\|b', '/a|b'],
    ['/(a)b|c', ''],
    ['/x$', '/x'],
  ];
  for (const [path, literal] of cases) {
    it(`is ${JSON.stringify(literal)} of ${path}`, () => {
      assert.equal(literallyMatched(token('path', path)), literal);
    });
  }
});

describe('plain prefixes beside regexes', () => {
  it('lose a request to no regex that names less of its path', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...segments), { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(fc.constantFrom(...patterns), { minLength: 1, maxLength: 4 }),
        requestPaths,
        (prefixes, expressions, path) => {
          const sorted = [...prefixes.map(plain), ...expressions.map(regex), { ...plain('/') }].sort(
            (a, b) => b.path.text.length - a.path.text.length,
          );
          const locations = rankPrefixes(sorted);

          assert.equal(locations.length, sorted.length);
          const winner = taken(locations, path);
          const [owner = '/'] = prefixes
            .filter((prefix) => path.startsWith(`${prefix}/`))
            .sort((a, b) => b.length - a.length);
          if (winner !== owner && owner !== '/') {
            const literal = literallyMatched(token('path', winner ?? ''));
            assert.ok(literal.length > owner.length, `${winner} takes ${path} from ${owner}`);
            assert.ok(literal.toLowerCase().startsWith(`${owner}/`.toLowerCase()));
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

const scoped = { 'cloud-native-gateway.io/regex-scope': 'location' };
const protection = { 'nginx.ingress.kubernetes.io/denylist-source-range': '127.0.0.0/8' };

function rule(
  name: string,
  host: string,
  rules: readonly [path: string, pathType?: string][],
  annotations: Readonly<Record<string, string>> = {},
  service = 'app',
): object {
  const paths = rules.map(([path, pathType = 'Prefix']) => ({ path, pathType, service }));
  return ingress(name, { host: `${host}.example.com`, paths, annotations });
}

function regexRule(name: string, host: string, path: string, service = 'regex'): object {
  const useRegex = { 'nginx.ingress.kubernetes.io/use-regex': 'true' };
  return rule(name, host, [[path, 'ImplementationSpecific']], { ...useRegex, ...scoped }, service);
}

/** Host, path, and who answers: 403 is the protection. */
const requests: readonly [string, string, string | 403 | 404][] = [
  // Everything, beside a protected prefix of somebody else.
  ['all', '/admin', 403],
  ['all', '/admin/', 403],
  ['all', '/admin/users', 403],
  ['all', '/admin%2fusers', 403],
  ['all', '/x/../admin/users', 403],
  ['all', '/exact', 403],
  ['all', '/exact/more', 'regex'],
  ['all', '/administrator', 'regex'],
  ['all', '/', 'regex'],
  // Nested prefixes: the inner one is open.
  ['nested', '/admin/x', 403],
  ['nested', '/admin/public/x', 'app'],
  ['nested', '/admin/publicity', 403],
  ['nested', '/other', 'regex'],
  // A regex that names more of the path has it; what it does not fit stays protected.
  ['more', '/admin/v1/x', 'regex'],
  ['more', '/admin/vx/x', 403],
  ['more', '/admin/x', 403],
  ['more', '/admin', 403],
  ['more', '/x', 'all'],
  // The plain root loses to any.
  ['root', '/v1/x', 'regex'],
  ['root', '/x', 'app'],
  // A long regex that names nothing is no better than a short one.
  ['long', '/admin/x', 403],
  ['long', '/b/x', 'regex'],
  ['either', '/admin/x', 403],
  ['either', '/z', 404],
  // Letter case counts for plain paths alone.
  ['case', '/Admin/x', 'regex'],
  ['case', '/admin/x', 403],
];

for (const binary of nginxBinaries()) {
  describe(`regexes of the scope location on nginx ${binary.version}`, () => {
    const suite = endedWithSuite();
    let served: Served;

    before(async () => {
      const app = await startBackend(suite, 'app');
      const other = await startBackend(suite, 'regex');
      const all = await startBackend(suite, 'all');
      served = await serve(suite, binary, [
        rule('all', 'all', [['/admin'], ['/exact', 'Exact']], protection),
        regexRule('all-regex', 'all', '/(.*)'),
        rule('nested', 'nested', [['/admin']], protection),
        rule('nested-open', 'nested', [['/admin/public']]),
        regexRule('nested-regex', 'nested', '/.*'),
        rule('more', 'more', [['/admin']], protection),
        rule('more-root', 'more', [['/']]),
        regexRule('more-regex', 'more', '/admin/v[0-9]/(.*)'),
        regexRule('more-all', 'more', '/(.*)', 'all'),
        rule('root', 'root', [['/']]),
        regexRule('root-regex', 'root', '/v[0-9]/(.*)'),
        rule('long', 'long', [['/admin']], protection),
        regexRule('long-regex', 'long', '/(?:a|b|c|admin|dmin|min|in|n)/(.*)'),
        rule('either', 'either', [['/admin']], protection),
        regexRule('either-regex', 'either', '/admin/x|/y'),
        rule('case', 'case', [['/admin']], protection),
        regexRule('case-regex', 'case', '/ADMIN(.*)'),
        ...serviceOn('app', [app.port]),
        ...serviceOn('regex', [other.port]),
        ...serviceOn('all', [all.port]),
      ]);
    });

    for (const [host, path, expected] of requests) {
      it(`${host}: ${path} is answered by ${expected}`, async () => {
        const { status, body } = await served.request({ host: `${host}.example.com`, path });

        const answer = status === 200 ? (JSON.parse(body) as { backend: string }).backend : status;
        assert.equal(answer, expected);
      });
    }
  });
}
