import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { type ConfigChange, watchConfig } from '../../src/config/watch.ts';

const folder = mkdtempSync(join(tmpdir(), 'cng-config-'));
after(() => rm(folder, { recursive: true }));

let made = 0;

interface Watched {
  /** The next change that was not taken yet; fails after ten seconds. */
  next(): Promise<ConfigChange>;
  readonly waiting: readonly ConfigChange[];
}

async function watching(context: TestContext, path: string): Promise<Watched> {
  const running = loadConfig(await readFile(path, 'utf8'), {}, path);
  assert.ok('config' in running);
  const waiting: ConfigChange[] = [];
  const events = new EventEmitter();
  const watcher = watchConfig({
    path,
    environment: {},
    running,
    onChange: (change) => {
      waiting.push(change);
      events.emit('change');
    },
  });
  context.after(() => watcher.close());
  await watcher.ready;

  async function next(): Promise<ConfigChange> {
    if (waiting.length === 0) {
      await once(events, 'change', { signal: AbortSignal.timeout(10_000) });
    }
    const change = waiting.shift();
    assert.ok(change !== undefined);
    return change;
  }

  return { next, waiting };
}

async function newFolder(): Promise<string> {
  made += 1;
  const path = join(folder, String(made));
  await mkdir(path);
  return path;
}

test('log.level takes effect now, other keys at a restart, and going back takes the notice back', async (context) => {
  const path = join(await newFolder(), 'gateway.yaml');
  await writeFile(path, 'log: { level: info }\n');
  const watched = await watching(context, path);

  await writeFile(path, 'log: { level: debug }\nnginx: { http_port: 8000 }\n');
  const first = await watched.next();
  await writeFile(path, 'log: { level: debug, format: text }\nnginx: { http_port: 8000 }\n');
  const second = await watched.next();
  await writeFile(path, 'log: { level: info }\n');
  const third = await watched.next();

  assert.ok(first.kind === 'changed' && second.kind === 'changed' && third.kind === 'changed');
  assert.equal(first.config.log.level, 'debug');
  assert.deepEqual([first.live, first.atRestart], [['log.level'], ['nginx.http_port']]);
  assert.deepEqual([second.live, second.atRestart], [[], ['nginx.http_port', 'log.format']]);
  assert.deepEqual([third.live, third.atRestart], [['log.level'], []]);
});

test('a bad file is reported once with all its errors, and its repair too; the settings stay', async (context) => {
  const path = join(await newFolder(), 'gateway.yaml');
  await writeFile(path, 'log: { level: info }\n');
  const watched = await watching(context, path);

  await writeFile(path, 'log: { level: loud, formt: x }\n');
  const broken = await watched.next();
  await rm(path);
  const gone = await watched.next();
  await writeFile(path, 'log: { level: info }\n');
  const repaired = await watched.next();

  assert.ok(broken.kind === 'failed' && gone.kind === 'failed' && repaired.kind === 'changed');
  assert.equal(broken.error.code, 'CNG_CONFIG_INVALID');
  assert.deepEqual(
    (broken.error.fields['errors'] as string[]).map((line) => line.slice(path.length, path.length + 6)),
    [':1:15:', ':1:21:'],
  );
  assert.equal(gone.error.code, 'CNG_CONFIG_UNREADABLE');
  assert.deepEqual([repaired.live, repaired.atRestart], [[], []]);
  assert.deepEqual(watched.waiting, []);
});

test('a mounted ConfigMap, whose links are swapped, is followed more than once', async (context) => {
  const mount = await newFolder();
  async function publish(version: string, level: string): Promise<void> {
    await mkdir(join(mount, version));
    await writeFile(join(mount, version, 'gateway.yaml'), `log: { level: ${level} }\n`);
    await symlink(version, join(mount, '..data_tmp'));
    await rename(join(mount, '..data_tmp'), join(mount, '..data'));
  }
  await publish('..1', 'info');
  await symlink(join('..data', 'gateway.yaml'), join(mount, 'gateway.yaml'));
  const watched = await watching(context, join(mount, 'gateway.yaml'));

  const levels: string[] = [];
  for (const [version, level] of [
    ['..2', 'debug'],
    ['..3', 'warn'],
    ['..4', 'error'],
  ] as const) {
    await publish(version, level);
    // The kubelet removes the old folder, which must not be taken for the end of the file.
    await rm(join(mount, `..${Number(version.slice(2)) - 1}`), { recursive: true });
    const change = await watched.next();
    assert.ok(change.kind === 'changed', JSON.stringify(change));
    levels.push(change.config.log.level);
  }

  assert.deepEqual(levels, ['debug', 'warn', 'error']);
});

test('an edit that changes no setting is not reported', async (context) => {
  const path = join(await newFolder(), 'gateway.yaml');
  await writeFile(path, 'log: { level: info }\n');
  const watched = await watching(context, path);

  await writeFile(path, '# a comment\nlog:\n  level: info\n');
  // Replaced by rename, as editors do; the report of this one proves that the one before was seen in silence.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await writeFile(`${path}.new`, 'log: { level: warn }\n');
  await rename(`${path}.new`, path);
  const change = await watched.next();

  assert.ok(change.kind === 'changed');
  assert.deepEqual(change.live, ['log.level']);
  assert.deepEqual(watched.waiting, []);
});

test('after close nothing is reported any more', async () => {
  const path = join(await newFolder(), 'gateway.yaml');
  await writeFile(path, '');
  const running = loadConfig('', {}, path);
  assert.ok('config' in running);
  const watcher = watchConfig({ path, environment: {}, running, onChange: () => assert.fail() });
  await watcher.ready;
  await writeFile(path, 'log: { level: debug }\n');

  await watcher.close();
  await watcher.close();

  await new Promise((resolve) => setTimeout(resolve, 200));
});
