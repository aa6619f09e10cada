import { gatewayError } from '../errors.ts';
import type { Unit } from '../extensions/unit.ts';
import { builtinPlugins } from '../plugins/builtin.ts';
import type { Plugin } from '../plugins/plugin.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { loadUserPlugin } from '../plugins/user/load.ts';
import type { Marker } from '../plugins/user/marker.ts';
import type { HookFailure } from '../plugins/user/plugin.ts';
import type { TemplateSource } from '../render/template-check.ts';
import { withOverrides } from '../render/template-files.ts';
import { compileTemplates } from '../render/templates.ts';
import { Pipeline, type PipelineParts } from './pipeline.ts';
import { TemplateProof } from './template-proof.ts';

/** What the operator adds, as one build takes it. */
export interface Extensions {
  readonly units: readonly Unit[];
  /** Plugins of which no form can be used, and why. */
  readonly missing: readonly { readonly plugin: string; readonly reason: string }[];
}

export const noExtensions: Extensions = { units: [], missing: [] };

/** A pipeline with what an operator adds. */
export interface Kit {
  readonly pipeline: Pipeline;
  readonly plugins: PluginRegistry;
  /** The templates in force, built-in ones included. */
  readonly sources: readonly TemplateSource[];
  /** What plugins have thrown since it was last emptied. */
  readonly failures: HookFailure[];
}

export interface KitParts extends Omit<PipelineParts, 'plugins' | 'templates' | 'proof'> {
  readonly builtinTemplates: readonly TemplateSource[];
  readonly disabledPlugins: readonly string[];
  readonly marker: Marker;
  /** Names a built-in object of the language that is not as it was, or null. */
  readonly changedIntrinsic: () => string | null;
}

/** More than the form that is served and the one that is tried. */
const mostKits = 4;

/** Makes kits, and keeps the last few: a build without a change finds everything compiled and remembered. */
export class Kits {
  readonly #parts: KitParts;
  readonly #kept = new Map<string, Promise<Kit>>();

  constructor(parts: KitParts) {
    this.#parts = parts;
  }

  /** @throws GatewayError CNG_TEMPLATE_BROKEN, CNG_PLUGIN_BROKEN */
  async get(extensions: Extensions): Promise<Kit> {
    const key = JSON.stringify([extensions.units.map(({ id, hash }) => [id, hash]), extensions.missing]);
    const kept = this.#kept.get(key) ?? makeKit(this.#parts, extensions);
    // Moved to the end: the one used longest ago is dropped first.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostKits && oldest !== undefined) {
      this.#kept.delete(oldest);
    }
    try {
      return await kept;
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
  }
}

async function makeKit(parts: KitParts, { units, missing }: Extensions): Promise<Kit> {
  const { builtinTemplates, disabledPlugins, marker, changedIntrinsic, ...pipelineParts } = parts;
  const failures: HookFailure[] = [];
  const disabled = new Set(disabledPlugins);
  const sources = withOverrides(
    builtinTemplates,
    units.filter(({ plugin }) => plugin === null || !disabled.has(plugin.name)),
  );
  const reasons = new Map(missing.map(({ plugin, reason }) => [plugin, reason]));
  const usable: Plugin[] = [];
  const builtinNames = new Set(
    builtinPlugins()
      .list()
      .map(({ name }) => name),
  );
  for (const unit of units) {
    const { plugin } = unit;
    if (plugin === null) {
      continue;
    }
    if (builtinNames.has(plugin.name)) {
      const reason = 'a built-in plugin has this name: choose another';
      throw gatewayError('CNG_PLUGIN_BROKEN', { plugin: plugin.name, file: plugin.from, line: '?', reason });
    }
    if (disabled.has(plugin.name)) {
      reasons.set(plugin.name, 'it is switched off (plugins.disabled)');
      continue;
    }
    const loaded = await loadUserPlugin(unit, { marker, onFailure: (failure) => failures.push(failure) });
    const changed = changedIntrinsic();
    if (changed !== null) {
      const reason = `it changes ${changed}, which everything else in its thread uses`;
      throw gatewayError('CNG_PLUGIN_BROKEN', { plugin: plugin.name, file: plugin.from, line: '?', reason });
    }
    usable.push(...(loaded === null ? [] : [loaded]));
  }
  const plugins = builtinPlugins({
    prefix: parts.settings.annotationsPrefix,
    disabled: disabledPlugins,
    users: { usable, missing: reasons },
  });
  const templates = compileTemplates(sources);
  const proof = new TemplateProof(sources, plugins);
  const pipeline = new Pipeline({ ...pipelineParts, plugins, templates, proof });
  return { pipeline, plugins, sources, failures };
}
