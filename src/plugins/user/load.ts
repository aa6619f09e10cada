import { Script } from 'node:vm';
import { gatewayError } from '../../errors.ts';
import type { PluginText, Unit } from '../../extensions/unit.ts';
import type { Plugin } from '../plugin.ts';
import { pluginApi, type UserDefinition } from './api.ts';
import type { Marker } from './marker.ts';
import { userPlugin, type HookFailure } from './plugin.ts';
import { lineOfThrown, messageOfThrown } from './thrown.ts';

export interface LoadOptions {
  readonly marker: Marker;
  readonly onFailure: (failure: HookFailure) => void;
}

/**
 * Loads the code of a plugin. Equal texts are one module, so that an edit is seen and an unchanged one costs nothing.
 * @throws GatewayError CNG_PLUGIN_BROKEN with file and, where it is known, line
 */
export async function loadUserPlugin(unit: Unit, options: LoadOptions): Promise<Plugin | null> {
  const { plugin } = unit;
  if (plugin === null) {
    return null;
  }
  if (plugin.text === null) {
    throw broken(plugin, null, 'it has partials and no plugin.js');
  }
  options.marker.begin(plugin.name, '');
  try {
    const module = await importText(plugin, plugin.text);
    const definition = define(plugin, module);
    const slots = new Set(unit.templates.map(({ name }) => name.split('/').at(-1) ?? ''));
    return userPlugin({ name: plugin.name, from: plugin.from, definition, slots, ...options });
  } finally {
    options.marker.end();
  }
}

/** A module without a file: what was read is what runs, and nothing is written where nginx could change it. */
async function importText(plugin: PluginText, text: string): Promise<Record<string, unknown>> {
  // The comment makes stack traces name the file.
  const code = Buffer.from(`${text}\n//# sourceURL=${encodeURI(plugin.from)}`).toString('base64');
  try {
    return (await import(`data:text/javascript;base64,${code}`)) as Record<string, unknown>;
  } catch (cause) {
    const line = cause instanceof SyntaxError ? lineOfSyntaxError(text) : lineOfThrown(plugin.from, cause);
    throw broken(plugin, line, messageOfThrown(cause), cause);
  }
}

function define(plugin: PluginText, module: Record<string, unknown>): UserDefinition {
  const make = module['plugin'];
  if (typeof make !== 'function') {
    throw broken(plugin, null, 'it exports no function "plugin": write export function plugin(api) { … }');
  }
  let definition: unknown;
  try {
    definition = (make as (api: typeof pluginApi) => unknown)(pluginApi);
  } catch (cause) {
    throw broken(plugin, lineOfThrown(plugin.from, cause), messageOfThrown(cause), cause);
  }
  const fault = faultOf(definition);
  if (fault !== null) {
    throw broken(plugin, null, fault);
  }
  return definition as UserDefinition;
}

const known: readonly string[] = ['settings', 'route', 'http'];

function faultOf(definition: unknown): string | null {
  if (typeof definition !== 'object' || definition === null) {
    return 'its function "plugin" returns no object';
  }
  if ('then' in definition) {
    return 'its function "plugin" is async: it has to return the definition itself';
  }
  const unknown = Object.keys(definition).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    return `it has "${unknown}": allowed are ${known.join(', ')}`;
  }
  const { settings, route, http } = definition as Record<string, unknown>;
  for (const [name, hook] of Object.entries({ route, http })) {
    if (hook !== undefined && typeof hook !== 'function') {
      return `its ${name} is no function`;
    }
  }
  if (settings !== undefined && (typeof settings !== 'object' || settings === null)) {
    return 'its settings are no object';
  }
  for (const [name, spec] of Object.entries(settings ?? {})) {
    if (!/^[a-z0-9][a-z0-9-]{0,58}$/u.test(name)) {
      return `its setting ${JSON.stringify(name)} is no name: write lower-case letters, digits and "-"`;
    }
    if (
      typeof spec !== 'object' ||
      spec === null ||
      typeof spec.parse !== 'function' ||
      !('aliases' in spec)
    ) {
      return `its setting ${name} is not made by api.setting({ parse, default, description })`;
    }
  }
  return null;
}

/** V8 tells the line of a mistake in a script and not in a module, so the module is read as a script. */
function lineOfSyntaxError(text: string): number | null {
  const script = text
    .replaceAll(/^([ \t]*)export[ \t]+(?:default[ \t]+)?/gmu, '$1')
    .replaceAll(/^[ \t]*import\b[^(\n]*$/gmu, '');
  try {
    void new Script(`async () => {${script}\n}`, { filename: 'plugin.js' });
    return null;
  } catch (error) {
    const line = /^plugin\.js:(\d+)/u.exec(error instanceof Error ? (error.stack ?? '') : '')?.[1];
    return line === undefined ? null : Number(line);
  }
}

function broken(plugin: PluginText, line: number | null, reason: string, cause?: unknown): Error {
  const fields = { plugin: plugin.name, file: plugin.from, line: line ?? '?', reason };
  return gatewayError('CNG_PLUGIN_BROKEN', fields, { cause });
}
