import { refused, shown } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { defaultOptions, type Options } from '../options/options.ts';
import { risks, type Risk, type Settings } from './plugin.ts';
import { picksAnnotation } from './user/names.ts';
import { ingressNginxPrefix, ownPrefix, type FoundSpec, type PluginRegistry } from './registry.ts';

/** The annotations of one object, read through the registry. */
export interface AnnotationReading {
  /** By plugin: every annotation of its table, parsed, or its default. */
  readonly settings: ReadonlyMap<string, Settings>;
  /** By annotation: the field that set it, of those whose value is in `settings`. */
  readonly fields: ReadonlyMap<string, string>;
  /** By plugin: the annotations in `fields` that are its own. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly rejected: readonly Reason[];
  readonly denied: readonly Reason[];
  readonly differences: readonly Reason[];
}

interface Given {
  readonly found: FoundSpec;
  readonly field: string;
  readonly text: string;
  /** Less wins: our own prefix before the other one, then the annotation's own name before its aliases. */
  readonly rank: number;
}

/**
 * Reads the annotations under our own prefix and the configured one. Every name and value that has no effect is told;
 * other annotations are none of our business.
 */
export function readAnnotations(
  registry: PluginRegistry,
  annotations: Readonly<Record<string, string>>,
  options: Options = defaultOptions,
): AnnotationReading {
  const reader = new AnnotationReader(registry, options);
  for (const key of Object.keys(annotations).sort()) {
    reader.read(key, annotations[key] ?? '');
  }
  return reader.finish();
}

/** Annotations of a higher risk refuse their Ingress. */
export function allowedRisk(options: Options): Risk {
  return options['annotations-risk-level'];
}

/** The field of an annotation, for a Reason. */
export function annotationField(key: string): string {
  return `metadata.annotations[${shown(key)}]`;
}

class AnnotationReader {
  readonly #registry: PluginRegistry;
  readonly #options: Options;
  readonly #given = new Map<string, Given>();
  readonly #rejected: Reason[] = [];
  readonly #denied: Reason[] = [];
  readonly #differences: Reason[] = [];

  constructor(registry: PluginRegistry, options: Options) {
    this.#registry = registry;
    this.#options = options;
  }

  read(key: string, text: string): void {
    const { prefix } = this.#registry;
    const slash = key.indexOf('/');
    const before = slash < 0 ? '' : key.slice(0, slash);
    const name = key.slice(slash + 1);
    if (before === ownPrefix || before === prefix) {
      this.#take(name, annotationField(key), text, before === ownPrefix ? 0 : 2);
    } else if (before === ingressNginxPrefix) {
      this.#differences.push({
        field: annotationField(key),
        message: `has no effect: annotations are read under ${prefix}/ (annotations_prefix) and ${ownPrefix}/`,
      });
    }
  }

  finish(): AnnotationReading {
    const settings = new Map(this.#registry.defaults(this.#options));
    const allowed = allowedRisk(this.#options);
    const fields = new Map<string, string>();
    const ofPlugin = new Map<string, string[]>();
    for (const given of this.#given.values()) {
      const { plugin, name, spec } = given.found;
      if (risks.indexOf(spec.risk) > risks.indexOf(allowed)) {
        const message = `is of risk ${spec.risk}, and annotations above ${allowed} are refused: remove it`;
        this.#rejected.push({ field: given.field, message });
        continue;
      }
      const parsed = spec.parse(given.text);
      if (refused(parsed)) {
        this.#refuse(given, parsed.error);
        continue;
      }
      fields.set(name, given.field);
      ofPlugin.set(plugin.name, [...(ofPlugin.get(plugin.name) ?? []), name]);
      settings.set(plugin.name, { ...settings.get(plugin.name), [name]: parsed.value });
    }
    this.#tellUnpicked(settings, ofPlugin, fields);
    return {
      settings,
      fields,
      given: ofPlugin,
      rejected: this.#rejected,
      denied: this.#denied,
      differences: this.#differences,
    };
  }

  /** Settings of users' plugins count for nothing where the plugin is not named. */
  #tellUnpicked(
    settings: ReadonlyMap<string, Settings>,
    given: Map<string, string[]>,
    fields: ReadonlyMap<string, string>,
  ): void {
    const names = new Set(this.#registry.forRoute(settings).map(({ name }) => name));
    for (const [plugin, annotations] of given) {
      if (!names.has(plugin)) {
        const message = `has no effect: add ${plugin} to ${ownPrefix}/${picksAnnotation}`;
        for (const annotation of annotations) {
          this.#differences.push({ field: fields.get(annotation) ?? '', message });
        }
        given.delete(plugin);
      }
    }
  }

  #take(name: string, field: string, text: string, prefixRank: number): void {
    const found = this.#registry.specOf(name);
    if (found === null) {
      const near = this.#registry.suggest(name);
      const hint = near === null ? 'remove it or correct its name' : `did you mean ${near}?`;
      this.#differences.push({ field, message: `is unknown and has no effect: ${hint}` });
      return;
    }
    if (text.trim() === '') {
      // As in ingress-nginx a blank value is an absent one; where that leaves a door open it is said.
      if (found.spec.protective) {
        const message = 'is blank and protects nothing: remove it or give it a value';
        this.#differences.push({ field, message });
      }
      return;
    }
    const given = { found, field, text, rank: prefixRank + (name === found.name ? 0 : 1) };
    const other = this.#given.get(found.name);
    if (other === undefined) {
      this.#given.set(found.name, given);
      return;
    }
    const [winner, loser] = other.rank <= given.rank ? [other, given] : [given, other];
    this.#given.set(found.name, winner);
    if (winner.text !== loser.text) {
      this.#differences.push({ field: loser.field, message: `has no effect beside ${winner.field}` });
    }
  }

  #refuse({ found, field }: Given, error: string): void {
    switch (found.spec.onInvalid) {
      case 'reject':
        this.#rejected.push({ field, message: error });
        return;
      case 'deny':
        this.#denied.push({ field, message: error });
        return;
      case 'default':
        this.#differences.push({ field, message: `${error}; the default is used` });
    }
  }
}
