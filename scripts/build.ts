import { chmod, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

// Dependencies in CommonJS call `require`, which an ES module does not have. The names are long so that they
// cannot meet one of the bundle's own.
const BANNER = [
  `import { createRequire as __cngCreateRequire } from 'node:module';`,
  `const require = __cngCreateRequire(import.meta.url);`,
].join('\n');

const SHEBANG = '#!/usr/bin/env node\n';

/**
 * Bundles `<root>/src/main.ts`, and the entries of its threads where there are some, into `<root>/dist` with the
 * templates and the reload script beside them, so that `dist` works from any folder and without node_modules.
 *
 * All files lie flat in `dist`: `import.meta.dirname` is `dist` in shared chunks too. What the sources import
 * dynamically (`@kubernetes/client-node`) becomes a chunk of its own that is read only when it is used.
 *
 * The new `dist` is made beside the old one and takes its place by rename; on an error the old one stays.
 *
 * @throws esbuild's BuildFailure (already printed), or an Error that names what is missing.
 */
export async function buildDist(root: string): Promise<void> {
  const main = join(root, 'src', 'main.ts');
  if (!(await exists(main))) throw new Error(`cannot build: ${main} does not exist`);
  const threads = ['worker.ts', 'traffic-worker.ts'].map((name) => join(root, 'src', name));
  const dist = join(root, 'dist');
  const fresh = join(root, `dist.new.${process.pid}`);
  const old = join(root, `dist.old.${process.pid}`);
  try {
    const found = await Promise.all(threads.map(async (file) => ((await exists(file)) ? [file] : [])));
    await bundle(root, [main, ...found.flat()], fresh);
    await makeExecutable(join(fresh, 'main.js'));
    await cp(join(root, 'templates'), join(fresh, 'templates'), { recursive: true });
    await mkdir(join(fresh, 'scripts'));
    await cp(join(root, 'scripts', 'reload.sh'), join(fresh, 'scripts', 'reload.sh'));
    await chmod(join(fresh, 'scripts', 'reload.sh'), 0o755);
    // Without it a dist that was copied elsewhere would be read as CommonJS.
    await writeFile(join(fresh, 'package.json'), '{ "type": "module" }\n');
    if (await exists(dist)) await rename(dist, old);
    await rename(fresh, dist);
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

async function bundle(root: string, entryPoints: string[], outdir: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    chunkNames: '[name]-[hash]',
    sourcemap: true,
    // The maps alone would double what is shipped; the sources are in the repository.
    sourcesContent: false,
    banner: { js: BANNER },
    logLevel: 'warning',
  });
}

/** Gives the entry its shebang where the source has none, and moves its source map down by that line. */
async function makeExecutable(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  if (!text.startsWith('#!')) {
    await writeFile(path, SHEBANG + text);
    const map = JSON.parse(await readFile(`${path}.map`, 'utf8')) as { mappings: string };
    map.mappings = `;${map.mappings}`;
    await writeFile(`${path}.map`, JSON.stringify(map));
  }
  await chmod(path, 0o755);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { root: { type: 'string' } } });
  try {
    await buildDist(resolve(values.root ?? join(import.meta.dirname, '..')));
  } catch (error) {
    // esbuild has printed its errors with their places; its stack would only push them off the screen.
    if (!(error instanceof Error && 'errors' in error)) throw error;
    process.exitCode = 1;
  }
}
