import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptyLine, readKey, readLine } from '../../src/traffic/line.ts';
import { line } from './settings.ts';

function read(text: string): ReturnType<typeof emptyLine> | null {
  const bytes = Buffer.from(text);
  const found = emptyLine();
  return readLine(bytes, 0, bytes.length, found) ? found : null;
}

describe('a line of the traffic log', () => {
  it('is numbers in milliseconds and bytes, and a key', () => {
    assert.deepEqual(read(line({})), {
      at: 1_763_856_000_123,
      requestTime: 12,
      connectTime: 1,
      headerTime: 11,
      upstreamTime: 11,
      responseTime: 11,
      requestLength: 300,
      bytesSent: 1500,
      key: '200|GET||- shop web web 80 /',
    });
  });

  it('has the sum of several tries, which ingress-nginx does not observe', () => {
    const tries = read(line({ upstream: '1.000, 0.020 : -' }));
    assert.equal(tries?.upstreamTime, 1020);
    assert.equal(tries?.responseTime, -1);
  });

  it('has no upstream where none was asked', () => {
    for (const upstream of ['-', '']) {
      assert.equal(read(line({ upstream }))?.upstreamTime, -1);
    }
  });

  it('is none where a field is missing or is no number', () => {
    const texts = [
      '',
      '|||||||',
      'x',
      line({ time: '' }),
      line({ time: '1a' }),
      line({}).slice(0, 40),
      '1.000|1.000',
    ];
    for (const text of texts) {
      assert.equal(read(text), null, text);
    }
  });

  it('names a route, and the canary that took the request', () => {
    assert.deepEqual(readKey('503|POST|next web-next http|*.a.example shop web web 80 /a b|c'), {
      host: '*.a.example',
      namespace: 'shop',
      ingress: 'web',
      service: 'web',
      path: '/a b|c',
      canary: 'next',
      canaryUpstream: 'shop-web-next-http',
      method: 'POST',
      status: '503',
    });
    assert.equal(readKey('200|GET||- shop web - - /')?.service, '');
    assert.equal(readKey('404|GET||')?.ingress, '');
  });

  it('has the path as it is in the rule, whatever nginx escapes', () => {
    const bytes = Buffer.from('200|GET||- shop web web 80 /gr\u00fc\u00dfe\\"\\\\d').toString('latin1');
    assert.equal(readKey(bytes)?.path, '/gr\u00fc\u00dfe"\\d');
  });

  it('names no route of its own making', () => {
    const keys = ['20|GET||', '200|BREW||', '200|GET', '200|GET||- shop web', '2000|GET||', '200|GET||\\x'];
    for (const key of keys) {
      assert.equal(readKey(key), null, key);
    }
  });
});
