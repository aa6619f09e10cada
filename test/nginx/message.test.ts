import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blamesMachine, parseMessages, refusalsOf } from '../../src/nginx/message.ts';
import { scrub } from '../../src/nginx/scrub.ts';

describe('messages of nginx', () => {
  it('reads standard error and the error log alike', () => {
    const messages = parseMessages(
      [
        'nginx: [emerg] unknown directive "access_logx" in /s/candidate/ab/nginx.conf:6',
        '2026/11/22 17:44:56 [emerg] 6314#6314: bind() to 127.0.0.1:80 failed (98: Address already in use)',
        '2026/11/22 17:44:56 [error] 6314#6314: *17 open() "/x" failed (2: No such file or directory), client: 1.2.3.4',
        'nginx: configuration file /s/nginx.conf test failed',
        '',
      ].join('\n'),
    );
    assert.deepEqual(messages, [
      {
        level: 'emerg',
        text: 'unknown directive "access_logx"',
        pid: null,
        file: '/s/candidate/ab/nginx.conf',
        line: 6,
      },
      {
        level: 'emerg',
        text: 'bind() to 127.0.0.1:80 failed (98: Address already in use)',
        pid: 6314,
        file: null,
        line: null,
      },
      {
        level: 'error',
        text: 'open() "/x" failed (2: No such file or directory), client: 1.2.3.4',
        pid: 6314,
        file: null,
        line: null,
      },
    ]);
  });

  it('counts the warnings that leave somebody unserved, and no others', () => {
    const refusals = refusalsOf(
      parseMessages(
        [
          'nginx: [warn] conflicting server name "a.b" on 127.0.0.1:80, ignored',
          'nginx: [warn] duplicate network "1.2.3.4", value: "b", old value: "a" in /s/nginx.conf:2',
          'nginx: [warn] the "listen ... http2" directive is deprecated, use the "http2" directive instead in /s/n.conf:1',
          'nginx: [warn] could not build optimal variables_hash, you should increase either variables_hash_max_size: 1',
          'nginx: [notice] signal process started',
        ].join('\n'),
      ),
    );
    assert.deepEqual(
      refusals.map((message) => message.text.split(' ')[0]),
      ['conflicting', 'duplicate'],
    );
  });

  it('tells a full disk from a missing file', () => {
    const [full, missing] = parseMessages(
      'nginx: [emerg] write() "/s/run/nginx.pid" failed (28: No space left on device)\n' +
        'nginx: [emerg] open() "/s/x" failed (2: No such file or directory)\n',
    );
    assert.ok(full !== undefined && missing !== undefined);
    assert.equal(blamesMachine(full), true);
    assert.equal(blamesMachine(missing), false);
  });
});

describe('scrub', () => {
  const stateDir = '/var/lib/gateway';

  it('leaves what an owner needs to know', () => {
    assert.equal(
      scrub('unknown directive "proxy_passs" in /var/lib/gateway/candidate/00ff/nginx.conf:12', stateDir),
      'unknown directive "proxy_passs" in nginx.conf:12',
    );
    const hash = 'a'.repeat(64);
    assert.equal(
      scrub(`cannot load certificate "${stateDir}/certificates/${hash}.pem": no start line`, stateDir),
      `cannot load certificate "certificates/${hash}.pem": no start line`,
    );
  });

  const planted = 'hunter2-SuperSecretValue';
  for (const text of [
    `proxy_set_header Authorization "Bearer ${planted}";`,
    `proxy_set_header Authorization "Basic ${planted}";`,
    `set $api_key "${planted}";`,
    `set $password ${planted};`,
    `proxy_set_header X-Token "${planted}";`,
    `proxy_set_header Cookie "session=${planted}";`,
    `proxy_pass http://user:${planted}@backend/;`,
    `-----BEGIN PRIVATE KEY-----${planted}-----END PRIVATE KEY-----`,
    `-----BEGIN RSA PRIVATE KEY----- ${planted}`,
    `invalid parameter "${planted}${'A'.repeat(40)}"`,
  ]) {
    it(`hides the secret of: ${text.slice(0, 40)}`, () => {
      assert.doesNotMatch(scrub(text, stateDir), /hunter2/);
    });
  }

  it('gives one bounded line whatever comes', () => {
    const scrubbed = scrub(
      `a\u0000b\r\nc\u001b[31m\u2028 "${'x y'.repeat(1000)}" ${'word '.repeat(1000)}`,
      stateDir,
    );
    assert.ok(scrubbed.length <= 401);
    assert.doesNotMatch(scrubbed, /[\p{Cc}\p{Zl}]/u);
  });
});
