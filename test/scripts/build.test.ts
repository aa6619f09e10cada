import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = join(ROOT, 'scripts/build.ts');

// One dependency in CommonJS that requires built-in modules, and the one that must only be loaded when used.
const MAIN = `import winston from 'winston';
import { here } from './shared.ts';
winston.createLogger({ transports: [new winston.transports.Console({ format: winston.format.simple() })] }).info(here());
if (process.argv[2] === 'cluster') {
  const { KubeConfig } = await import('@kubernetes/client-node');
  console.log(typeof new KubeConfig().getContexts);
}
if (process.argv[2] === 'worker') {
  const { Worker } = await import('node:worker_threads');
  new Worker(new URL('./worker.js', import.meta.url)).on('message', (text) => console.log(text));
}
if (process.argv[2] === 'throw') throw new Error('a place to find');
`;
const WORKER = `import { parentPort } from 'node:worker_threads';
import { here } from './shared.ts';
parentPort?.postMessage('worker in ' + here());
`;

function makeProject(t: TestContext, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'build-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const folder of ['src', 'scripts', 'templates/plugins'])
    mkdirSync(join(root, folder), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const all = { 'templates/plugins/a.hbs': 'a', 'scripts/reload.sh': '#!/bin/sh\n', ...files };
  for (const [path, text] of Object.entries(all)) writeFileSync(join(root, path), text);
  return root;
}

function run(file: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', cwd: '/', timeout: 60_000 });
  return { code: status, stdout, stderr };
}

it('makes a dist that runs from any place without node_modules', (t) => {
  const root = makeProject(t, {
    'src/main.ts': MAIN,
    'src/worker.ts': WORKER,
    'src/shared.ts': 'export function here(): string { return import.meta.dirname; }\n',
  });
  const built = run(process.execPath, SCRIPT, '--root', root);
  assert.deepEqual(built, { code: 0, stdout: '', stderr: '' });

  const elsewhere = mkdtempSync(join(tmpdir(), 'dist-'));
  t.after(() => rmSync(elsewhere, { recursive: true }));
  const dist = join(elsewhere, 'dist');
  renameSync(join(root, 'dist'), dist);
  const main = join(dist, 'main.js');

  // Shared code lies in a chunk, and is in the same folder there: that is where templates and scripts are.
  assert.equal(run(main).stdout, `info: ${dist}\n`);
  assert.equal(readFileSync(join(dist, 'templates/plugins/a.hbs'), 'utf8'), 'a');
  accessSync(join(dist, 'scripts/reload.sh'), constants.X_OK);
  assert.match(run(main, 'worker').stdout, new RegExp(`^worker in ${dist}$`, 'm'));
  assert.match(run(main, 'cluster').stdout, /^function$/m);
  assert.doesNotMatch(readFileSync(main, 'utf8'), /loadFromCluster/, 'the client has a chunk of its own');

  const thrown = run(process.execPath, '--enable-source-maps', main, 'throw');
  const line = MAIN.split('\n').findIndex((text) => text.includes('a place to find')) + 1;
  assert.match(thrown.stderr, new RegExp(`src/main\\.ts:${line}:`), 'the map counts the line of the shebang');
});

it('needs no worker, and keeps the old dist when the sources do not build', (t) => {
  const root = makeProject(t, { 'src/main.ts': `#!/usr/bin/env node\nconsole.log('first');\n` });
  assert.equal(run(process.execPath, SCRIPT, '--root', root).code, 0);
  assert.equal(run(join(root, 'dist/main.js')).stdout, 'first\n');
  assert.ok(!existsSync(join(root, 'dist/worker.js')));

  writeFileSync(join(root, 'src/main.ts'), 'const = 1;\n');
  const failed = run(process.execPath, SCRIPT, '--root', root);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /src\/main\.ts:1:6/);
  assert.equal(run(join(root, 'dist/main.js')).stdout, 'first\n');
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('dist')),
    ['dist'],
  );

  rmSync(join(root, 'src/main.ts'));
  assert.match(
    run(process.execPath, SCRIPT, '--root', root).stderr,
    /cannot build: .*main\.ts does not exist/,
  );
});
