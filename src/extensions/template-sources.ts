import { readFile, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { reasonOf } from '../errors.ts';
import type { TemplateSource } from '../render/template-check.ts';
import { templateNameOf, templateSuffix } from './template-name.ts';
import { makeUnit, nothing, type Offer, type Trouble } from './unit.ts';

/** More than a template can reasonably have; a mistaken path must not fill the memory. */
export const largestFile = 1024 * 1024;

/**
 * Reads the operator's templates: a folder, or a file that takes the place of `nginx.conf.hbs`. What cannot be read
 * is a trouble. An empty folder is none: an optional ConfigMap that is not there is mounted as one.
 */
export async function readTemplateFolder(path: string): Promise<Offer> {
  try {
    const paths = (await stat(path)).isFile() ? [path] : await listFiles(path, templateSuffix);
    if (paths.length === 0) {
      return nothing;
    }
    const templates: TemplateSource[] = [];
    for (const file of paths) {
      const name = file === path ? 'nginx.conf' : templateNameOf(relative(path, file));
      templates.push({ name, from: file, text: await readText(file) });
    }
    return offer('template folder', path, templates);
  } catch (error) {
    return { units: [], troubles: [{ file: path, line: null, message: reasonOf(error) }] };
  }
}

/** The templates of a ConfigMap's data; null where it is missing. `key` is that of the object. */
export function readTemplateConfigMap(key: string, data: Readonly<Record<string, string>> | null): Offer {
  if (data === null) {
    const message = 'is missing: the built-in templates are used (kubernetes.template_config_map)';
    return { units: [], troubles: [{ file: key, line: null, message }] };
  }
  const troubles: Trouble[] = [];
  const templates: TemplateSource[] = [];
  for (const name of Object.keys(data).sort()) {
    const file = `${key} ${name}`;
    if (name.endsWith(templateSuffix)) {
      templates.push({ name: templateNameOf(name), from: file, text: data[name] ?? '' });
    } else {
      troubles.push({ file, line: null, message: 'is no template: its key has to end in .hbs' });
    }
  }
  const { units } = templates.length === 0 ? nothing : offer('template ConfigMap', key, templates);
  return { units, troubles };
}

function offer(
  source: 'template folder' | 'template ConfigMap',
  from: string,
  templates: readonly TemplateSource[],
): Offer {
  return {
    units: [makeUnit({ id: `templates of ${from}`, source, from, templates, plugin: null })],
    troubles: [],
  };
}

/** All files below a folder with this ending, sorted. Hidden folders are those of a mounted ConfigMap. */
export async function listFiles(folder: string, ending: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(folder, path).startsWith('.'))
    .sort();
}

/** @throws the file system's own errors, and an Error for a file that is too large */
export async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > largestFile) {
    throw new Error(`${path} has ${size} bytes; at most ${largestFile} are allowed`);
  }
  return readFile(path, 'utf8');
}
