import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configInvalid, readConfigFile } from '../../src/config/read-file.ts';
import { exitCodeOf, isGatewayError } from '../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'cng-config-'));
after(() => rm(folder, { recursive: true }));

test('a file is read, a byte order mark is not part of it, and no file means defaults', async () => {
  const path = join(folder, 'good.yaml');
  await writeFile(path, '\uFEFFlog: { level: debug }\r\n');

  const result = await readConfigFile(path, {});
  const none = await readConfigFile(null, { CNG_LOG_LEVEL: 'warn' });

  assert.ok('config' in result && 'config' in none);
  assert.equal(result.config.log.level, 'debug');
  assert.equal(none.config.log.level, 'warn');
});

test('a file that is missing, a folder or not UTF-8 is unreadable, with the reason', async () => {
  const latin = join(folder, 'latin1.yaml');
  await writeFile(latin, Buffer.from('log: { file_path: "/tmp/\u00e4" }', 'latin1'));
  for (const [path, reason] of [
    [join(folder, 'none.yaml'), /ENOENT/u],
    [folder, /EISDIR/u],
    [latin, /utf-8/u],
  ] as const) {
    await assert.rejects(readConfigFile(path, {}), (error) => {
      assert.ok(isGatewayError(error, 'CNG_CONFIG_UNREADABLE'));
      assert.match(error.message, reason);
      assert.ok(error.message.includes(path));
      assert.equal(exitCodeOf(error), 78);
      return true;
    });
  }
});

test('all errors become one, which still has each of them', async () => {
  const path = join(folder, 'bad.yaml');
  await writeFile(path, 'log: { level: loud }\nnginx: { port: 1 }\n');

  const result = await readConfigFile(path, {});
  assert.ok('errors' in result);
  const error = configInvalid(path, result.errors);

  assert.match(error.message, /bad\.yaml has 2 errors, the first: .*bad\.yaml:1:15: log\.level: "loud"/u);
  assert.equal((error.fields['errors'] as string[]).length, 2);
  const alone = configInvalid(path, result.errors.slice(0, 1));
  assert.match(alone.message, /bad\.yaml has 1 error: .*bad\.yaml:1:15: log\.level: "loud"/u);
});
