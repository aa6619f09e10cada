import { relative, sep } from 'node:path';
import { reasonOf } from '../errors.ts';
import { whole } from '../model/token.ts';
import type { TemplateSource } from '../render/template-check.ts';
import { listFiles, readText } from './template-sources.ts';
import { makeUnit, type Offer, type Trouble, type Unit } from './unit.ts';

const isPluginName = whole('[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?');
const isSlot = whole('[a-z][a-z0-9-]{0,40}');

interface Found {
  text: string | null;
  from: string;
  readonly partials: TemplateSource[];
}

/**
 * Reads the plugins of a folder, in either form: `<name>/plugin.js` and `<name>/<slot>.hbs`, or, as the keys of a
 * mounted ConfigMap have to be, `<name>.plugin.js` and `<name>.<slot>.hbs`. Other files are none of our business.
 */
export async function readPluginFolder(folder: string): Promise<Offer> {
  const troubles: Trouble[] = [];
  const found = new Map<string, Found>();
  try {
    for (const path of [...(await listFiles(folder, '.js')), ...(await listFiles(folder, '.hbs'))]) {
      const place = placeOf(relative(folder, path));
      if (place === null) {
        continue;
      }
      if (!isPluginName(place.plugin)) {
        const message = `${JSON.stringify(place.plugin)} is not the name of a plugin: write lower-case letters, digits and "-"`;
        troubles.push({ file: path, line: null, message });
        continue;
      }
      await addFile(found, place, path, troubles);
    }
  } catch (error) {
    return { units: [], troubles: [{ file: folder, line: null, message: reasonOf(error) }] };
  }
  return { units: [...found].map(([name, parts]) => unitOf(name, parts)), troubles };
}

interface Place {
  readonly plugin: string;
  /** `plugin.js`, or the name of a partial with its ending. */
  readonly file: string;
}

function placeOf(path: string): Place | null {
  const parts = path.split(sep);
  const [first = '', second] = parts;
  const dot = first.indexOf('.');
  const place =
    parts.length === 2 && second !== undefined
      ? { plugin: first, file: second }
      : { plugin: first.slice(0, dot), file: first.slice(dot + 1) };
  const isOurs = place.file === 'plugin.js' || place.file.endsWith('.hbs');
  return isOurs && parts.length <= 2 && (parts.length === 2 || dot > 0) ? place : null;
}

async function addFile(
  found: Map<string, Found>,
  place: Place,
  path: string,
  troubles: Trouble[],
): Promise<void> {
  const parts = found.get(place.plugin) ?? { text: null, from: path, partials: [] };
  found.set(place.plugin, parts);
  const text = await readText(path);
  if (place.file === 'plugin.js') {
    if (parts.text !== null) {
      const message = `plugin ${place.plugin} is in ${parts.from} already: remove one of them`;
      troubles.push({ file: path, line: null, message });
      return;
    }
    parts.text = text;
    parts.from = path;
    return;
  }
  const slot = place.file.slice(0, -'.hbs'.length);
  if (isSlot(slot)) {
    parts.partials.push({ name: `plugins/${place.plugin}/${slot}`, from: path, text });
  } else {
    troubles.push({ file: path, line: null, message: `${JSON.stringify(slot)} is not the name of a slot` });
  }
}

function unitOf(name: string, { text, from, partials }: Found): Unit {
  return makeUnit({
    id: `plugin ${name}`,
    source: 'plugin directory',
    from,
    templates: partials,
    plugin: { name, from, text },
  });
}
