import { shown, whole, type Parsed } from '../model/token.ts';
import { defaultOptions, type Options } from '../options/options.ts';
import { nearest } from '../model/nearest.ts';
import type { AnnotationSpec, Plugin, Settings } from './plugin.ts';
import { picksAnnotation, picksName } from './user/names.ts';

/** A row of a plugin's table, found by one of its names. */
export interface FoundSpec {
  readonly plugin: Plugin;
  /** The annotation's own name, whatever alias was asked for. */
  readonly name: string;
  readonly spec: AnnotationSpec;
}

/** The prefix that always works, whatever prefix is configured beside it. */
export const ownPrefix = 'cloud-native-gateway.io';

/** The prefix that manifests for ingress-nginx have. */
export const ingressNginxPrefix = 'nginx.ingress.kubernetes.io';

const isName = whole('[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?');

/** All plugins, and the one table of all annotations: whatever is not in it is not read. */
export class PluginRegistry {
  /** The configured prefix of annotations, beside our own. */
  readonly prefix: string;
  readonly #plugins = new Map<string, Plugin>();
  readonly #specs = new Map<string, FoundSpec>();
  readonly #defaults = new WeakMap<Options, ReadonlyMap<string, Settings>>();
  #ordered: readonly Plugin[] | null = null;
  #builtin: readonly Plugin[] | null = null;

  constructor(prefix: string = ingressNginxPrefix) {
    this.prefix = prefix;
  }

  /** Takes a plugin, or says why not: its name or one of its annotations is not sound or already taken. */
  register(plugin: Plugin): Parsed<Plugin> {
    if (!isName(plugin.name)) {
      return {
        error: `${shown(plugin.name)} is not a plugin name: write lower-case letters, digits and "-"`,
      };
    }
    if (this.#plugins.has(plugin.name)) {
      return { error: `there is a plugin ${plugin.name} already: choose another name` };
    }
    if (!Number.isFinite(plugin.order)) {
      return { error: `plugin ${plugin.name}: its order is not a number` };
    }
    const found = specsOf(plugin);
    const names = found.map(([name]) => name);
    const taken = names.find((name, index) => this.#specs.has(name) || names.indexOf(name) < index);
    if (taken !== undefined) {
      const owner = this.#specs.get(taken)?.plugin.name ?? plugin.name;
      return { error: `plugin ${plugin.name}: the annotation ${shown(taken)} belongs to plugin ${owner}` };
    }
    for (const [name, spec] of found) {
      this.#specs.set(name, spec);
    }
    this.#plugins.set(plugin.name, plugin);
    this.#ordered = null;
    this.#builtin = null;
    return { value: plugin };
  }

  get(name: string): Plugin | null {
    return this.#plugins.get(name) ?? null;
  }

  /** In the order of their additions. */
  list(): readonly Plugin[] {
    this.#ordered ??= [...this.#plugins.values()].sort(
      (a, b) => a.order - b.order || (a.name < b.name ? -1 : 1),
    );
    return this.#ordered;
  }

  /** The plugins of one route: the built-in ones in their order, then those of users that it names. */
  forRoute(settings: ReadonlyMap<string, Settings>): readonly Plugin[] {
    this.#builtin ??= this.list().filter(({ picked }) => picked !== true);
    const names = settings.get(picksName)?.[picksAnnotation];
    if (!Array.isArray(names) || names.length === 0) {
      return this.#builtin;
    }
    const picked = names.flatMap((name) => {
      const plugin = this.#plugins.get(String(name));
      return plugin?.picked === true ? [plugin] : [];
    });
    return [...this.#builtin, ...picked];
  }

  /** By plugin: its settings where no annotation is set. */
  defaults(options: Options = defaultOptions): ReadonlyMap<string, Settings> {
    let defaults = this.#defaults.get(options);
    if (defaults === undefined || defaults.size < this.#plugins.size) {
      defaults = new Map(
        [...this.#plugins.values()].map((plugin) => [plugin.name, defaultsOf(plugin, options)]),
      );
      this.#defaults.set(options, defaults);
    }
    return defaults;
  }

  /** The row of an annotation by its name or an alias, without prefix; null if no plugin knows it. */
  specOf(name: string): FoundSpec | null {
    return this.#specs.get(name) ?? null;
  }

  /** Every name of every annotation, without prefix: aliases too. */
  names(): IterableIterator<string> {
    return this.#specs.keys();
  }

  /**
   * The annotations that decide who gets in, as they stand in `metadata.annotations`, aliases included: two versions
   * of an object that differ in one of them are not protected alike.
   */
  get protectiveAnnotations(): ReadonlySet<string> {
    return this.#namesOf((spec) => spec.protective);
  }

  /** The same, and those of which a last good form must have the value of today. */
  get guardingAnnotations(): ReadonlySet<string> {
    return this.#namesOf((spec) => spec.protective || spec.inLastGood === 'same');
  }

  #namesOf(which: (spec: AnnotationSpec) => boolean): ReadonlySet<string> {
    const names = [...this.#specs].filter(([, { spec }]) => which(spec)).map(([name]) => name);
    return new Set(names.flatMap((name) => [`${ownPrefix}/${name}`, `${this.prefix}/${name}`]));
  }

  /** Whether a last good form has no more of a list than the present version; by the annotation's name with prefix. */
  lastGoodRule(key: string): 'common' | null {
    const [prefix = '', name = ''] = key.split('/');
    const isOurs = prefix === ownPrefix || prefix === this.prefix;
    return isOurs && this.#specs.get(name)?.spec.inLastGood === 'common' ? 'common' : null;
  }

  /** Whether two values of an annotation, by its name with prefix, protect alike; undefined stands for none. */
  protectAlike(key: string, one: string | undefined, other: string | undefined): boolean {
    const protection = this.#specs.get(key.slice(key.indexOf('/') + 1))?.spec.protection;
    return one === other || (protection !== undefined && protection(one ?? '') === protection(other ?? ''));
  }

  /** The known annotation that a mistyped name most likely stands for, or null. */
  suggest(name: string): string | null {
    return nearest(name, this.#specs.keys());
  }
}

function specsOf(plugin: Plugin): [string, FoundSpec][] {
  return Object.entries(plugin.annotations).flatMap(([name, spec]) =>
    [name, ...spec.aliases].map((each): [string, FoundSpec] => [each, { plugin, name, spec }]),
  );
}

function defaultsOf(plugin: Plugin, options: Options): Settings {
  return Object.fromEntries(
    Object.entries(plugin.annotations).map(([name, spec]) => [
      name,
      spec.option === undefined ? spec.default : options[spec.option],
    ]),
  );
}
