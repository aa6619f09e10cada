import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realAddress, isWithin } from '../../src/explain/addresses.ts';
import { normalHost } from '../../src/explain/host.ts';
import { bytesOf, textOf } from '../../src/explain/regex.ts';
import { readQuestion, shownHeaders } from '../../src/explain/request.ts';
import { escapedUri, normalUri } from '../../src/explain/uri.ts';
import { token } from '../../src/model/token.ts';

function pathOf(target: string): string {
  const normal = normalUri(bytesOf(target));
  return 'bad' in normal ? 'bad' : `${textOf(normal.uri)}|${textOf(normal.args)}`;
}

describe('a path as nginx reads it', () => {
  for (const [target, read] of [
    ['/', '/|'],
    ['/a?b?c', '/a|b?c'],
    ['//a///b/', '/a/b/|'],
    ['/a/./b/../c', '/a/c|'],
    ['/a/%2e%2e/b', '/b|'],
    ['/a%2f%2Fb', '/a/b|'],
    ['/a/..', '/|'],
    ['/a/.', '/a/|'],
    ['/a/...', '/a/...|'],
    ['/a/.b/..c', '/a/.b/..c|'],
    ['/%25%3f%23', '/%?#|'],
    ['/%C3%A9/é', '/é/é|'],
    ['/a/..?x=/../y', '/|x=/../y'],
    ['/..', 'bad'],
    ['/a/../..', 'bad'],
    ['/%2e%2e/', 'bad'],
    ['/%zz', 'bad'],
    ['/%4', 'bad'],
    ['/%00', 'bad'],
  ] as const) {
    it(`${target} is ${read}`, () => {
      assert.equal(pathOf(target), read);
    });
  }

  it('escapes what nginx escapes', () => {
    assert.equal(escapedUri(bytesOf('/a b%?#é+&"')), '/a%20b%25%3F%23%C3%A9+&"');
  });
});

/** Header, what nginx 1.22.1 made of it, and what 1.30.6 did; null is 400. Measured. */
const hosts: readonly (readonly [string, string | null, string | null])[] = [
  ['Shop.Test.', 'shop.test', 'shop.test'],
  ['a:', 'a', 'a'],
  ['a.:80', 'a', 'a'],
  ['a:65535', 'a', 'a'],
  ['a:65536', 'a', null],
  ['a:8x', 'a', null],
  ['a@b', 'a@b', null],
  ['a%41b', 'a%41b', 'a%41b'],
  ['[::1]:80', '[::1]', '[::1]'],
  ['[::1]x', '[::1]', null],
  ['[::1', '[::1', null],
  ['[zz]', '[zz]', '[zz]'],
  ['a..b', null, null],
  ['.', null, null],
  [':80', null, null],
  ['', null, null],
  ['a/b', null, null],
];

describe('a Host as nginx reads it', () => {
  for (const [header, older, newer] of hosts) {
    it(`${JSON.stringify(header)} is ${older} to 1.22 and ${newer} to 1.30`, () => {
      for (const [version, read] of [
        ['1.22.1', older],
        ['1.30.6', newer],
      ] as const) {
        const found = normalHost(header, version);
        assert.equal('host' in found ? found.host : null, read, version);
      }
      const between = normalHost(header, '1.27.3');
      assert.equal('unknown' in between, older !== newer);
    });
  }
});

describe('what is asked', () => {
  it('is refused with what to write instead', () => {
    for (const [question, said] of [
      [{ url: 'shop.test' }, /is no URL: write/u],
      [{ url: 'ftp://shop.test/' }, /is no URL/u],
      [{ url: 'http://u:p@shop.test/' }, /leave them out/u],
      [{ url: 'http://shop test/' }, /is no host/u],
      [{ url: 'http://shop.test:0/' }, /is no host/u],
      [{ url: 'http://shop.test:99999/' }, /is no host/u],
      [{ url: 'http://shop.test/a b' }, /write it as %/u],
      [{ url: `http://shop.test/${'a'.repeat(8000)}` }, /longer than 8000/u],
      [{ url: 'http://a/', method: 'get' }, /is no method/u],
      [{ url: 'http://a/', headers: ['x'] }, /"Name: value"/u],
      [{ url: 'http://a/', headers: ['X: a\r\nY: b'] }, /control character/u],
      [{ url: 'http://a/', headers: ['Host: a', 'host: b'] }, /given twice/u],
      [{ url: 'http://a/', headers: Array.from({ length: 101 }, () => 'X: y') }, /more than 100/u],
      [{ url: 'http://a/', client: 'here' }, /is no IP address/u],
    ] as const) {
      const read = readQuestion(question);
      assert.ok('error' in read, JSON.stringify(question).slice(0, 80));
      assert.match(read.error, said);
    }
  });

  it('never shows credentials', () => {
    const headers = [
      { name: 'authorization', value: 'Basic c2VjcmV0' },
      { name: 'Cookie', value: 'session=secret' },
      { name: 'X-Api-Key', value: 'secret' },
      { name: 'X-Auth-Token', value: 'secret' },
      { name: 'Accept', value: '*/*' },
    ];
    const shown = shownHeaders(headers);
    assert.doesNotMatch(JSON.stringify(shown), /c2VjcmV0|=secret|"secret"/u);
    assert.equal(shown[4]?.value, '*/*');
  });
});

describe('addresses', () => {
  const list = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'].map((text) => token('cidr', text));

  it('are looked for in networks of both families', () => {
    assert.equal(isWithin('10.1.2.3', list), true);
    assert.equal(isWithin('192.0.2.7', list), true);
    assert.equal(isWithin('2001:db8::1', list), true);
    assert.equal(isWithin('192.0.2.8', list), false);
    assert.equal(isWithin(null, list), null);
    assert.equal(isWithin(null, []), false);
    assert.equal(
      isWithin(
        null,
        ['0.0.0.0/1', '128.0.0.0/1'].map((text) => token('cidr', text)),
      ),
      true,
    );
  });

  it('come from the last proxy that is not trusted', () => {
    assert.equal(realAddress('10.0.0.1', '203.0.113.9, 198.51.100.2, 10.9.9.9', list), '198.51.100.2');
    assert.equal(realAddress('198.51.100.9', '203.0.113.9', list), '198.51.100.9');
    assert.equal(realAddress('10.0.0.1', '', list), '10.0.0.1');
    assert.equal(realAddress('10.0.0.1', 'nonsense', list), '10.0.0.1');
    assert.equal(realAddress(null, '203.0.113.9', list), null);
  });
});
