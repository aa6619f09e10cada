import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inGeo, parseCidrList } from '../../src/model/cidr-list.ts';
import { refused } from '../../src/model/token.ts';

describe('lists of networks', () => {
  const cases: readonly [string, readonly string[]][] = [
    ['192.0.2.7', ['192.0.2.7']],
    [' 192.0.2.7 ,, 10.0.0.0/8,', ['10.0.0.0/8', '192.0.2.7']],
    ['10.1.2.3/8,10.0.0.0/8', ['10.0.0.0/8']],
    ['192.0.2.7/32,192.0.2.7', ['192.0.2.7']],
    ['255.255.255.255/1', ['128.0.0.0/1']],
    ['1.2.3.4/0', ['0.0.0.0/0']],
    ['::/0', ['::/0']],
    ['2001:DB8:0:0::1/32', ['2001:db8::/32']],
    ['2001:db8:0:0:0:0:0:1,2001:db8::1/128', ['2001:db8::1']],
    ['::ffff:192.0.2.7/120', ['::ffff:c000:200/120']],
    ['fe80::1/10', ['fe80::/10']],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${text}`, () => {
      const parsed = parseCidrList(text);

      assert.deepEqual(refused(parsed) ? parsed.error : parsed.value.map((cidr) => cidr.text), expected);
    });
  }

  for (const text of ['', ',', ' , ', '10.0.0.0/33', '10.0.0', 'localhost', 'fe80::1%eth0', '10.0.0.0/8;']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(refused(parseCidrList(text)), true);
    });
  }

  it('have two halves for all addresses where a geo has its default', () => {
    const parsed = parseCidrList('1.2.3.4/0, ::/0, 10.0.0.0/8, 0.0.0.0/1');

    assert.deepEqual(refused(parsed) ? parsed.error : inGeo(parsed.value).map(({ text }) => text), [
      '0.0.0.0/1',
      '10.0.0.0/8',
      '128.0.0.0/1',
      '8000::/1',
      '::/1',
    ]);
  });

  it('refuses more networks than a location should have', () => {
    const text = Array.from({ length: 2001 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join(',');

    assert.deepEqual(parseCidrList(text), {
      error: 'it names 2001 networks: at most 2000 are allowed',
    });
  });
});
