import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactText } from '../../src/model/redact.ts';
import { shown } from '../../src/model/token.ts';

const password = 'Tr0ub4dor';

test('credentials in URLs are hidden, variables of nginx are not', () => {
  for (const url of [
    `http://user:${password}@host/`,
    `https://:${password}@host`,
    `https://${password}@host/`,
    `"ldap://user:${password}$x@host/path?q"`,
  ]) {
    assert.doesNotMatch(redactText(`is ${url}: no`), /Tr0ub/u, url);
    assert.match(redactText(url), /\[redacted\]@host/u);
  }
  for (const url of ['http://$host:$port/@x', 'http://host:80/a@b', 'mailto:a@b']) {
    assert.equal(redactText(url), url);
  }
});

test('a value is shown without its credentials, however long they are', () => {
  assert.equal(shown(`http://u:${password}@h`), '"http://[redacted]@h"');
  assert.doesNotMatch(shown(`http://${'u'.repeat(70)}:${password.repeat(10)}@h`), /Tr0ub/u);
  assert.match(shown(`${'x'.repeat(60)} http://u:${password}@h`), /^"x{60} http/u);
  assert.doesNotMatch(shown(`${'x'.repeat(60)} http://u:${password}@h`), /Tr0ub/u);
});
