import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAuthUrl, parseSignInUrl } from '../../src/model/auth-url.ts';
import { requestTextExpression } from '../../src/model/request-text.ts';
import { refused } from '../../src/model/token.ts';

describe('URLs of authentication services', () => {
  const cases: readonly [string, string][] = [
    ['http://auth.example.org', 'http auth.example.org 80 /'],
    ['https://Auth.example.org/', 'https auth.example.org 443 /'],
    ['http://auth.ns.svc.cluster.local:4180/a?b=c', 'http auth.ns.svc.cluster.local 4180 /a?b=c'],
    ['http://auth.example.org?x=1', 'http auth.example.org 80 /?x=1'],
    ['https://$host/oauth2/auth', 'https (own) 443 /oauth2/auth'],
    ['https://$http_host:8443/a', 'https (own) 8443 /a'],
    ['http://a/?u=$http_host$request_uri', 'http a 80 /?u=$best_http_host$request_uri'],
    ['http://a/?u=${request_uri}x', 'http a 80 /?u=${request_uri}x'],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${text}`, () => {
      const parsed = parseAuthUrl(text);

      assert.ok(!refused(parsed), JSON.stringify(parsed));
      const { tls, host, port, rest } = parsed.value;
      const read = `${tls ? 'https' : 'http'} ${host ?? '(own)'} ${port} ${requestTextExpression(rest).text}`;
      assert.equal(read, expected);
    });
  }

  const wrong = [
    '',
    'auth.example.org',
    'ftp://a/',
    'http://',
    'http:///path',
    'http://a..b/',
    'http://user@a/',
    'http://a:b/',
    'http://a:0/',
    'http://a:65536/',
    'http://[::1]/',
    'http://a$host/',
    'http://$arg_x/',
    'http://$http_x_forwarded_host/',
    'http://a/ b',
    'http://a/";',
    'http://a/{x}',
    'http://a/$nothing',
    'http://a/$uri',
    'http://a/?x=$http_x',
    'http://a/?x=$cookie_x',
    'http://a/$1',
    'http://a/\n',
    'http://a/\u2028x',
  ];
  for (const text of wrong) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      // Space around a URL is no part of it.
      assert.equal(refused(parseAuthUrl(text)), text !== 'http://a/\n');
    });
  }
});

describe('URLs of pages to log in', () => {
  for (const text of ['https://$host/in', 'http://a/?rd=$escaped_request_uri', '$scheme://a/in']) {
    it(`can be ${text}`, () => {
      assert.equal(refused(parseSignInUrl(text)), false);
    });
  }

  for (const text of ['/in', '//a/in', 'javascript://a', 'https:///in', 'https://a/$uri', 'https://a/"']) {
    it(`cannot be ${text}`, () => {
      assert.equal(refused(parseSignInUrl(text)), true);
    });
  }

  it('tell which parameters they have', () => {
    const parsed = parseSignInUrl('https://a/?rd=x&b&c=');

    assert.deepEqual(refused(parsed) ? null : parsed.value.parameters, ['rd', 'b', 'c']);
  });
});
