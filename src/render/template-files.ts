import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gatewayError } from '../errors.ts';
import { nearest } from '../model/nearest.ts';
import { checkContract } from './contract.ts';
import type { TemplateSource } from './template-check.ts';

const suffix = '.hbs';

/** Folders of `templates/` that are no part of nginx.conf. */
const otherFolders = ['debug'];

/** Templates of one place, in the order in which they take each other's place. */
interface Overrides {
  readonly templates: readonly TemplateSource[];
}

/**
 * The built-in templates with an operator's own in the place of those of the same name; later ones win. One that
 * neither takes the place of another nor is used by one is a mistake in its name.
 * @throws GatewayError CNG_TEMPLATE_BROKEN
 */
export function withOverrides(
  builtin: readonly TemplateSource[],
  overrides: readonly Overrides[],
): TemplateSource[] {
  const sources = new Map(builtin.map((source) => [source.name, source]));
  for (const source of overrides.flatMap(({ templates }) => templates)) {
    checkContract(source);
    const replaced = sources.get(source.name);
    if (replaced !== undefined && isBlank(source) && !isBlank(replaced)) {
      const reason =
        'it is blank: all that the built-in one prints would be missing; remove it to return to that';
      throw gatewayError('CNG_TEMPLATE_BROKEN', { template: source.from, line: 1, reason });
    }
    sources.set(source.name, { ...source, isOwn: true });
  }
  const used = new Set([...sources.values()].flatMap(({ text }) => partialNames(text)));
  const builtinNames = new Set(builtin.map(({ name }) => name));
  for (const source of sources.values()) {
    if (source.isOwn === true && !builtinNames.has(source.name) && !used.has(source.name)) {
      refuseUnused(source, builtinNames);
    }
  }
  return [...sources.values()];
}

/** Whether nothing but comments of Handlebars is in it. */
function isBlank({ text }: TemplateSource): boolean {
  return text.replaceAll(/\{\{~?!--[^]*?--~?\}\}|\{\{~?![^]*?\}\}/gu, '').trim() === '';
}

const slots: readonly string[] = ['http', 'location'];

function refuseUnused(source: TemplateSource, builtin: ReadonlySet<string>): void {
  const [folder, , slot = ''] = source.name.split('/');
  if (folder === 'plugins' && slots.includes(slot)) {
    return;
  }
  const near = nearest(source.name, builtin);
  const hint = near === null ? '' : `: did you mean ${near}?`;
  const reason = `no template is called "${source.name}", and none of yours uses it${hint}`;
  throw gatewayError('CNG_TEMPLATE_BROKEN', { template: source.from, line: 1, reason });
}

/** Names after `{{>`; a text that does not parse is told elsewhere. */
function partialNames(text: string): string[] {
  return [...text.matchAll(/\{\{~?>\s*([A-Za-z0-9_./-]+)/gu)].map((match) => match[1] ?? '');
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
