import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasOverlappingCaptures } from '../../src/nginx/regex-groups.ts';
import { advisories, hasFix, isAtLeast, parseVersion, versionFloor } from '../../src/nginx/version.ts';

test('versions are compared by number', () => {
  assert.deepEqual(parseVersion('1.25.5 (nginx-plus-r32)'), [1, 25, 5]);
  assert.equal(parseVersion('1.25'), null);
  assert.ok(isAtLeast('1.30.10', '1.30.9'));
  assert.ok(isAtLeast('1.27.4', '1.27.4'));
  assert.ok(!isAtLeast('1.9.20', '1.10.0'));
  assert.ok(!isAtLeast('garbage', '1.0.0'));
});

test('a fix counts from its version on, in its stable branch too', () => {
  assert.ok(hasFix('1.26.3', advisories.clientCertificateReuse));
  assert.ok(!hasFix('1.27.3', advisories.clientCertificateReuse));
  assert.ok(hasFix('1.30.1', advisories.http3));
  assert.ok(!hasFix('1.31.1', advisories.http3));
  assert.ok(!hasFix(null, advisories.ocsp));
});

describe('version floor', () => {
  for (const version of ['1.22.1', '1.28.3', '1.30.3', '1.31.2', 'unknown']) {
    test(`${version} is warned of`, () => {
      const warning = versionFloor(version);
      assert.equal(warning?.version, version);
      assert.ok(warning.message.includes(version));
    });
  }
  for (const version of ['1.30.4', '1.30.6', '1.31.3', '1.32.0']) {
    test(`${version} is not`, () => {
      assert.equal(versionFloor(version), null);
    });
  }
});

test('captures inside captures are found, whatever stands around them', () => {
  for (const pattern of [
    '((a)b)',
    '(a(?:b(c)))',
    '(?<n>(b))',
    "(?'n'(b))",
    '(?P<n>a(b))',
    '(?=(a))',
    '(?<!(a))b',
    '[)](([(]))',
  ]) {
    assert.ok(hasOverlappingCaptures(pattern), pattern);
  }
  for (const pattern of [
    '(a)(b)',
    '(?:(a)(b))',
    '\\((a)',
    '[(](a)',
    '[]()](a)',
    '(?#((x)(a)',
    '\\Q((\\E(a)',
    '(a',
    '[[:(:]((a)',
    '',
  ]) {
    assert.ok(!hasOverlappingCaptures(pattern), pattern);
  }
});
