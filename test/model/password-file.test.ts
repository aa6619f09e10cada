import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { passwordFileOf, readPasswordFile } from '../../src/model/password-file.ts';
import { SecretValue } from '../../src/model/secret-value.ts';

const apr1 = '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/';

describe('password files', () => {
  it('keep the lines that nginx can compare, with plain line ends', () => {
    const { content, problems } = readPasswordFile(
      `# users\r\none:${apr1}\r\n\r\ntwo:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=:a comment\nthree:{PLAIN}a b`,
    );

    assert.equal(
      content?.reveal(),
      `one:${apr1}\ntwo:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=:a comment\nthree:{PLAIN}a b\n`,
    );
    assert.deepEqual(problems, []);
  });

  const bad: readonly [string, RegExp][] = [
    ['nobody', /^line 1 does not begin with a user and ":"/u],
    [`:${apr1}`, /^line 1 does not begin with a user/u],
    ['u7:', /no password hash/u],
    ['u7:{PLAIN}', /no password hash/u],
    ['u7:secret', /no password hash/u],
    [`u7::${apr1}`, /no password hash/u],
    ['u7:{MD5}5en6G6MezRroT3XKqkdPOmY/BfQ=', /no password hash/u],
    ['u7:$apr1$', /no password hash/u],
    [`u7:${apr1}\0`, /control character/u],
    [`${'x'.repeat(2000)}:${apr1}`, /more than 1000 characters/u],
  ];
  for (const [line, problem] of bad) {
    it(`leave out ${JSON.stringify(line.slice(0, 30))}`, () => {
      const { content, problems } = readPasswordFile(line);

      assert.equal(content, null);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', problem);
      assert.doesNotMatch(problems[0] ?? '', /secret|u7|apr1/u);
    });
  }

  for (const text of ['', '\n\n', '# nobody\n', ' \r\n']) {
    it(`are empty where there is nobody: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(readPasswordFile(text), { content: null, problems: [] });
    });
  }

  it('take users from a map in one order, and leave out what is no hash', () => {
    const { content, problems } = passwordFileOf({
      zoe: new SecretValue(`${apr1}\n`),
      adam: new SecretValue(apr1),
      eve: new SecretValue(`${apr1}\nmallory:${apr1}`),
    });

    assert.equal(content?.reveal(), `adam:${apr1}\nzoe:${apr1}\n`);
    assert.equal(problems.length, 1);
  });
});
