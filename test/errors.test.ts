import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type ErrorDefinition,
  errorTable,
  exitCodeOf,
  gatewayError,
  isGatewayError,
  reasonOf,
} from '../src/errors.ts';
import { SecretValue } from '../src/model/secret-value.ts';

const root = new URL('../', import.meta.url);

test('an error says what happened and carries code, fields, cause, remedy and exit code', () => {
  const cause = new Error('EACCES');

  const error = gatewayError(
    'CNG_STATE_DIR_NOT_WRITABLE',
    { path: '/x', reason: reasonOf(cause), uid: 7 },
    { cause },
  );

  assert.equal(error.message, 'State directory /x cannot be written: EACCES');
  assert.deepEqual([error.code, error.cause, error.exitCode], ['CNG_STATE_DIR_NOT_WRITABLE', cause, 74]);
  assert.deepEqual(error.fields, { path: '/x', reason: 'EACCES', uid: 7 });
  assert.match(error.remedy, /nginx\.state_dir/u);
  assert.ok(isGatewayError(error) && isGatewayError(error, 'CNG_STATE_DIR_NOT_WRITABLE'));
  assert.ok(!isGatewayError(error, 'CNG_USAGE') && !isGatewayError(cause) && !isGatewayError(null));
});

test('the compiler demands the fields of the message', () => {
  // @ts-expect-error `reason` is missing
  const error = gatewayError('CNG_NGINX_NOT_RUNNABLE', { binary: 'nginx' });

  assert.equal(error.message, 'nginx binary nginx cannot be run: unknown');
});

test('a message is one line, bounded, and shows no secret', () => {
  const error = gatewayError('CNG_NGINX_NOT_RUNNABLE', {
    binary: new SecretValue('hunter2'),
    reason: `a\nb\u001b[31m\u2028\u202e{binary}${'x'.repeat(5000)}`,
  });

  assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|hunter2/u);
  assert.match(
    error.message,
    /binary \[redacted\] cannot be run: a\\u000ab\\u001b\[31m\\u2028\\u202e\{binary\}x+…$/u,
  );
  assert.ok(error.message.length < 700);
});

test('odd fields do not break a message', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const reason of [circle, undefined, null, 1n, Symbol('x'), () => 1, { a: 1 }, Object.create(null)]) {
    assert.match(gatewayError('CNG_INTERNAL', { reason }).message, /^Internal error: .+/u);
  }
});

test('anything that is not of the table is a bug', () => {
  assert.equal(exitCodeOf(new Error('x')), 70);
  assert.equal(exitCodeOf('x'), 70);
  assert.equal(exitCodeOf(gatewayError('CNG_USAGE', { reason: 'x' })), 2);
});

test('codes have their form, and every row says what to do', () => {
  for (const [code, { message, when, remedy }] of Object.entries(errorTable)) {
    assert.match(code, /^CNG(?:_[A-Z]+)+$/u);
    assert.match(message, /^\S.*[^.\s]$/u, code);
    assert.match(when, /\.$/u, code);
    assert.match(remedy, /\.$/u, code);
  }
});

test('the table and docs/errors.md name the same codes, with message, remedy and exit code', async () => {
  const text = await readFile(new URL('docs/errors.md', root), 'utf8');
  const [, ...sections] = text.split(/^## /mu);
  const documented = new Map(sections.map((section) => [section.slice(0, section.indexOf('\n')), section]));

  assert.deepEqual([...documented.keys()].sort(), Object.keys(errorTable).sort());
  for (const [code, definition] of Object.entries<ErrorDefinition>(errorTable)) {
    const section = documented.get(code)?.replaceAll('\\', '') ?? '';
    assert.ok(section.includes(`What to do: ${definition.remedy}`), `${code}: run node scripts/docs.ts`);
    assert.ok(section.includes(`When: ${definition.when}`), `${code}: run node scripts/docs.ts`);
    assert.ok(
      section.includes(`ends the program: ${definition.exitCode}\n`),
      `${code}: run node scripts/docs.ts`,
    );
  }
});

test('the generated parts of docs/ are current', () => {
  const script = fileURLToPath(new URL('scripts/docs.ts', root));

  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
    encoding: 'utf8',
    timeout: 60_000,
  });

  assert.equal(status, 0, stderr);
});
