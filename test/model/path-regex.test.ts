import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePathRegex, parseServerRegex } from '../../src/model/path-regex.ts';
import { refused, token } from '../../src/model/token.ts';

function read(path: string): string {
  const parsed = parsePathRegex(token('path', path));
  return refused(parsed) ? `refused: ${parsed.error}` : parsed.value.regex.text;
}

describe('paths as regexes', () => {
  const good: readonly [string, string][] = [
    ['/', '^/'],
    ['/v1.0', '^/v1.0'],
    ['/something(/|$)(.*)', '^/something(?<path_1>/|$)(?<path_2>.*)'],
    ['/a((b)(?:c))', '^/a(?<path_1>(?<path_2>b)(?:c))'],
    ['/(?<tenant>[a-z]+)/x', '^/(?<path_1>[a-z]+)/x'],
    ['/(?P<host>[a-z]+)/x', '^/(?<path_1>[a-z]+)/x'],
    ['/(?i)case', '^/case'],
    ['/(?!admin)x', '^/(?!admin)x'],
    ['/[()]+\\(', '^/[()]+\\('],
    ['/[]a]', '^/[]a]'],
    ['/a{2,3}', '^/a{2,3}'],
    ['/a{b}', '^/a\\{b}'],
    ['/(a)\\1', '^/(?<path_1>a)\\1'],
    ['/x.*+', '^/x.*+'],
    ['/$x"\\;', '^/$x"\\;'],
  ];
  for (const [path, regex] of good) {
    it(`reads ${path} as ${regex}`, () => {
      assert.equal(read(path), regex);
    });
  }

  const bad: readonly [string, RegExp][] = [
    ['/(', /"\(" is not closed/u],
    ['/)', /"\)" was not opened/u],
    ['/[a', /"\[" is not closed/u],
    ['/a\\', /ends with a "\\"/u],
    ['/a**', /nothing to repeat/u],
    ['/(?{x})', /not supported/u],
    ['/(*UTF8)', /not supported/u],
    ['/(?R)', /not supported/u],
    ['/(?<=a)b', /not supported/u],
    ['/\\Qx', /not supported/u],
    ['/[[:alpha:]]', /names of character classes/u],
    ['/[\\d-z]', /class as its end/u],
    ['/\\2(a)', /there is no group 2/u],
    ['/a{2000}', /repeats more than/u],
    [`/${'(a)'.repeat(31)}`, /more than 30 groups/u],
    [`/${'a'.repeat(1100)}`, /longer than 1024/u],
  ];
  for (const [path, reason] of bad) {
    it(`refuses ${path.slice(0, 30)}`, () => {
      assert.match(read(path), reason);
    });
  }
});

describe('host names as regexes', () => {
  it('names their groups and leaves their anchors alone', () => {
    const parsed = parseServerRegex('^(www|api)\\.x\\.net$');

    assert.ok(!refused(parsed));
    assert.equal(parsed.value.text, '^(?<alias_1>www|api)\\.x\\.net$');
  });

  it('refuses line ends', () => {
    assert.ok(refused(parseServerRegex('a\nb')));
  });
});
