import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatProblem, type ManifestProblem } from '../../../src/cluster/manifests/problem.ts';
import { createManifestSource, type ManifestSource } from '../../../src/cluster/manifests/source.ts';
import { createStore, type Store } from '../../../src/cluster/store.ts';
import { put, service, temporaryFolder, until } from './folder.ts';

interface Setup {
  readonly store: Store;
  readonly source: ManifestSource;
  /** Each list of problems that was handed out. */
  readonly told: (readonly ManifestProblem[])[];
  /** Each message that was logged, with the file it is about. */
  readonly logged: string[];
  /** Services with their port, sorted: `a=1 b=2`. */
  readonly now: () => string;
  /** Every different state of the Services since the start. */
  readonly states: string[];
}

async function startOn(t: TestContext, paths: readonly string[]): Promise<Setup> {
  const store = createStore();
  const told: (readonly ManifestProblem[])[] = [];
  const logged: string[] = [];
  function log(message: string, fields: object): void {
    logged.push(`${message} ${'file' in fields ? String(fields.file) : ''}`);
  }
  const source = createManifestSource({
    paths,
    store,
    log: { debug: log, info: log, warn: log },
    onProblems: (problems) => told.push(problems),
  });
  t.after(() => source.stop());
  function now(): string {
    const services = [...store.snapshot().services.values()];
    return services
      .map(({ meta, ports }) => `${meta.name}=${ports[0]?.port}`)
      .sort()
      .join(' ');
  }
  const states: string[] = [];
  store.onDirty(() => {
    states.push(now());
  });
  await source.start();
  return { store, source, told, logged, now, states };
}

test('start resolves with everything in the store, as one change', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  put(folder, 'sub/b.yaml', service('b', 2));
  const { store, now, source } = await startOn(t, [folder]);
  assert.equal(now(), 'a=1 b=2');
  assert.equal(store.version, 1);
  assert.deepEqual(source.locate({ kind: 'Service', namespace: 'default', name: 'b' }), {
    file: join(folder, 'sub/b.yaml'),
    line: 1,
  });
});

test('files and folders come, change and go', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  const { now, source } = await startOn(t, [folder]);
  put(folder, 'a.yaml', service('a', 2));
  await until('changed', () => now() === 'a=2');
  put(folder, 'b.yaml', service('b', 1));
  await until('added', () => now() === 'a=2 b=1');
  put(folder, 'sub/deep/c.yaml', service('c', 1));
  await until('added in a new folder', () => now() === 'a=2 b=1 c=1');
  put(folder, 'sub/deep/c.yaml', service('c', 2));
  await until('changed in a new folder', () => now() === 'a=2 b=1 c=2');
  unlinkSync(join(folder, 'b.yaml'));
  await until('deleted', () => now() === 'a=2 c=2');
  rmSync(join(folder, 'sub'), { recursive: true });
  await until('folder deleted', () => now() === 'a=2');
  put(folder, 'sub/deep/c.yaml', service('c', 3));
  await until('folder made again', () => now() === 'a=2 c=3');
  assert.deepEqual(source.problems(), []);
});

test('an object that leaves its file goes, one that moves to another file stays', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', `${service('a', 1)}---\n${service('b', 1)}---\n${service('c', 1)}`);
  const { now, states } = await startOn(t, [folder]);
  put(folder, 'b.yaml', service('b', 1));
  put(folder, 'a.yaml', service('a', 1));
  await until('moved', () => now() === 'a=1 b=1');
  assert.ok(states.every((state) => state.includes('b=1')));
});

test('a mounted ConfigMap: the swap of ..data is one change, again and again', async (t) => {
  const folder = temporaryFolder(t);
  let generation = 0;
  function swap(port: number): void {
    generation += 1;
    const data = `..2026_${generation}`;
    for (const name of ['a', 'b', 'c']) {
      put(folder, `${data}/${name}.yaml`, service(name, port));
    }
    symlinkSync(data, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    if (generation > 1) {
      rmSync(join(folder, `..2026_${generation - 1}`), { recursive: true });
    }
  }
  swap(1);
  for (const name of ['a', 'b', 'c']) {
    symlinkSync(`..data/${name}.yaml`, join(folder, `${name}.yaml`));
  }
  const { now, states, source } = await startOn(t, [folder]);
  for (const port of [2, 3, 4, 5]) {
    swap(port);
    await until(`swap ${port}`, () => now() === `a=${port} b=${port} c=${port}`);
  }
  assert.deepEqual(
    states,
    [1, 2, 3, 4, 5].map((port) => `a=${port} b=${port} c=${port}`),
  );
  assert.deepEqual(source.problems(), []);
});

test('a mounted ConfigMap whose file is named outright', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, '..1/a.yaml', service('a', 1));
  put(folder, '..2/a.yaml', service('a', 2));
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/a.yaml', join(folder, 'a.yaml'));
  const { now } = await startOn(t, [join(folder, 'a.yaml')]);
  assert.equal(now(), 'a=1');
  symlinkSync('..2', join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  rmSync(join(folder, '..1'), { recursive: true });
  await until('swapped', () => now() === 'a=2');
});

test('a file that stops parsing keeps its last good content and is reported once, with its place', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', service('a', 1));
  const { now, source, told, logged, states } = await startOn(t, [folder]);
  const broken = `${service('a', 2)}extra: [1\n`;
  put(folder, 'a.yaml', broken);
  await until('reported', () => source.problems().length === 1);
  assert.deepEqual(source.problems().map(formatProblem), [
    `${file}:6:1: is no valid YAML: deficient indentation`,
  ]);
  assert.equal(now(), 'a=1');
  put(folder, 'b.yaml', service('b', 1));
  await until('others go on', () => now() === 'a=1 b=1');
  assert.equal(told.length, 1);
  assert.equal(logged.filter((line) => line === `A manifest has a problem ${file}`).length, 1);
  put(folder, 'a.yaml', service('a', 3));
  await until('mended', () => now() === 'a=3 b=1' && source.problems().length === 0);
  assert.deepEqual(told.at(-1), []);
  assert.ok(logged.includes(`A problem of a manifest is gone ${file}`));
  assert.deepEqual(states, ['a=1', 'a=1 b=1', 'a=3 b=1']);
});

test('one broken document keeps what was in it, the others of the file change', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', `${service('a', 1)}---\n${service('b', 1)}`);
  const { now, source } = await startOn(t, [folder]);
  put(folder, 'a.yaml', `${service('a', 2)}---\nkind: "\n`);
  await until('half read', () => now() === 'a=2 b=1');
  assert.equal(source.problems().length, 1);
  put(folder, 'a.yaml', service('a', 3));
  await until('mended', () => now() === 'a=3');
});

test('a refused object stays in its last form, with a finding that says so', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  const { now, store } = await startOn(t, [folder]);
  put(folder, 'a.yaml', service('a', 2).replace('{name: a}', '{name: a, annotations: {x: true}}'));
  await until('found', () => store.snapshot().findings.length > 0);
  assert.equal(now(), 'a=1');
  assert.deepEqual(
    store.snapshot().findings.map(({ state, reason }) => [state, reason.field]),
    [
      ['rejected', 'metadata.annotations.x'],
      ['rejected', ''],
    ],
  );
  put(folder, 'a.yaml', service('a', 3));
  await until('mended', () => now() === 'a=3' && store.snapshot().findings.length === 0);
});

test('a writer that truncates first, writes in pieces or renames never drops anything', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', `${service('a', 1)}---\n${service('b', 1)}`);
  const { now, states, told } = await startOn(t, [folder]);
  truncateSync(file, 0);
  await sleep(100);
  const text = `${service('a', 2)}---\n${service('b', 2)}`;
  writeFileSync(file, text.slice(0, text.lastIndexOf('2')));
  await sleep(100);
  appendFileSync(file, text.slice(text.lastIndexOf('2')));
  await until('written in pieces', () => now() === 'a=2 b=2');
  renameSync(file, `${file}~`);
  await sleep(100);
  put(folder, 'a.yaml', text.replaceAll('port: 2', 'port: 3'));
  await until('written anew', () => now() === 'a=3 b=3');
  put(folder, '.a.yaml.swp', text.replaceAll('port: 2', 'port: 4'));
  renameSync(join(folder, '.a.yaml.swp'), file);
  await until('renamed over', () => now() === 'a=4 b=4');
  assert.ok(
    states.every((state) => /^a=\d b=\d$/.test(state)),
    states.join(', '),
  );
  assert.deepEqual(told, []);
});

test('a file that stays empty, or without its last line break, is meant so', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', service('a', 1));
  const { now } = await startOn(t, [folder]);
  writeFileSync(file, service('a', 2).trimEnd());
  await until('without line break', () => now() === 'a=2');
  truncateSync(file, 0);
  await until('empty', () => now() === '');
});

test('a path that does not exist is reported and waited for, and one that is gone wipes nothing', async (t) => {
  const folder = temporaryFolder(t);
  const missing = join(folder, 'later/dir');
  const { now, source } = await startOn(t, [missing]);
  assert.deepEqual(source.problems().map(formatProblem), [
    `${missing}: does not exist (or is a link to nothing); create it or correct the path`,
  ]);
  mkdirSync(missing, { recursive: true });
  put(missing, 'a.yaml', service('a', 1));
  await until('appeared', () => now() === 'a=1' && source.problems().length === 0);
  put(missing, 'a.yaml', service('a', 2));
  await until('followed', () => now() === 'a=2');
  rmSync(join(folder, 'later'), { recursive: true });
  await until('told', () => source.problems().length === 1);
  // Longer than a file has to be gone to count as deleted.
  await sleep(600);
  assert.equal(now(), 'a=2');
  mkdirSync(missing, { recursive: true });
  await until('back, and empty', () => now() === '' && source.problems().length === 0);
});

test('what is there and cannot be looked into keeps what was read from it', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', service('a', 1));
  put(folder, 'sub/b.yaml', service('b', 1));
  const { now, source } = await startOn(t, [folder]);
  // A link to itself fails with ELOOP for every user, root included.
  unlinkSync(file);
  symlinkSync('a.yaml', file);
  rmSync(join(folder, 'sub'), { recursive: true });
  symlinkSync('sub', join(folder, 'sub'));
  await until('reported', () => source.problems().length === 2);
  assert.match(source.problems()[0]?.message ?? '', /cannot be looked into \(ELOOP\)/);
  await sleep(400);
  assert.equal(now(), 'a=1 b=1');
  unlinkSync(file);
  unlinkSync(join(folder, 'sub'));
  await until('gone', () => now() === '' && source.problems().length === 0);
  put(folder, 'sub/b.yaml', service('b', 2));
  await until('back', () => now() === 'b=2');
});

test('a pipe among the files is reported, not opened', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  symlinkSync('/dev/zero', join(folder, 'z.yaml'));
  const { now, source } = await startOn(t, [folder]);
  assert.equal(now(), 'a=1');
  assert.match(source.problems()[0]?.message ?? '', /pipe or device/);
});

test('1,000 files: a change of one is one change of one object', async (t) => {
  const folder = temporaryFolder(t);
  for (let index = 0; index < 1000; index += 1) {
    put(folder, `d${index % 10}/s${index}.yaml`, service(`s${index}`, 1));
  }
  const { store } = await startOn(t, [folder]);
  const before = store.snapshot();
  assert.equal(before.services.size, 1000);
  put(folder, 'd5/s555.yaml', service('s555', 2));
  await until('changed', () => store.version === 2);
  const { set } = store.changesSince(1);
  assert.deepEqual(
    set.map(({ meta }) => meta.name),
    ['s555'],
  );
  assert.equal(store.snapshot().services.get('default/s1'), before.services.get('default/s1'));
});

test('a file rewritten without pause is followed all the same', async (t) => {
  const folder = temporaryFolder(t);
  const file = put(folder, 'a.yaml', service('a', 1));
  const { now } = await startOn(t, [folder]);
  let port = 2;
  const writer = setInterval(() => {
    port += 1;
    const next = `${file}.next`;
    writeFileSync(next, service('a', port));
    renameSync(next, file);
  }, 10);
  try {
    await until('followed', () => now() !== 'a=1');
  } finally {
    clearInterval(writer);
  }
  await until('the last one', () => now() === `a=${port}`);
});

test('nothing happens after stop', async (t) => {
  const folder = temporaryFolder(t);
  put(folder, 'a.yaml', service('a', 1));
  const { store, source, now } = await startOn(t, [folder]);
  put(folder, 'a.yaml', service('a', 2));
  await source.stop();
  const { version } = store;
  const state = now();
  await sleep(200);
  assert.deepEqual([store.version, now()], [version, state]);
});
