import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { token } from '../../src/model/token.ts';
import { readOptions } from '../../src/options/read-options.ts';
import { isWithoutAuth, tellWithAuth } from '../../src/plugins/no-auth.ts';

const { options } = readOptions({ 'no-auth-locations': '/.well-known/acme-challenge,/open/' }, {});

/** Path of a rule, whether it needs no login, whether it is told that it does. */
const cases: readonly [string, boolean, boolean][] = [
  ['/.well-known/acme-challenge', true, false],
  ['/.well-known/acme-challenge/', true, false],
  ['/.well-known/acme-challenge/token-1_x.y', true, false],
  ['/.well-known/acme-challenge-x', false, false],
  ['/open/x', true, false],
  ['/open', false, false],
  ['/', false, false],
  ['/.well-known/acme-challenge/(.*)', false, true],
  ['/.well-known/acme-challenge/x|/admin', false, true],
  ['/open/.*', false, true],
  ['/open/?', false, true],
  ['/open/[a]', false, true],
  ['/open/\\d', false, true],
  ['/open/x{0}', false, true],
];

describe('paths without a login', () => {
  for (const [text, isOpen, isTold] of cases) {
    it(`${isOpen ? 'are' : 'are not'} those of ${text}`, () => {
      const path = token('path', text);

      assert.equal(isWithoutAuth(path, options), isOpen);
      assert.equal(tellWithAuth(path, options, 'f').length, isTold ? 1 : 0);
    });
  }
});
