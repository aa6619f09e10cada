import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scrub } from '../../src/nginx/scrub.ts';

describe('what nginx said, as it is shown', () => {
  const cases: readonly [string, string][] = [
    // Names of folders are no keys, however long a path is.
    [
      'dlopen() "/opt/gateway/nginx-current/usr/lib/nginx/modules/ngx_stream_module.so" failed',
      'dlopen() "/opt/gateway/nginx-current/usr/lib/nginx/modules/ngx_stream_module.so" failed',
    ],
    [
      'cannot load "certificates/0123456789abcdef0123456789abcdef0123456789abcdef.pem"',
      'cannot load "certificates/0123456789abcdef0123456789abcdef0123456789abcdef.pem"',
    ],
    ['open() "/state/nginx.conf" failed', 'open() "nginx.conf" failed'],
    // What looks like a key is, with slashes too.
    ['x Zm9vYmFy/c29tZXRoaW5nIHNlY3JldA/aGVyZSBpdCBpcw y', 'x [redacted] y'],
    ['x 0123456789abcdef0123456789abcdef01234567 y', 'x [redacted] y'],
    ['x /0123456789abcdef0123456789abcdef01234567/a/b y', 'x [redacted] y'],
    ['proxy_set_header Authorization "Basic Zm9vOmJhcg==";', 'proxy_set_header Authorization [redacted];'],
    ['http://joe:secret@host/', 'http://[redacted]@host/'],
  ];
  for (const [said, shown] of cases) {
    it(`is ${shown.slice(0, 60)}`, () => {
      assert.equal(scrub(said, '/state'), shown);
    });
  }
});
