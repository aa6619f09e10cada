import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, overlap, parseAddress } from '../../src/config/address.ts';

test('addresses are read and print as they were written', () => {
  for (const [text, host, port] of [
    [':8080', '', 8080],
    ['127.0.0.1:8081', '127.0.0.1', 8081],
    ['[::1]:80', '::1', 80],
    ['[fe80::1]:0', 'fe80::1', 0],
    ['localhost:65535', 'localhost', 65535],
    ['gateway.example.com:1', 'gateway.example.com', 1],
  ] as const) {
    const address = parseAddress(text);

    assert.deepEqual(address, { host, port });
    assert.equal(address === null ? '' : formatAddress(address), text);
  }
});

test('what is no address is refused', () => {
  const wrong = [
    '',
    ':',
    '8080',
    ':65536',
    ':999999',
    ': 80',
    ' :80',
    ':80 ',
    ':8a',
    ':-1',
    'a b:80',
    '*:80',
    'a_b:80',
    '::1:80',
    '[::1]',
    '[::1]80',
    '[127.0.0.1]:80',
    '[]:80',
    '[a]:80',
    '1.2.3.4.5:80',
    '256.1.1.1:80',
    '1:80',
    'http://a:80',
    '-a:80',
    'a-:80',
    'a..b:80',
    `${'a'.repeat(64)}:80`,
    'a:80\n',
    'a\n:80',
  ];
  for (const text of wrong) {
    assert.equal(parseAddress(text), null, JSON.stringify(text));
  }
});

test('listeners are in each other\u2019s way on the same port of the same or of all addresses', () => {
  for (const [one, other, expected] of [
    [':80', ':80', true],
    [':80', '127.0.0.1:80', true],
    ['0.0.0.0:80', '10.0.0.1:80', true],
    ['[::]:80', '10.0.0.1:80', true],
    ['localhost:80', '127.0.0.1:80', true],
    ['localhost:80', '[::1]:80', true],
    ['LOCALHOST:80', 'localhost:80', true],
    ['127.0.0.1:80', '[::1]:80', false],
    ['127.0.0.1:80', '10.0.0.1:80', false],
    [':80', ':81', false],
    [':0', ':0', false],
  ] as const) {
    const [a, b] = [parseAddress(one), parseAddress(other)];
    assert.ok(a !== null && b !== null);

    assert.equal(overlap(a, b), expected, `${one} ${other}`);
    assert.equal(overlap(b, a), expected, `${other} ${one}`);
  }
});
