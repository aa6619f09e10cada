import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gatewayError, reasonOf } from '../errors.ts';
import type { TemplateSource } from './template-check.ts';

const suffix = '.hbs';

/** Folders of `templates/` that are no part of nginx.conf. */
const otherFolders = ['debug'];

/**
 * The built-in templates with an operator's own in the place of those of the same name. `overrides` is a folder, or
 * a file that takes the place of `nginx.conf.hbs`; null for none.
 * @throws GatewayError CNG_TEMPLATE_BROKEN where it cannot be read
 */
export async function readTemplateSet(builtin: string, overrides: string | null): Promise<TemplateSource[]> {
  const sources = new Map((await readTemplates(builtin)).map((source) => [source.name, source]));
  if (overrides !== null) {
    for (const source of await readOverrides(overrides)) {
      sources.set(source.name, source);
    }
  }
  return [...sources.values()];
}

async function readOverrides(path: string): Promise<TemplateSource[]> {
  try {
    if ((await stat(path)).isFile()) {
      return [{ name: 'nginx.conf', from: path, text: await readFile(path, 'utf8') }];
    }
    const found = await readTemplates(path);
    if (found.length === 0) {
      throw new Error(`it has no file whose name ends in ${suffix}`);
    }
    return found.map((source) => ({ ...source, from: join(path, `${source.name}${suffix}`) }));
  } catch (cause) {
    throw gatewayError(
      'CNG_TEMPLATE_BROKEN',
      { template: path, line: 1, reason: reasonOf(cause) },
      { cause },
    );
  }
}

/**
 * Reads all templates below a folder; a template's name is its path without the ending.
 * @throws the file system's own errors
 */
export async function readTemplates(folder: string): Promise<TemplateSource[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    // A mounted ConfigMap has symlinks for files, and their targets in hidden folders.
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && entry.name.endsWith(suffix))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('.') && !otherFolders.some((other) => path.startsWith(`${other}/`)))
    .sort();
  return Promise.all(
    files.map(async (path) => ({
      name: path.slice(0, -suffix.length),
      from: `templates/${path}`,
      text: await readFile(join(folder, path), 'utf8'),
    })),
  );
}
