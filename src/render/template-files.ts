import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { TemplateSource } from './template-check.ts';

const suffix = '.hbs';

/** Folders of `templates/` that are no part of nginx.conf. */
const otherFolders = ['debug'];

/**
 * Reads all templates below a folder; a template's name is its path without the ending.
 * @throws the file system's own errors
 */
export async function readTemplates(folder: string): Promise<TemplateSource[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !otherFolders.some((other) => path.startsWith(`${other}/`)))
    .sort();
  return Promise.all(
    files.map(async (path) => ({
      name: path.slice(0, -suffix.length),
      from: `templates/${path}`,
      text: await readFile(join(folder, path), 'utf8'),
    })),
  );
}
